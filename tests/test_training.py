"""`train_and_evaluate`, exporters, warm starts and metrics."""

import os
import re

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official.estimator import metrics
from official.estimator.variables import VariableStore
from official.estimator.warm_start import warm_start
from tests import linear

RECEIVER = est.build_raw_serving_input_receiver_fn({
  'x': tf.TensorSpec([None, 8])
})


def train_and_evaluate(model_dir, steps, *exporters, **kwargs):
  estimator = linear.make(model_dir, save_checkpoints_steps=5)
  return est.train_and_evaluate(
    estimator,
    est.TrainSpec(linear.train_input, max_steps=steps),
    est.EvalSpec(linear.eval_input, exporters=exporters, **kwargs),
  )


def evaluated_steps(model_dir):
  log = linear.make(model_dir).metrics_log
  return [record['step'] for record in log.read('eval')]


def test_every_checkpoint_is_evaluated_and_the_last_one_returned(tmp_path):
  results, exports = train_and_evaluate(tmp_path, 12, throttle_secs=0)
  assert evaluated_steps(tmp_path) == [5, 10, 12]
  assert results['global_step'] == 12
  assert exports == []


def test_evaluations_are_throttled_but_the_last_is_made(tmp_path):
  train_and_evaluate(tmp_path, 12, throttle_secs=600)
  assert evaluated_steps(tmp_path) == [12]


def test_a_finished_run_is_evaluated_once_more_and_logged_once(tmp_path):
  first, _ = train_and_evaluate(tmp_path, 5)
  again, _ = train_and_evaluate(tmp_path, 5)
  assert again == first
  assert evaluated_steps(tmp_path) == [5]


def test_an_evaluator_task_waits_for_the_last_step(tmp_path, monkeypatch):
  linear.make(tmp_path).train(linear.train_input, max_steps=7)
  monkeypatch.setenv(
    'TF_CONFIG',
    '{"cluster": {"chief": ["a:1"]}, '
    '"task": {"type": "evaluator", "index": 0}}',
  )
  results, _ = train_and_evaluate(tmp_path, 7, start_delay_secs=0)
  assert results['global_step'] == 7
  assert results['accuracy'] > 0.3


def exported_steps(model_dir, name):
  folders = sorted((model_dir / 'export' / name).iterdir())
  return [
    int(re.search(r'"global_step": (\d+)', f.read_text())[1])
    for f in (d / 'assets.extra' / 'eval_result.json' for d in folders)
  ]


def test_latest_and_final_exporters(tmp_path):
  latest = est.LatestExporter('latest', RECEIVER, exports_to_keep=2)
  final = est.FinalExporter('final', RECEIVER)
  _, exports = train_and_evaluate(tmp_path, 15, latest, final, throttle_secs=0)
  assert exported_steps(tmp_path, 'latest') == [10, 15]
  assert exported_steps(tmp_path, 'final') == [15]
  assert [os.path.basename(os.path.dirname(e)) for e in exports] == [
    'latest',
    'final',
  ]


def test_the_best_is_remembered_across_restarts(tmp_path):
  estimator = linear.make(tmp_path)
  estimator.train(linear.train_input, max_steps=1)
  folder = str(tmp_path / 'export' / 'best')
  steps = []
  for loss in (0.5, 0.7, 0.4, 0.4, 0.3):
    # A new exporter each time, as in a restarted process.
    exporter = est.BestExporter('best', RECEIVER, exports_to_keep=2)
    exported = exporter.export(
      estimator,
      folder,
      estimator.latest_checkpoint(),
      {'loss': loss, 'global_step': 1},
      False,
    )
    steps.append(exported is not None)
  assert steps == [True, False, True, False, True]
  assert len(os.listdir(folder)) == 2


def test_a_function_can_decide_what_is_best(tmp_path):
  estimator = linear.make(tmp_path)
  estimator.train(linear.train_input, max_steps=1)

  def higher(best_eval_result, current_eval_result):
    return current_eval_result['accuracy'] > best_eval_result['accuracy']

  exporter = est.BestExporter('best', RECEIVER, compare_fn=higher)
  export = [
    exporter.export(
      estimator,
      str(tmp_path / 'best'),
      estimator.latest_checkpoint(),
      {'accuracy': np.float32(accuracy)},
      False,
    )
    is not None
    for accuracy in (0.5, 0.4, 0.6)
  ]
  assert export == [True, False, True]


