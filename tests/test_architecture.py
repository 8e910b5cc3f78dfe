"""The arrows of the design: which file may import which."""

import ast
import pathlib
import re

import pytest

ROOT = pathlib.Path(__file__).parent.parent
PACKAGES = ('official', 'resnet', 'alexnet', 'googlenet')
FILES = sorted(p for name in PACKAGES for p in (ROOT / name).rglob('*.py'))


def imports(path, top_level_only=False):
  """Full names of what a file imports, `from a import b` as `a.b`."""
  tree = ast.parse(path.read_text())
  nodes = tree.body if top_level_only else ast.walk(tree)
  for node in nodes:
    if isinstance(node, ast.Import):
      yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
      yield from (f'{node.module}.{alias.name}' for alias in node.names)


def ours(path):
  return {name for name in imports(path) if name.split('.')[0] in PACKAGES}


@pytest.mark.parametrize(
  'folder, allowed',
  [
    ('official/estimator', r'official\.estimator|official\.estimator\..*'),
    ('official', r'official\..*'),
  ],
)
def test_a_package_imports_nothing_else_of_ours(folder, allowed):
  for path in (ROOT / folder).rglob('*.py'):
    for name in ours(path):
      is_package = path.name == 'example.py' and name == 'official.estimator'
      assert is_package or re.fullmatch(allowed, name), f'{path}: {name}'


@pytest.mark.parametrize(
  'module', ['flags/__init__', 'errors', 'environment', 'cli']
)
def test_what_answers_at_once_does_not_wait_for_tensorflow(module):
  """Neither does what it imports, nor a main before its flags are right."""
  seen, todo = set(), [f'official/{module}.py', 'official/__init__.py']
  mains = [path for path in FILES if path.name.endswith('_main.py')]
  todo += [str(path.relative_to(ROOT)) for path in mains]
  while todo:
    path = ROOT / todo.pop()
    for name in imports(path, top_level_only=True):
      assert name.split('.')[0] not in ('tensorflow', 'keras', 'numpy'), path
      for end in (name, name.rpartition('.')[0]):
        file = f'{end.replace(".", "/")}.py'
        if (ROOT / file).exists() and file not in seen:
          seen.add(file)
          todo.append(file)


def test_networks_and_data_sets_know_no_run_loop():
  for path in FILES:
    is_model = path.name.endswith('_model.py') and path.stem != 'mnist_model'
    if 'datasets' in path.parts or path.stem in ('layers', 'resnet_model'):
      names = ours(path)
      assert not [n for n in names if 'run_loop' in n or 'main' in n], path
      assert not (is_model and [n for n in names if 'datasets' in n]), path


def test_official_names_no_network():
  for path in (ROOT / 'official').rglob('*.py'):
    for name in ours(path):
      assert name.split('.')[0] == 'official', f'{path}: {name}'


def requirements(name):
  lines = (ROOT / name).read_text().splitlines()
  found = (line.split('#')[0].strip() for line in lines)
  return dict(line.split('==') for line in found if line)


def test_both_requirements_are_the_same_but_for_the_tensorflow():
  full, cpu = map(requirements, ('requirements.txt', 'requirements-cpu.txt'))
  assert full.pop('tensorflow') == cpu.pop('tensorflow-cpu')
  assert full == cpu


def test_every_import_is_a_requirement():
  names = {name.split('.')[0] for p in FILES for name in imports(p)}
  import sys

  known = {
    'absl': 'absl-py',
    'PIL': 'pillow',
    'google': 'tensorflow',  # protobuf, which it brings
    'tensorflow_datasets': 'tensorflow-datasets',
    'ai_edge_litert': 'ai-edge-litert',
  }
  needed = {
    known.get(name, name)
    for name in names - set(PACKAGES) - set(sys.stdlib_module_names)
  }
  files = ('', '-export', '-report', '-serve', '-tensorboard')
  named = [requirements(f'requirements{file}.txt') for file in files]
  assert needed <= {name for of_file in named for name in of_file}


def test_what_is_optional_is_imported_when_it_is_asked_for():
  for path in FILES:
    for name in imports(path, top_level_only=True):
      optional = ('ai_edge_litert', 'tf2onnx', 'onnxruntime', 'tensorboard')
      if 'report' not in path.parts:
        optional += ('matplotlib', 'jinja2', 'reportlab', 'PIL')
      if 'serve' not in path.parts:
        optional += ('aiohttp',)
      assert name.split('.')[0] not in optional, path


def test_a_file_is_not_a_heap():
  """Longer ones are split, by what they do."""
  long = {
    str(path.relative_to(ROOT)): lines
    for path in FILES
    if (lines := len(path.read_text().splitlines())) > 500
  }
  assert long == {}
