"""The docs are true: their examples run, and the things they name exist."""

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

README = ROOT / 'README.md'
CHINESE_README = ROOT / 'docs' / 'README.zh.md'
CHANGELOG = ROOT / 'CHANGELOG.md'
DOCS = sorted([
  README,
  ROOT / 'CONTRIBUTING.md',
  CHANGELOG,
  ROOT / 'benchmarks' / 'README.md',
  ROOT / 'official' / 'estimator' / 'README.md',
  *(ROOT / 'docs').glob('*.md'),
])


def name_of(path):
  return str(path.relative_to(ROOT))


def blocks(path, language):
  return re.findall(rf'```{language}\n(.*?)```', path.read_text(), re.DOTALL)


@pytest.mark.parametrize(
  'path', [path for path in DOCS if blocks(path, 'python')], ids=name_of
)
def test_python_of_a_page_runs_from_its_first_line_on(
  path, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  names = {}
  for block in blocks(path, 'python'):
    exec(compile(block, str(path), 'exec'), names)


def commands():
  """Module to the lists of arguments that the pages call it with."""
  arguments = {}
  for path in DOCS:
    text = path.read_text().replace('\\\n', ' ')
    for line in re.findall(r'python -m ((?:\w+\.)+\w+[^\n`|]*)', text):
      module, *words = shlex.split(line.split(' && ')[0], comments=True)
      arguments.setdefault(module, []).append(words)
  return arguments


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
    return  # Benchmarks and the like do not use absl's flags.
  without_help = [
    [word for word in words if not word.startswith('--help')]
    for words in commands()[module]
  ]
  done = subprocess.run(
    [sys.executable, '-c', _PARSE, module, json.dumps(without_help)],
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  assert (done.returncode, done.stderr) == (0, '')


def anchors(path):
  """The anchors of a page's headings, as GitHub makes them."""
  headings = re.findall(r'^#+ (.*)$', path.read_text(), re.MULTILINE)
  words = (re.sub(r'[^\w\- ]', '', heading.lower()) for heading in headings)
  return {each.replace(' ', '-') for each in words}


@pytest.mark.parametrize('path', DOCS, ids=name_of)
def test_links_lead_somewhere(path):
  for link in re.findall(r'\]\(([^)]+)\)', path.read_text()):
    if link.startswith('http'):
      continue
    target, _, anchor = link.partition('#')
    file = path.parent / target if target else path
    assert file.exists(), link
    assert not anchor or anchor in anchors(file), link


def test_a_page_that_no_page_links_to_is_not_read():
  links = {
    (path.parent / link.partition('#')[0]).resolve()
    for path in DOCS
    for link in re.findall(r'\]\(([^)]+)\)', path.read_text())
    if not link.startswith(('http', '#'))
  }
  assert [name_of(path) for path in DOCS if path not in links] == []


def test_both_readmes_have_the_same_commands():
  """Of these, what continuous integration runs is the second block."""
  english, chinese = blocks(README, 'sh'), blocks(CHINESE_README, 'sh')
  assert english == chinese
  train, test = english
  assert '-m resnet.mnist_main' in train
  assert test.splitlines()[-1].endswith('-m pytest')


def test_both_readmes_link_to_the_same_pages():
  def pages(path):
    links = re.findall(r'\]\(([^)#]+)\)', path.read_text())
    return {(path.parent / link).resolve() for link in links}

  both = {README, CHINESE_README}  # Each links to the other one.
  assert pages(README) - both == pages(CHINESE_README) - both


def test_files_that_contributors_are_sent_to_exist():
  text = (ROOT / 'CONTRIBUTING.md').read_text()
  names = set(re.findall(r'`((?:\w+/)*\w+\.(?:py|toml))`', text))
  names -= {name for name in names if name.startswith('x/')}  # yet to be made
  assert len(names) >= 15
  folders = (ROOT, ROOT / 'tests')
  assert {
    name
    for name in names
    if not any((each / name).exists() for each in folders)
  } == set()


def test_the_changelog_says_where_modules_are_now():
  moved = CHANGELOG.read_text().split('### Removed')[0]
  rows = re.findall(r'^\| `(\w+\.\S+)` \| (.*) \|$', moved, re.MULTILINE)
  assert len(rows) >= 30
  for old, new in rows:
    modules = re.findall(r'`(\w+(?:\.\w+)+)`', new)
    assert modules, old
    assert not (ROOT / f'{old.replace(".", "/")}.py').exists(), old
    for module in modules:
      assert importlib.util.find_spec(module), f'{old} -> {module}'


def test_messages_of_the_troubleshooting_page_are_those_of_the_code():
  """Except for the values in them."""
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