@pytest.mark.parametrize(
  'make, error, message',
  [
    (lambda: est.TrainSpec(3), TypeError, 'input_fn must be callable'),
    (
      lambda: est.TrainSpec(print, max_steps=0),
      ValueError,
      'Must specify max_steps > 0, given: 0',
    ),
    (lambda: est.EvalSpec(None), TypeError, 'input_fn must be callable'),
    (
      lambda: est.EvalSpec(print, steps=0),
      ValueError,
      'Must specify steps > 0, given: 0',
    ),
    (lambda: est.EvalSpec(print, name=3), TypeError, 'name must be a string'),
    (
      lambda: est.EvalSpec(print, throttle_secs=-1),
      ValueError,
      'throttle_secs >= 0, given: -1',
    ),
    (
      lambda: est.EvalSpec(print, exporters=[3]),
      TypeError,
      'exporters must be Exporter',
    ),
    (
      lambda: est.EvalSpec(print, exporters=[est.FinalExporter('a', 1)] * 2),
      ValueError,
      'unique names',
    ),
    (
      lambda: est.LatestExporter('', RECEIVER),
      ValueError,
      'non-empty string name',
    ),
    (
      lambda: est.LatestExporter('a', RECEIVER, exports_to_keep=0),
      ValueError,
      'positive number. Got 0',
    ),
  ],
)
def test_a_wrong_spec(make, error, message):
  with pytest.raises(error, match=message):
    make()


class TestWarmStart:
  """Loads what matches; reports the rest."""

  def variables(self, **shapes):
    return {
      name.replace('__', '/'): tf.Variable(
        tf.zeros(shape), trainable='Momentum' not in name
      )
      for name, shape in shapes.items()
    }

  @pytest.fixture
  def checkpoint(self, tmp_path):
    values = {
      'global_step': tf.constant(9, tf.int64),
      'net/kernel': tf.fill([2], 1.0),
      'net/kernel/Momentum': tf.fill([2], 2.0),
      'net/moving_mean': tf.fill([3], 3.0),
      'net/dense/kernel': tf.fill([4], 4.0),
    }
    return est.Checkpoints(str(tmp_path)).save(values, 9)

  def start(self, checkpoint, variables, *args):
    settings = est.WarmStartSettings(checkpoint, *args)
    return sorted(warm_start(settings, variables))

  def test_moving_statistics_too_but_no_slots_nor_step(self, checkpoint):
    variables = self.variables(
      net__kernel=[2], net__moving_mean=[3], net__kernel__Momentum=[2]
    )
    variables['global_step'] = tf.Variable(0, dtype=tf.int64)
    loaded = self.start(checkpoint, variables)
    assert loaded == ['net/kernel', 'net/moving_mean']
    assert variables['net/moving_mean'].numpy().tolist() == [3, 3, 3]
    assert variables['net/kernel/Momentum'].numpy().tolist() == [0, 0]
    assert variables['global_step'].numpy() == 0

  def test_by_pattern(self, checkpoint):
    variables = self.variables(net__kernel=[2], net__dense__kernel=[4])
    assert self.start(checkpoint, variables, r'^(?!.*dense)') == ['net/kernel']
    loaded = self.start(checkpoint, variables, ['dense', 'kernel'])
    assert loaded == ['net/dense/kernel', 'net/kernel']

  def test_by_another_name(self, checkpoint):
    variables = self.variables(other=[2])
    names = {'other': 'net/kernel'}
    assert self.start(checkpoint, variables, '.*', names) == ['other']
    assert variables['other'].numpy().tolist() == [1, 1]

  def test_what_does_not_fit_is_left_and_nothing_at_all_is_an_error(
    self, checkpoint
  ):
    variables = self.variables(net__kernel=[2], net__moving_mean=[7])
    assert self.start(checkpoint, variables) == ['net/kernel']
    with pytest.raises(ValueError, match='loaded nothing'):
      self.start(checkpoint, self.variables(net__moving_mean=[7]))

  def test_from_a_directory_or_a_saved_model(self, checkpoint, tmp_path):
    variables = self.variables(net__kernel=[2])
    assert self.start(str(tmp_path), variables) == ['net/kernel']
    estimator = linear.make(tmp_path / 'run')
    estimator.train(linear.train_input, max_steps=1)
    exported = estimator.export_saved_model(str(tmp_path / 'e'), RECEIVER)
    variables = self.variables(logits__bias=[3])
    assert self.start(exported, variables) == ['logits/bias']
    np.testing.assert_array_equal(
      variables['logits/bias'], estimator.get_variable_value('logits/bias')
    )


