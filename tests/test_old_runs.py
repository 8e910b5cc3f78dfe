"""Runs in folders that an older state of this project has written go on.

`data/old_run` is one, of 8 steps. Its command, on `mnist_folder` as `mnist`:

  python -m resnet.mnist_main --resnet_size 8 --batch_size 16 --log_steps 1
  --keep_checkpoint_max 1 --summaries= --data_dir mnist --max_train_steps 8
  --model_dir old_run

Afterwards its working_dir and system were made neutral, and its events and its
lock left out. That older state continued a copy of it to step 12.
"""

import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from official.errors import UserError
from resnet import mnist_main

OLD_RUN = pathlib.Path(__file__).parent / 'data' / 'old_run'
FLAGS = (
  '--resnet_size=8',
  '--batch_size=16',
  '--data_dir=mnist',
  '--model_dir=old_run',
)
TRAINING = (*FLAGS, '--log_steps=1', '--summaries=', '--max_train_steps=12')

# The older state's log of these steps, on a CPU with oneDNN.
LOSSES = {9: 2.3221016, 10: 2.3038800, 11: 2.2762744, 12: 2.8820882}
RATES = {9: 0.00131579, 10: 0.00148026, 11: 0.00164474, 12: 0.00180921}
CROSS_ENTROPY_AT = {8: 2.3118973, 12: 2.3151386}  # of the 256 test images


@pytest.fixture
def folder(tmp_path, mnist_folder):
  """The folder in which the run was made, with its data."""
  shutil.copytree(OLD_RUN, tmp_path / 'old_run')
  (tmp_path / 'mnist').symlink_to(mnist_folder)
  return tmp_path


def lines(folder, kind):
  """The lines of metrics.jsonl, by step."""
  text = (folder / 'old_run' / 'metrics.jsonl').read_text()
  every = map(json.loads, text.splitlines())
  return {line['step']: line for line in every if line['kind'] == kind}


def assert_close(measured, expected):
  np.testing.assert_allclose(measured, list(expected.values()), rtol=1e-4)


def test_training_goes_on_as_the_older_state_did(folder, run):
  before = (folder / 'old_run' / 'metrics.jsonl').read_text()
  result = run('-m', 'resnet.mnist_main', *TRAINING, cwd=folder)
  assert result.returncode == 0, result.stderr
  assert 'going on from step 8' in result.stdout
  assert (folder / 'old_run' / 'metrics.jsonl').read_text().startswith(before)
  steps = lines(folder, 'train')
  assert list(steps) == list(range(1, 13))
  assert_close([steps[step]['loss'] for step in LOSSES], LOSSES)
  assert_close([steps[step]['learning_rate'] for step in RATES], RATES)
  evaluations = lines(folder, 'eval').values()
  assert_close([e['cross_entropy'] for e in evaluations], CROSS_ENTROPY_AT)


def evaluate_or_train(parse, *args):
  """The main in this process, without lasting changes of the process."""
  parse(*args, '--nodeterministic')
  mnist_main.main()


def test_it_is_evaluated_and_reported_on(
  folder, parse, run, capsys, monkeypatch
):
  monkeypatch.chdir(folder)
  evaluate_or_train(parse, *FLAGS, '--eval_only', '--save_predictions')
  assert 'step 8  test accuracy 13.28 %' in capsys.readouterr().out
  result = run('-m', 'official.report', '--out=report', 'old_run', cwd=folder)
  assert result.returncode == 0, result.stderr
  report = (folder / 'report' / 'report.md').read_text()
  assert '| ResNet-8 v1 | 78,042 | 9,546,624 | 1 | 0.25 | 13.28 |' in report


def test_another_seed_is_refused(folder, parse, monkeypatch):
  monkeypatch.chdir(folder)
  with pytest.raises(UserError) as error:
    evaluate_or_train(parse, *TRAINING, '--seed=2')
  assert str(error.value) == (
    '--model_dir old_run holds another run: seed 1 there, 2 here. Give another '
    'folder, or --clean to delete that run'
  )
  assert list(lines(folder, 'train')) == list(range(1, 9))


def test_it_predicts_by_the_command_that_it_remembers(folder, run):
  image = tf.io.encode_png(tf.zeros([28, 28, 1], tf.uint8)).numpy()
  (folder / 'black.png').write_bytes(image)
  result = run(
    *('-m', 'official.predict', '--model_dir=old_run', '--json', 'black.png'),
    cwd=folder,
  )
  assert result.returncode == 0, result.stderr
  prediction = json.loads(result.stdout)
  assert prediction['class'] in list('0123456789')
