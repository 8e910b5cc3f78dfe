"""What requirements*.txt pin, against what the packages import."""

import sys

from tests.sources import MODULES, PACKAGES, ROOT, assert_none, imports


def requirements(name):
  """`{'numpy': '2.4.6', ...}`."""
  lines = (ROOT / name).read_text().splitlines()
  pins = (line.split('#')[0].strip() for line in lines)
  return dict(pin.split('==') for pin in pins if pin)


def test_both_requirements_are_the_same_except_for_the_tensorflow():
  full, cpu = map(requirements, ('requirements.txt', 'requirements-cpu.txt'))
  assert full.pop('tensorflow') == cpu.pop('tensorflow-cpu')
  assert full == cpu


def test_every_import_is_a_requirement():
  packages = {name.split('.')[0] for m in MODULES for name in imports(m)}
  distributions = {
    'absl': 'absl-py',
    'PIL': 'pillow',
    'google': 'tensorflow',  # protobuf, which it brings
    'tensorflow_datasets': 'tensorflow-datasets',
    'ai_edge_litert': 'ai-edge-litert',
  }
  needed = {
    distributions.get(package, package)
    for package in packages - set(PACKAGES) - set(sys.stdlib_module_names)
  }
  files = ('', '-export', '-report', '-serve', '-tensorboard')
  pinned = set().union(*(requirements(f'requirements{f}.txt') for f in files))
  assert_none(needed - pinned)


def test_what_is_optional_is_imported_when_it_is_asked_for():
  optional = {
    'official.report': ('matplotlib', 'jinja2', 'reportlab', 'PIL'),
    'official.serve': ('aiohttp',),
    '': ('ai_edge_litert', 'tf2onnx', 'onnxruntime', 'tensorboard'),
  }
  assert_none(
    f'{module} imports {name}'
    for room, packages in optional.items()
    for module in MODULES
    if not room or not f'{module}.'.startswith(f'{room}.')
    for name in imports(module, at_its_import=True)
    if name.split('.')[0] in packages
  )
