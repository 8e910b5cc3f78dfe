"""A run goes back after a loss that is not finite, or after a restart."""

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from official import devices as devices_lib
from official import estimator as est
from official.datasets import in_memory
from official.errors import UserError
from official.estimator import summary
from official.run import nan_recovery
from resnet import resnet_run_loop
from tests import linear
from tests.conftest import ROOT

SPLIT = in_memory.Split(
  np.zeros([64, 4, 4, 1], np.uint8), np.arange(64, dtype=np.int32) % 2
)


def fragile_model_fn(features, labels, mode, params):
  """A loss that is NaN where the rate is above 0.3, and counts steps."""
  weight = tf.Variable(lambda: tf.ones([]), name='weight')
  if mode == est.ModeKeys.EVAL:
    accuracy = est.metrics.mean(tf.cast(labels == 0, tf.float32))
    return est.EstimatorSpec(
      mode,
      loss=weight,
      eval_metric_ops={
        'accuracy': accuracy,
        'cross_entropy': est.metrics.mean(weight, name='cross_entropy'),
      },
    )
  step = tf.compat.v1.train.get_global_step()
  rate = params['learning_rate_fn'](step)
  summary.scalar('learning_rate', rate)
  is_bad = (rate > params['most']) & (step >= 3)
  loss = tf.where(is_bad, np.nan, weight)
  updates = [weight.assign_sub(0.01 * loss), step.assign_add(1)]
  return est.EstimatorSpec(mode, loss=loss, train_op=tf.group(*updates))


def run_fragile(parse, model_dir, most, *arguments):
  flags_obj = parse(
    '--nodeterministic',
    '--batch_size=8',
    '--train_epochs=1',
    '--save_checkpoints_steps=2',
    f'--model_dir={model_dir}',
    *arguments,
  )

  def model_fn(features, labels, mode, params):
    return fragile_model_fn(features, labels, mode, params | {'most': most})

  return resnet_run_loop.resnet_main(
    flags_obj,
    model_fn,
    in_memory.dataset('zeros', {'train': SPLIT, 'test': SPLIT}),
    'Fragile',
    lambda step: tf.constant(1.0),
    devices_lib.configure(flags_obj),
  )


def test_restore_goes_back_and_halves_the_rate(parse, tmp_path, capsys):
  results = run_fragile(parse, tmp_path, 0.3, '--on_nan=restore')
  assert results['global_step'] == 8
  lines = capsys.readouterr().out.splitlines()
  nan_lines = [line for line in lines if line.startswith('NaN loss')]
  assert [line.split('=')[2].split('.')[0] for line in nan_lines] == [
    ' 1',
    ' 0',
  ]
  assert all('at step 4,' in line for line in nan_lines)
  log = est.Estimator(fragile_model_fn, str(tmp_path)).metrics_log
  rates = [record['learning_rate'] for record in log.read('train')]
  # Steps 1 and 2 are from before the first NaN, and no NaN is left.
  assert rates == [1.0, 1.0, 0.25, 0.25, 0.25, 0.25, 0.25, 0.25]


def test_the_halved_rate_outlives_the_process(parse, tmp_path, capsys):
  run_fragile(parse, tmp_path, 0.3, '--on_nan=restore')
  run_fragile(parse, tmp_path, 0.3, '--train_epochs=2')
  out = capsys.readouterr().out
  assert out.count('NaN loss') == 2, out
  log = est.Estimator(fragile_model_fn, str(tmp_path)).metrics_log
  assert log.read('train')[-1]['step'] == 16
  assert log.read('train')[-1]['learning_rate'] == 0.25


def test_stop_names_loss_and_rate_and_what_to_do(parse, tmp_path):
  with pytest.raises(
    UserError,
    match='loss = nan at step 4, learning_rate = 1. .*--on_nan restore, which',
  ):
    run_fragile(parse, tmp_path, 0.3)
  assert est.Checkpoints(str(tmp_path)).latest().endswith('ckpt-2')


