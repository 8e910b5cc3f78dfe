"""The experiment: its runs, how it stops and how it goes on."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from official import presets
from official.errors import UsageError
from tests.conftest import ROOT


@pytest.mark.parametrize(
  'flag, message',
  [
    ('--seeds=1,x', 'must be whole numbers from 0 to 2147483647, given: x'),
    ('--seeds=1,01', 'must name one or more, none twice, given: 1,01'),
    ('--preset=all', 'no preset all; give quick, report, short or the path'),
    ('--preset=pyproject.toml', "needs a line description = '...'"),
  ],
)
def test_a_wrong_flag_gets_one_line(run, flag, message):
  result = run('-m', 'official.experiment', flag)
  assert (result.returncode, result.stdout) == (2, '')
  (line,) = result.stderr.splitlines()
  assert message in line


def test_help_describes_the_presets_that_are_beside_official(run):
  text = ' '.join(run('-m', 'official.experiment', '--help').stdout.split())
  assert list(presets.find()) == ['quick', 'report', 'short']
  for name, path in presets.find().items():
    assert f'{name} ({presets.read(path).description})' in text


def test_presets_train_mains_that_exist():
  for path in presets.find().values():
    for training in presets.read(path).trainings:
      assert importlib.util.find_spec(training.main) is not None


PRESET = """
description = 'a net for two epochs'

[[training]]
name = 'net'
main = 'net.mnist_main'
epochs = [1, 2]
epoch_seconds = 0.5
"""


def test_a_preset_from_a_file(tmp_path):
  path = tmp_path / 'mine.toml'
  path.write_text(PRESET)
  preset = presets.load(str(path))
  assert preset.description == 'a net for two epochs'
  assert [training.epochs for training in preset.trainings] == [1, 2]
  assert preset.trainings[0] == presets.Training(
    'net', 'net.mnist_main', (), 1, 0.5
  )


@pytest.mark.parametrize(
  'old, new, message',
  [
    ('[[training]]', '[[trainings]]', r'it needs one or more \[\[training\]\]'),
    ('description', 'describes', 'it needs a line description'),
    ("main = 'net.mnist_main'", '', 'number 1: main must name a module'),
    ("'net'", "'a/b'", 'name must be letters, digits and ._-, given: a/b'),
    ('[1, 2]', '[1, 0]', r'whole numbers of 1 or more, given: \[1, 0\]'),
    ('[1, 2]', '[1, 1]', 'two trainings have the same name'),
    ('0.5', '-1', 'epoch_seconds must be positive, given: -1'),
    ('epoch_seconds', 'seconds', 'seconds is not one of epoch_seconds, epochs'),
    ('epochs = [1, 2]', 'epochs = [', 'is not TOML'),
    ('epochs = [1, 2]', 'epochs = 1', 'a list of whole numbers'),
    ('[1, 2]', '[1]\nflags = "x"', 'flags must be a list of strings, given: x'),
  ],
)
def test_a_bad_preset_gets_one_line(tmp_path, old, new, message):
  path = tmp_path / 'bad.toml'
  path.write_text(PRESET.replace(old, new))
  with pytest.raises(UsageError, match=message) as raised:
    presets.load(str(path))
  assert str(raised.value).startswith(f'{path}')
  assert '\n' not in str(raised.value)


@pytest.mark.slow
def test_it_is_interrupted_goes_on_reports_and_trains_nothing_twice(
  mnist_folder, tmp_path, run
):
  command = [
    *('-m', 'official.experiment', '--preset=quick', '--seeds=1,2'),
    *(f'--data_dir={mnist_folder}', f'--out={tmp_path}/out'),
  ]
  with subprocess.Popen(
    [sys.executable, *command],
    cwd=ROOT,
    env=os.environ | {'PYTHONPATH': str(ROOT)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  ) as process:
    # The second of four has begun: its first line names the network.
    seen = iter(process.stdout.readline, '')
    assert any(line.startswith('ResNet-18 v1') for line in seen)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
  assert process.returncode == 130
  assert err.splitlines()[-1].startswith('interrupted: the same command goes')
  assert not (tmp_path / 'out' / 'report.html').exists()

  again = run(*command)
  assert (again.returncode, again.stderr) == (0, '')
  assert '[1/4] resnet-8-1-epochs-seed-1: done before' in again.stdout
  assert '[4/4] resnet-18-1-epochs-seed-2  about ' in again.stdout
  assert (tmp_path / 'out' / 'report.html').exists()
  configs = [
    json.loads(path.read_text())['config']
    for path in sorted((tmp_path / 'out' / 'runs').glob('*/config.json'))
  ]
  assert [(c['resnet_size'], c['seed']) for c in configs] == [
    (18, 1),
    (18, 2),
    (8, 1),
    (8, 2),
  ]

  # The report makes a run predict the test images if it has not yet.
  run_dir = tmp_path / 'out' / 'runs' / 'resnet-8-1-epochs-seed-1'
  before = (run_dir / 'metrics.jsonl').read_text()
  (run_dir / 'predictions.npz').unlink()
  report = run('-m', 'official.report', f'--out={tmp_path}/again', run_dir)
  assert (report.returncode, report.stderr) == (0, '')
  assert 'ResNet-8 v1: predicting the test images' in report.stdout
  assert (run_dir / 'predictions.npz').exists()
  assert (run_dir / 'metrics.jsonl').read_text() == before

  start = time.monotonic()
  third = run(*command)
  assert third.stdout.count('done before') == 4
  assert time.monotonic() - start < 60


@pytest.mark.slow
def test_a_run_that_fails_ends_it_with_its_reason(tmp_path, run):
  folder = tmp_path / 'images'
  folder.mkdir()
  result = run(
    *('-m', 'official.experiment', '--preset=quick'),
    *(f'--data_dir={folder}', f'--out={tmp_path}/out'),
  )
  assert result.returncode == 1
  first, last = result.stderr.splitlines()
  assert f'--data_dir {folder} must hold IDX files' in first
  assert 'ended with exit code 2; when its error is corrected' in last
