"""The examples of the docs run, and their commands exist."""

import importlib.util
import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from official.datasets import mnist
from tests.conftest import ROOT

DOCS = sorted([
  ROOT / 'README.md',
  ROOT / 'official' / 'estimator' / 'README.md',
  *(ROOT / 'docs').glob('*.md'),
])


def blocks(path, language):
  return re.findall(rf'```{language}\n(.*?)```', path.read_text(), re.DOTALL)


@pytest.mark.parametrize(
  'path',
  [path for path in DOCS if blocks(path, 'python')],
  ids=lambda path: path.name,
)
def test_python_of_a_page_runs_from_its_first_line_on(
  path, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  names = {}
  for block in blocks(path, 'python'):
    exec(compile(block, str(path), 'exec'), names)


def commands():
  """Module to the commands that the pages call it with."""
  found = {}
  for path in DOCS:
    text = path.read_text().replace('\\\n', ' ')
    for line in re.findall(r'python -m ((?:\w+\.)+\w+[^\n`|]*)', text):
      words = shlex.split(line.split(' && ')[0], comments=True)
      found.setdefault(words[0], []).append(words[1:])
  return found


_PARSE = """
import importlib, json, sys
from absl import flags
from official.flags import parsing

module, commands = sys.argv[1], json.loads(sys.argv[2])
try:
  main = importlib.import_module(f'{module}.__main__')
except ModuleNotFoundError:
  main = importlib.import_module(module)
main.define_flags()
for words in commands:
  flags.FLAGS.unparse_flags()
  for name in flags.FLAGS:
    flags.FLAGS[name].unparse()
  try:
    parsing.parse(['command', *words], 'WORD')
  except Exception as e:
    if not str(e).startswith('WORD is missing'):
      sys.exit(f'{words}: {e}')
"""


@pytest.mark.parametrize('module', commands())
def test_commands_of_the_pages_parse(module):
  if importlib.util.find_spec(module) is None:
    pytest.fail(f'there is no module {module}')
  if module.startswith(('tests.', 'benchmarks.', 'official.estimator')):
    return  # They have no flags of absl.
  known = [
    [word for word in words if not word.startswith('--help')]
    for words in commands()[module]
  ]
  done = subprocess.run(
    [sys.executable, '-c', _PARSE, module, json.dumps(known)],
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  assert (done.returncode, done.stderr) == (0, '')


@pytest.mark.parametrize('path', DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(path):
  for target in re.findall(r'\]\(([^)#]+)\)', path.read_text()):
    if not target.startswith('http'):
      assert (path.parent / target).exists(), target


def test_messages_of_the_troubleshooting_page_are_those_of_the_code():
  """Values in them aside."""
  source = ''.join(p.read_text() for p in (ROOT / 'official').rglob('*.py'))
  source = re.sub(r"'\s*f?'", '', source)  # Strings over several lines.
  page = (ROOT / 'docs' / 'troubleshooting.md').read_text()
  messages = re.findall(r'^\| `([^`]*)`', page, re.MULTILINE)
  assert len(messages) >= 8
  for message in messages:
    fixed = re.split(r'[\d.:]+|(?<=by) process', message)
    longest = max(fixed, key=len).strip()
    assert longest in source, message


@pytest.mark.parametrize(
  'name', ['lenet', pytest.param('npz', marks=pytest.mark.slow)]
)
def test_an_example_of_a_main_trains(name, run, mnist_folder, tmp_path):
  arrays = mnist.read(str(mnist_folder))
  np.savez(
    tmp_path / 'digits.npz',
    x_train=arrays['train', 'images'],
    y_train=arrays['train', 'labels'],
    x_test=arrays['test', 'images'],
    y_test=arrays['test', 'labels'],
  )
  data = {
    'lenet': f'--data_dir={mnist_folder}',
    'npz': f'--npz={tmp_path}/digits.npz',
  }
  done = run(
    *('-m', f'docs.examples.{name}_main', data[name], '--train_epochs=1'),
    f'--model_dir={tmp_path}/run',
  )
  assert (done.returncode, done.stderr) == (0, '')
  assert '· 4 steps (1 epoch)' in done.stdout
  assert 'epoch 1.00  step 4  test accuracy' in done.stdout
