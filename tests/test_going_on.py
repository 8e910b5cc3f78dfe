"""A run goes on: with another rate, and no further than its threshold."""

import math

import numpy as np
import pytest
import tensorflow as tf

from official import devices as devices_lib
from official import estimator as est
from official.datasets import in_memory
from official.run import rate_change
from resnet import learning_rates, resnet_run_loop

# Five of eight labels are class 0.
SPLIT = in_memory.Split(
  np.zeros([8, 2, 2, 1], np.uint8),
  np.array([0, 0, 0, 0, 0, 1, 2, 3], np.int32),
)


def says_zero(images, training):
  """Logits of which the first is the largest: accuracy 0.625."""
  del training
  kernel = tf.Variable(lambda: 9 * tf.eye(4), name='dense/kernel')
  first = tf.one_hot(tf.zeros([tf.shape(images)[0]], tf.int32), 4)
  return first @ kernel


def says_zero_model_fn(features, labels, mode, params):
  return resnet_run_loop.image_model_fn(
    features, labels, mode, params, says_zero
  )


@pytest.fixture
def train(parse, tmp_path, capsys):
  """Trains with batches of 1, 8 per epoch; returns the printed text."""

  def train(*arguments):
    flags_obj = parse(
      '--nodeterministic', '--batch_size=1', f'--model_dir={tmp_path}/run',
      '--summaries=', '--base_lr=0.25', *arguments,
    )  # fmt: skip
    dataset = in_memory.dataset('black', {'train': SPLIT, 'test': SPLIT})
    resnet_run_loop.resnet_main(
      flags_obj,
      says_zero_model_fn,
      dataset,
      'Zero',
      learning_rates.from_flags(flags_obj, dataset, 1, [1, 2, 3]),
      devices_lib.configure(flags_obj),
    )
    return capsys.readouterr().out.splitlines()

  return train


def log(tmp_path, kind):
  estimator = est.Estimator(says_zero_model_fn, f'{tmp_path}/run', params={})
  return estimator.metrics_log.read(kind)


def test_more_epochs_raise_the_rate_and_that_is_told(train, tmp_path):
  """Half a cosine over 8 steps, then over 16, of which one is a warm-up."""
  assert not [line for line in train('--train_epochs=1') if 'rate goes' in line]
  lines = train('--train_epochs=2')
  last = 0.25 * (1 + math.cos(math.pi * 7 / 8)) / 2
  now = 0.25 * (1 + math.cos(math.pi * 7 / 15)) / 2
  assert (f'{last:.4g}', f'{now:.4g}') == ('0.009515', '0.1381')
  assert lines[2] == (
    'the learning rate goes from 0.009515 at step 8 back up to 0.1381: its '
    'schedule is not the one that the run had so far'
  )
  rates = [record['learning_rate'] for record in log(tmp_path, 'train')]
  assert rates[7:9] == pytest.approx([last, now], rel=1e-4)


@pytest.mark.parametrize(
  'before, after, told',
  [
    # The same schedule, also where it falls just there.
    (['--train_epochs=2', '--max_train_steps=5'], ['--train_epochs=2'], None),
    pytest.param(
      ['--lr_schedule=constant'],
      ['-te=2', '--lr_schedule=constant'],
      None,
      marks=pytest.mark.slow,
    ),
    pytest.param(
      ['--lr_schedule=piecewise'],
      ['-te=2', '--lr_schedule=piecewise'],
      None,
      marks=pytest.mark.slow,
    ),
    (
      ['--lr_schedule=constant'],
      ['-te=2', '--lr_schedule=constant', '--base_lr=0.5'],
      'from 0.25 at step 8 back up to 0.5:',
    ),
    pytest.param(
      ['--lr_schedule=constant'],
      ['-te=2', '--lr_schedule=constant', '--base_lr=0.125'],
      'from 0.25 at step 8 down to 0.125:',
      marks=pytest.mark.slow,
    ),
  ],
)
def test_another_schedule_alone_is_told(train, before, after, told):
  train('--train_epochs=1', *before)
  (*found,) = (line for line in train(*after) if 'rate goes' in line)
  assert len(found) == bool(told)
  assert not told or f'the learning rate goes {told}' in found[0]


def test_the_rate_of_a_step_is_found_at_the_end_of_a_long_log(tmp_path):
  path = tmp_path / 'metrics.jsonl'
  train = '{"kind": "train", "step": %d, "time": 1, "learning_rate": %g}\n'
  evaluation = '{"kind": "eval", "step": %d, "time": 1}\n'
  lines = [train % (step, step / 1000) for step in range(1, 3001)]
  lines += [evaluation % 3000] * 5000 + ['{"kind": "tr']
  path.write_text(''.join(lines))

  def line(step):
    return rate_change.line(str(path), step, lambda step: tf.constant(9.0))

  assert 'goes from 3 at step 3,000 back up to 9:' in line(3000)
  assert 'goes from 0.002 at step 2 back up to 9:' in line(2)
  assert line(0) is None
  assert line(3001) is None
  assert rate_change.line(str(tmp_path / 'no'), 5, None) is None


def test_a_run_that_stopped_by_its_threshold_is_finished(train, tmp_path):
  command = ('--train_epochs=3', '--stop_threshold=0.6')
  told = 'stopping: test accuracy has reached 60 %'
  for _ in range(2):
    assert told in train(*command)
    assert len(log(tmp_path, 'train')) == 8
    assert [record['step'] for record in log(tmp_path, 'eval')] == [8]
  assert told not in train('--train_epochs=3', '--stop_threshold=0.7')
  assert len(log(tmp_path, 'train')) == 24


def test_train_and_evaluate_stops_by_the_threshold(train, tmp_path):
  """After the first checkpoint whose evaluation is good enough."""
  command = (
    '--use_train_and_evaluate',
    '--save_checkpoints_steps=4',
    '--steps_per_loop=1',
    '--train_epochs=3',
  )
  lines = train(*command, '--stop_threshold=0.6')
  assert 'stopping: test accuracy has reached 60 %' in lines
  assert [record['step'] for record in log(tmp_path, 'eval')] == [4, 5]
  assert train(*command, '--stop_threshold=0.6')[-1]
  assert len(log(tmp_path, 'train')) == 5
  train(*command, '--stop_threshold=0.7')
  assert len(log(tmp_path, 'train')) == 24
