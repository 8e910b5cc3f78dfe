"""The source files of the packages, and their imports."""

import ast
import functools
import pathlib

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ('official', 'resnet', 'alexnet', 'googlenet')
FILES = sorted(
  path for name in PACKAGES for path in (ROOT / name).rglob('*.py')
)


def name_of(path):
  """`official/flags/__init__.py` -> `official.flags`."""
  parts = path.relative_to(ROOT).with_suffix('').parts
  return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {name_of(path): path for path in FILES}


@functools.cache
def _parse(path):
  return ast.parse(path.read_text())


def imports(module, *, at_its_import=False):
  """Full names of a module's imports, `from a import b` as `a.b`.

  Args:
    module: The name of the module.
    at_its_import: Whether to leave out imports inside functions, and those that
      only type checkers see.
  """
  nodes = [_parse(MODULES[module])]
  while nodes:
    node = nodes.pop()
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      yield from (f'{node.module}.{alias.name}' for alias in node.names)
    if not (at_its_import and _waits(node)):
      nodes += ast.iter_child_nodes(node)


def _waits(node):
  """Whether importing a module does not run the code in this node."""
  if isinstance(node, ast.If):
    return ast.unparse(node.test) == 'TYPE_CHECKING'
  return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)


def imports_of_ours(module, *, at_its_import=False):
  """The modules of these packages that one of them imports."""
  names = imports(module, at_its_import=at_its_import)
  return {_module_that_holds(name) for name in names} - {module, None}


def _module_that_holds(name):
  """`official.errors.UserError` -> `official.errors`."""
  while name and name not in MODULES:
    name = name.rpartition('.')[0]
  return name or None


def function_lengths(path):
  """Each function of a file and its lines, those of docstrings not counted.

  The lines of a function that is defined in another one count in both.
  """
  for node in ast.walk(_parse(path)):
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
      docstrings = sum(map(_docstring_lines, ast.walk(node)))
      yield node, node.end_lineno - node.lineno + 1 - docstrings


def _docstring_lines(node):
  kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
  if not isinstance(node, kinds) or ast.get_docstring(node) is None:
    return 0
  docstring = node.body[0]
  return docstring.end_lineno - docstring.lineno + 1


def assert_none(offenders):
  """Fails if there are any, and prints all of them, one on each line."""
  offenders = sorted(offenders)
  if offenders:
    raise AssertionError('\n'.join(['', *offenders]))
