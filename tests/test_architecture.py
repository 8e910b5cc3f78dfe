"""The house rules: which module may import which, sizes, names.

A test prints everything that breaks its rule, so that one run shows all of it.
"""

import graphlib
import re

import pytest

from tests.sources import (
  FILES,
  MODULES,
  ROOT,
  assert_none,
  function_lengths,
  imports,
  imports_of_ours,
)

# The rooms of the house. A room is a package, or a module of `official` that is
# named here; all other modules in the folder `official` are the ground. A room
# imports rooms of lower floors only: never one above it, never one beside it.
FLOORS = (
  ('alexnet', 'googlenet'),  # networks that plug into ResNet's run loop
  ('resnet',),
  ('official.experiment',),  # a command that calls the other commands
  ('official.predict', 'official.report', 'official.serve'),
  ('official.run',),
  ('official.export',),
  ('official.datasets', 'official.devices'),
  ('official.cli',),
  ('official.flags', 'official.layers', 'official.optimizers'),
  ('official.estimator', 'ground'),
)
FLOOR_OF = {
  room: floor for floor, rooms in enumerate(reversed(FLOORS)) for room in rooms
}

MODULE_LINES = 300
FUNCTION_LINES = 40  # its docstring not counted

# These answer at once: importing NumPy takes a tenth of a second, importing
# TensorFlow several seconds. Every main answers at once too, if a flag is
# wrong.
QUICK = ('official.flags', 'official.cli', 'official.errors')
MAINS = tuple(name for name in MODULES if name.endswith('_main'))
TENSORFLOW = ('tensorflow', 'keras')

# The allowed exceptions, where `official` names a network.
ALLOWED_NAMES = (
  'official ResNet run loop',  # the title of the original
  '--resnet_version',  # the message about its old name, --version, has to
)


def room_of(module):
  """`official.flags.checks` -> `official.flags`."""
  package, *names = module.split('.')
  if package != 'official':
    return package
  room = '.'.join([package, *names[:1]])
  is_ground = MODULES[room].stem != '__init__' and room not in FLOOR_OF
  return 'ground' if is_ground or not names else room


def modules_of(room):
  return [module for module in MODULES if room_of(module) == room]


def test_every_room_has_a_floor():
  assert_none({room_of(module) for module in MODULES} - set(FLOOR_OF))


def test_a_room_imports_lower_floors_only():
  floor_of = {name: FLOOR_OF.get(room_of(name), -1) for name in MODULES}
  assert_none(
    f'{module} imports {name}'
    for module in MODULES
    for name in imports_of_ours(module)
    if room_of(name) != room_of(module)
    if floor_of[name] >= floor_of[module]
  )


def circles(arrows):
  """Circles of imports, enough of them that breaking each would leave none."""
  arrows = {module: set(names) for module, names in arrows.items()}
  while True:
    try:
      graphlib.TopologicalSorter(arrows).prepare()
      return
    except graphlib.CycleError as error:
      imported, importer, *_ = error.args[1]
      yield ' <- '.join(error.args[1])
      arrows[importer].remove(imported)


def test_no_imports_go_in_a_circle():
  """Imports in functions and inside a room do not either."""
  assert_none(circles({m: imports_of_ours(m) for m in MODULES}))


def test_this_sees_a_circle():
  arrows = {'a': {'b'}, 'b': {'c'}, 'c': {'b', 'd'}, 'd': set()}
  (circle,) = circles(arrows)
  assert circle in ('b <- c <- b', 'c <- b <- c')


@pytest.mark.parametrize('package', ['official', 'official.estimator'])
def test_a_package_imports_nothing_else_of_ours(package):
  def is_inside(module):
    return f'{module}.'.startswith(f'{package}.')

  assert_none(
    f'{module} imports {name}'
    for module in filter(is_inside, MODULES)
    for name in imports_of_ours(module)
    if not is_inside(name)
  )