def stream(make_metric, batches):
  """The value of a metric after each batch, and at the end."""
  store = VariableStore()
  read = []

  def step(*batch):
    with store.trace(), store.scope():
      read[:] = make_metric(*batch)

  specs = [
    tf.TensorSpec([None], tf.as_dtype(np.array(p).dtype).real_dtype)
    for p in batches[0]
  ]
  graph = tf.compat.v1.wrap_function(step, specs)
  value, update = read
  update = graph.prune(graph.inputs[: len(specs)], update)
  value = graph.prune([], value)
  assert value() == 0
  after = []
  for batch in batches:
    after.append(
      float(
        update(
          *(tf.constant(p, s.dtype) for p, s in zip(batch, specs, strict=True))
        )
      )
    )
    assert value() == after[-1]
  return after, float(value())


LABELS = [([1, 1, 0, 0], [1, 0, 1, 0]), ([1, 1, 1, 0], [1, 1, 0, 0])]


@pytest.mark.parametrize(
  'metric, expected',
  [
    (metrics.accuracy, [2 / 4, 5 / 8]),
    (metrics.precision, [1 / 2, 3 / 4]),
    (metrics.recall, [1 / 2, 3 / 5]),
  ],
)
def test_a_metric_of_classes(metric, expected):
  after, result = stream(metric, LABELS)
  assert after == pytest.approx(expected)
  assert result == pytest.approx(expected[-1])


@pytest.mark.parametrize(
  'metric, expected',
  [
    (metrics.mean_absolute_error, 7 / 3),
    (metrics.mean_squared_error, 21 / 3),
    (metrics.root_mean_squared_error, 7**0.5),
  ],
)
def test_a_metric_of_numbers(metric, expected):
  batches = [([1.0, 2.0], [2.0, 4.0]), ([0.0], [4.0])]
  _, result = stream(metric, batches)
  assert result == pytest.approx(expected)


@pytest.mark.parametrize('labels, predictions', [([4, 1], [4]), ([4], [4, 1])])
def test_a_column_beside_a_row_is_compared_one_by_one(labels, predictions):
  batch = np.array([1, 0, 1, 1])
  pairs = [(batch.reshape(labels), batch.reshape(predictions))]
  for metric, value in ((metrics.accuracy, 1), (metrics.mean_squared_error, 0)):
    assert once(metric, *pairs[0]) == value


@pytest.mark.parametrize(
  'metric, shapes, message',
  [
    (
      metrics.accuracy,
      ([4], [2, 2]),
      r'same shape, given: \(4,\) and \(2, 2\)',
    ),
    (
      metrics.mean,
      ([2, 2], [3]),
      r'weights of a metric .*given: \(3,\) for val',
    ),
    (
      metrics.mean,
      ([2, 2], [2]),
      r'weights of a metric .*given: \(2,\) for val',
    ),
  ],
)
def test_shapes_that_do_not_fit_are_refused(metric, shapes, message):
  with pytest.raises(ValueError, match=message):
    once(metric, *map(np.ones, shapes))


def once(make_metric, *arrays):
  read = []

  def build():
    with VariableStore().trace(), VariableStore().scope():
      read[:] = make_metric(*map(tf.constant, arrays))

  graph = tf.compat.v1.wrap_function(build, [])
  return graph.prune([], read[1])().numpy()


def test_a_weighted_mean_leaves_out_weight_zero():
  batches = [([1.0, 2.0], [1.0, 3.0]), ([5.0, float('nan')], [2.0, 0.0])]
  _, result = stream(metrics.mean, batches)
  assert result == pytest.approx((1 + 6 + 10) / 6)