def test_a_rate_that_does_not_help_is_halved_ten_times(
  parse, tmp_path, monkeypatch
):
  monkeypatch.setattr(nan_recovery, 'MOST_HALVINGS', 3)
  with pytest.raises(UserError, match='learning_rate = 0.125'):
    run_fragile(parse, tmp_path, 0.0, '--on_nan=restore')


def test_evaluations_are_remembered_by_checkpoints(tmp_path):
  """The log is lost, and early stopping still knows the best."""
  estimator = linear.make(tmp_path)
  estimator.train(linear.train_input, steps=1)
  estimator.metrics_log.append('eval', 1, {'accuracy': 0.99})
  estimator.train(linear.train_input, steps=1)
  os.remove(estimator.metrics_log.path)
  again = linear.make(tmp_path)
  hook = est.stop_if_higher_hook(again, 'accuracy', 0.9, run_every_steps=5)
  again.train(linear.train_input, hooks=[hook], max_steps=50)
  assert again.get_variable_value('global_step') == 3
  assert [r['accuracy'] for r in again.metrics_log.read('eval')] == [0.99]


def test_evaluations_of_steps_that_run_again_are_forgotten(tmp_path):
  estimator = linear.make(tmp_path)
  estimator.train(linear.train_input, steps=2)
  for step in (1, 2, 3):
    estimator.metrics_log.append('eval', step, {'accuracy': step / 10})
  linear.make(tmp_path).train(linear.train_input, steps=1)
  kept = [record['step'] for record in estimator.metrics_log.read('eval')]
  assert kept == [1, 2]


def test_steps_that_led_nowhere_are_forgotten(tmp_path):
  """An error after step 5, and the same Estimator again from step 4."""

  class Fail(est.Hook):
    def after_run(self, run):
      if run.global_step == 5:
        raise RuntimeError('as planned')

  estimator = linear.make(tmp_path, save_checkpoints_steps=4)
  log = est.MetricsLogHook()
  with pytest.raises(RuntimeError, match='as planned'):
    estimator.train(linear.train_input, hooks=[log, Fail()], max_steps=8)
  estimator.train(linear.train_input, hooks=[log], max_steps=8)
  steps = [record['step'] for record in estimator.metrics_log.read('train')]
  assert steps == list(range(1, 9))


def test_a_restart_does_not_restart_the_wait_for_an_evaluation(tmp_path):
  """Processes killed faster than throttle_secs would never evaluate."""
  estimator = linear.make(tmp_path, save_checkpoints_steps=2)
  estimator.train(linear.train_input, steps=2)
  log = estimator.metrics_log
  log.append('eval', 1, {'accuracy': 0.5})
  path = tmp_path / 'metrics.jsonl'
  record = json.loads(path.read_text())
  path.write_text(json.dumps(record | {'time': time.time() - 1000}) + '\n')
  est.train_and_evaluate(
    linear.make(tmp_path, save_checkpoints_steps=2),
    est.TrainSpec(linear.train_input, max_steps=8),
    est.EvalSpec(linear.eval_input, throttle_secs=600),
  )
  steps = [record['step'] for record in log.read('eval')]
  assert steps == [1, 4, 8]


@pytest.mark.slow
def test_a_full_disk_ends_a_run_with_one_line(mnist_folder, tmp_path):
  """No file may grow past 300 KB; a checkpoint of ResNet-8 is 627 KB."""
  run = tmp_path / 'run'
  command = (
    f'ulimit -f 300; exec {sys.executable} -m resnet.mnist_main '
    f'--resnet_size=8 --data_dir={mnist_folder} --model_dir={run}'
  )
  result = subprocess.run(
    ['bash', '-c', command],
    cwd=ROOT,
    capture_output=True,
    text=True,
    timeout=100,
  )
  assert result.returncode == 1
  (line,) = result.stderr.splitlines()
  assert line.startswith(f'error: Checkpoint {run}/model.ckpt-0 could not be')
  assert line.endswith('There is none before.')
  assert not [p for p in run.iterdir() if 'ckpt' in p.name or 'tmp' in p.name]