def test_a_network_is_made_of_layers_alone():
  """It and its blocks do not import data, flags or runs."""
  networks = [m for m in MODULES if re.fullmatch(r'(\w+)\.\1_model', m)]
  offenders = []
  for module in networks:
    for name in imports_of_ours(module):
      if room_of(name) == room_of(module):
        networks.append(name)
      elif room_of(name) not in ('official.layers', 'ground'):
        offenders.append(f'{module} imports {name}')
  assert_none(offenders)


def chain_to(libraries, module):
  """How the import of a module leads to a library; empty if it does not."""
  chains = {module: [module]}
  modules = [module]
  while modules:
    module = modules.pop(0)
    for name in imports(module, at_its_import=True):
      if name.split('.')[0] in libraries:
        return ' -> '.join([*chains[module], name])
    names = imports_of_ours(module, at_its_import=True)
    package, _, _ = module.rpartition('.')  # Python imports it first.
    for name in names | ({package} - {''}):
      if name not in chains:
        chains[name] = [*chains[module], name]
        modules.append(name)
  return ''


def test_what_answers_at_once_does_not_wait_for_tensorflow_or_numpy():
  libraries = (*TENSORFLOW, 'numpy')
  chains = {chain_to(libraries, module) for module in (*QUICK, *MAINS)}
  assert_none(chains - {''})


def test_the_report_does_not_wait_for_tensorflow():
  """Never: the imports in its functions do not need it either."""
  chains = {
    chain_to(TENSORFLOW, name)
    for module in modules_of('official.report')
    for name in {module} | imports_of_ours(module)
  }
  assert_none(chains - {''})
  assert_none(
    f'{module} imports {name}'
    for module in modules_of('official.report')
    for name in imports(module)
    if name.split('.')[0] in TENSORFLOW
  )


def test_python_agrees_that_they_do_not_wait(run):
  quick = ', '.join([*QUICK, *MAINS])
  report = ', '.join(modules_of('official.report'))
  result = run(
    '-c',
    f'import sys, {quick}\n'
    'print({"numpy", "tensorflow", "keras"} & set(sys.modules))\n'
    f'import {report}\n'
    'print({"tensorflow", "keras"} & set(sys.modules))\n',
  )
  assert result.stdout.splitlines() == ['set()', 'set()'], result.stderr


def test_official_names_no_network():
  """A name there would be one more place to change for a new network."""
  allowed = re.compile('|'.join(map(re.escape, ALLOWED_NAMES)))
  network = re.compile('resnet|alexnet|googlenet|lenet', re.IGNORECASE)
  assert_none(
    f'{path.relative_to(ROOT)}:{number}: {line.strip()}'
    for path in (ROOT / 'official').rglob('*')
    if path.suffix in ('.py', '.html', '.md')
    for number, line in enumerate(path.read_text().splitlines(), 1)
    if network.search(allowed.sub('', line))
  )


def test_only_commands_read_the_global_flags():
  """Modules below them get their settings as an argument."""
  doors = ('official.cli', 'resnet.mains', *modules_of('official.flags'))
  assert_none(
    f'{path.relative_to(ROOT)}:{number}: {line.strip()}'
    for module, path in MODULES.items()
    if module not in doors and "__name__ == '__main__'" not in path.read_text()
    for number, line in enumerate(path.read_text().splitlines(), 1)
    if re.search(r'\bFLAGS\b', line)
  )


def test_a_module_is_not_a_heap():
  """A longer module is split by what its parts do."""
  lengths = {path: len(path.read_text().splitlines()) for path in FILES}
  assert_none(
    f'{path.relative_to(ROOT)}: {lines} lines'
    for path, lines in lengths.items()
    if lines > MODULE_LINES
  )


def test_a_function_fits_on_a_screen():
  assert_none(
    f'{path.relative_to(ROOT)}:{function.lineno}: {function.name}, {lines}'
    for path in FILES
    for function, lines in function_lengths(path)
    if lines > FUNCTION_LINES
  )
