"""The report does not import TensorFlow, nor do the names that it uses."""

import ast
import importlib

from official import estimator
from official.estimator import hooks
from tests.conftest import ROOT
from tests.runs import write_run

# Runs a module as `python -m` does, then prints what it has imported.
_IMPORTED = """
import runpy, sys
sys.argv = [sys.argv[1], *sys.argv[2:]]
runpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)
print('imported:', sorted({'tensorflow', 'keras'} & sys.modules.keys()))
"""


def test_a_report_is_written_without_tensorflow(tmp_path, run):
  predicted = ([0, 1, 1], [0, 1, 0], [0.9, 0.8, 0.7])
  write_run(tmp_path / 'a', 'Net a', [0.9], predicted=predicted)
  done = run(
    *('-c', _IMPORTED, 'official.report.__main__'),
    *(f'--out={tmp_path}/out', tmp_path / 'a'),
  )
  assert (done.returncode, done.stderr) == (0, '')
  assert (tmp_path / 'out' / 'slides.pdf').exists()
  assert done.stdout.splitlines()[-1] == 'imported: []'


def test_names_of_the_estimator_are_what_type_checkers_see():
  tree = ast.parse((ROOT / 'official/estimator/__init__.py').read_text())
  block = next(node for node in tree.body if isinstance(node, ast.If))
  seen = {
    alias.name: node.module
    for node in ast.walk(block)
    if isinstance(node, ast.ImportFrom)
    for alias in node.names
  }
  assert seen.pop('*') == hooks.__name__
  seen |= dict.fromkeys(hooks.__all__, hooks.__name__)
  assert set(seen) == set(estimator.__all__) <= set(dir(estimator))
  for name, module in seen.items():
    value = getattr(importlib.import_module(module), name)
    assert getattr(estimator, name) is value


def test_modules_of_the_estimator_are_attributes_and_others_are_not():
  assert estimator.slots is importlib.import_module('official.estimator.slots')
  assert not hasattr(estimator, 'no_such_name')
