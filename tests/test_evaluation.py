"""The results of an evaluation, however its data are cut into batches."""

import json

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official.estimator import metrics
from tests import linear

v1 = tf.compat.v1

_rng = np.random.default_rng(0)
N, CLASSES = 24, 3
SCORES = _rng.random([N, CLASSES]).astype(np.float32)
LABELS = _rng.integers(0, CLASSES, N)
CLASS = SCORES.argmax(1)
POSITIVE = LABELS > 0  # for metrics of two classes
CHANCE = (0.6 * POSITIVE + 0.4 * _rng.random(N)).astype(np.float32)
GUESS = CHANCE > 0.5
TARGET = _rng.random(N).astype(np.float32) + 1
GUESSED = (TARGET + _rng.normal(0, 0.3, N)).astype(np.float32)
UNITS = _rng.normal(size=[2, N, 4]).astype(np.float32)
UNITS /= np.linalg.norm(UNITS, axis=2, keepdims=True)
DATA = {
  'scores': SCORES, 'class': CLASS, 'positive': POSITIVE, 'chance': CHANCE,
  'guess': GUESS, 'target': TARGET, 'guessed': GUESSED, 'left': UNITS[0],
  'right': UNITS[1],
}  # fmt: skip
THRESHOLDS = [0.3, 0.5, 0.7]


def classic_metrics(x, labels):
  """Each function of tf.compat.v1.metrics, and values computed from some."""
  m = v1.metrics
  two = (x['positive'], x['guess'])
  chances = (x['positive'], x['chance'])
  numbers = (x['target'], x['guessed'])
  column = labels[:, tf.newaxis]
  order = tf.argsort(x['scores'], direction='DESCENDING')
  order = tf.cast(order[:, :2], tf.int64)
  share = tf.cast(tf.shape(labels)[0], tf.float32)
  precision, recall = m.precision(*two), m.recall(*two)
  mean = m.mean(x['guessed'])
  return {
    'accuracy': m.accuracy(labels, x['class']),
    'auc': m.auc(*chances, summation_method='careful_interpolation'),
    'auc_trapezoidal': m.auc(*chances),
    'average_precision_at_k': m.average_precision_at_k(column, x['scores'], 2),
    'sparse_average_precision_at_k': m.sparse_average_precision_at_k(
      column, x['scores'], 2
    ),
    'false_negatives': m.false_negatives(*two),
    'false_positives': m.false_positives(*two),
    'true_negatives': m.true_negatives(*two),
    'true_positives': m.true_positives(*two),
    'false_negatives_at': m.false_negatives_at_thresholds(*chances, THRESHOLDS),
    'false_positives_at': m.false_positives_at_thresholds(*chances, THRESHOLDS),
    'true_negatives_at': m.true_negatives_at_thresholds(*chances, THRESHOLDS),
    'true_positives_at': m.true_positives_at_thresholds(*chances, THRESHOLDS),
    'mean': mean,
    'mean_absolute_error': m.mean_absolute_error(*numbers),
    'mean_cosine_distance': m.mean_cosine_distance(x['left'], x['right'], 1),
    'mean_iou': m.mean_iou(labels, x['class'], CLASSES),
    'mean_per_class_accuracy': m.mean_per_class_accuracy(
      labels, x['class'], CLASSES
    ),
    'mean_relative_error': m.mean_relative_error(*numbers, x['target']),
    'mean_squared_error': m.mean_squared_error(*numbers),
    'mean_tensor': m.mean_tensor(
      tf.reduce_mean(x['left'], 0), tf.fill([4], share)
    ),
    'percentage_below': m.percentage_below(x['target'], 1.5),
    'precision': precision,
    'precision_at_thresholds': m.precision_at_thresholds(*chances, THRESHOLDS),
    'precision_at_k': m.precision_at_k(column, x['scores'], 2),
    'sparse_precision_at_k': m.sparse_precision_at_k(column, x['scores'], 2),
    'precision_at_top_k': m.precision_at_top_k(column, order, 2),
    'recall': recall,
    'recall_at_k': m.recall_at_k(column, x['scores'], 2),
    'recall_at_top_k': m.recall_at_top_k(column, order, 2),
    'recall_at_thresholds': m.recall_at_thresholds(*chances, THRESHOLDS),
    'root_mean_squared_error': m.root_mean_squared_error(*numbers),
    'sensitivity_at_specificity': m.sensitivity_at_specificity(*chances, 0.8),
    'specificity_at_sensitivity': m.specificity_at_sensitivity(*chances, 0.7),
    # Computed from others, with an update of another shape than the value.
    'f1': (
      2 * precision[0] * recall[0] / (precision[0] + recall[0]),
      tf.group(precision[1], recall[1]),
    ),
    # Computed from another, with an update of the same shape as the value.
    'perplexity': (tf.exp(mean[0]), mean[1]),
    'ours': metrics.accuracy(labels, x['class']),
    'ours_doubled': doubled(metrics.mean(x['guessed'], name='doubled')),
    'text': as_text(m.mean(x['target'])),
  }


def as_text(pair):
  return tf.as_string(pair[0], 1), pair[1]


def doubled(pair):
  return 2 * pair[0], pair[1]


def expected():
  """The same by NumPy, from the definitions."""
  errors = GUESSED - TARGET
  at = [counts(CHANCE > t) for t in THRESHOLDS]
  tp, fp, tn, fn = counts(GUESS)
  confusion = np.zeros([CLASSES, CLASSES])
  np.add.at(confusion, (LABELS, CLASS), 1)
  right, of_label = np.diag(confusion), confusion.sum(1)
  union = of_label + confusion.sum(0) - right
  rank = (SCORES > SCORES[np.arange(N), LABELS][:, None]).sum(1)
  precisions = np.where(rank < 2, 1 / (rank + 1), 0).mean()
  precision, recall = tp / (tp + fp), tp / (tp + fn)
  mean = GUESSED.mean(dtype=np.float64)
  thresholds = [-1e-7, *np.arange(1, 199) / 199, 1 + 1e-7]
  curve = np.array([counts(CHANCE > t) for t in thresholds])
  tps, fps, tns, fns = curve.T
  sensitivity, specificity = tps / (tps + fns), tns / (tns + fps)
  area = np.trapezoid(sensitivity, 1 - specificity) * -1
  return {
    'accuracy': (CLASS == LABELS).mean(),
    'auc_trapezoidal': area,
    'average_precision_at_k': precisions,
    'sparse_average_precision_at_k': precisions,
    'false_negatives': fn,
    'false_positives': fp,
    'true_negatives': tn,
    'true_positives': tp,
    'false_negatives_at': [c[3] for c in at],
    'false_positives_at': [c[1] for c in at],
    'true_negatives_at': [c[2] for c in at],
    'true_positives_at': [c[0] for c in at],
    'mean': mean,
    'mean_absolute_error': np.abs(errors).mean(),
    'mean_cosine_distance': 1 - (UNITS[0] * UNITS[1]).sum(1).mean(),
    'mean_iou': (right / union).mean(),
    'mean_per_class_accuracy': (right / of_label).mean(),
    'mean_relative_error': (np.abs(errors) / TARGET).mean(),
    'mean_squared_error': (errors**2).mean(),
    'mean_tensor': UNITS[0].mean(0),
    'percentage_below': (TARGET < 1.5).mean(),
    'precision': precision,
    'precision_at_thresholds': [c[0] / (c[0] + c[1]) for c in at],
    'precision_at_k': (rank < 2).mean() / 2,
    'sparse_precision_at_k': (rank < 2).mean() / 2,
    'precision_at_top_k': (rank < 2).mean() / 2,
    'recall': recall,
    'recall_at_k': (rank < 2).mean(),
    'recall_at_top_k': (rank < 2).mean(),
    'recall_at_thresholds': [c[0] / (c[0] + c[3]) for c in at],
    'root_mean_squared_error': (errors**2).mean() ** 0.5,
    'sensitivity_at_specificity': best(sensitivity, specificity, 0.8),
    'specificity_at_sensitivity': best(specificity, sensitivity, 0.7),
    'f1': 2 * precision * recall / (precision + recall),
    'perplexity': np.exp(mean),
    'ours': (CLASS == LABELS).mean(),
    'ours_doubled': 2 * mean,
    'loss': mean,
    'global_step': 1,
  }


def counts(guess):
  """True positives, false positives, true negatives, false negatives."""
  return (
    (guess & POSITIVE).sum(),
    (guess & ~POSITIVE).sum(),
    (~guess & ~POSITIVE).sum(),
    (~guess & POSITIVE).sum(),
  )


def best(values, others, target):
  """The value where the other is nearest to the target."""
  nearest = np.abs(others - target)
  return values[nearest == nearest.min()].max()


def model_fn(features, labels, mode):
  loss = tf.reduce_mean(features['guessed'])
  step = v1.train.get_global_step()
  if mode == est.ModeKeys.TRAIN:
    return est.EstimatorSpec(mode, None, loss, step.assign_add(1))
  return est.EstimatorSpec(
    mode, loss=loss, eval_metric_ops=classic_metrics(features, labels)
  )


def slices():
  return tf.data.Dataset.from_tensor_slices((DATA, LABELS))


def tensors():
  return {k: tf.constant(v) for k, v in DATA.items()}, tf.constant(LABELS)


WAYS = {
  'one batch of any size': (lambda: slices().batch(N), None),
  'one batch of a fixed size': (lambda: slices().batch(N, True), None),
  'tensors': (tensors, None),
  'many of any size, the last one smaller': (lambda: slices().batch(7), None),
  'many of a fixed size': (lambda: slices().batch(8, True), None),
  'many of a fixed size, 3 steps': (lambda: slices().batch(8, True), 3),
  'any size, repeated, 3 steps': (lambda: slices().repeat().batch(8), 3),
}


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
  folder = str(tmp_path_factory.mktemp('evaluation'))
  est.Estimator(model_fn, folder).train(lambda: slices().batch(8), steps=1)
  return folder


@pytest.mark.filterwarnings('ignore:.*:UserWarning')  # v1's auc, of its method
@pytest.mark.parametrize('replicas', [1, 2])
def test_every_metric_is_that_of_the_whole_data(trained, replicas):
  strategy = linear.two_replicas() if replicas == 2 else None
  estimator = est.Estimator(
    model_fn, trained, est.RunConfig(train_distribute=strategy)
  )
  right = expected()
  missing = {n for n in dir(v1.metrics) if not n.startswith('_')}
  assert not {n.replace('_thresholds', '') for n in missing} - {
    n.replace('_thresholds', '') for n in {*right, 'auc'}
  }
  for way, (data, steps) in WAYS.items():
    if replicas == 2:
      steps = steps and (steps + 1) // 2
      if steps and 'repeated' in way:
        continue  # Two replicas take four batches.
    results = estimator.evaluate(data, steps=steps)
    assert set(results) == {*right, 'auc', 'text'}, way
    assert results['text'] == f'{TARGET.mean():.1f}'.encode(), way
    assert abs(results['auc'] - right['auc_trapezoidal']) < 0.02, way
    for name, value in right.items():
      np.testing.assert_allclose(
        results[name], value, rtol=1e-5, atol=1e-6, err_msg=f'{way}: {name}'
      )


def with_metrics(make):
  """A model_fn whose loss is the mean of `guessed` and with these metrics."""

  def model_fn(features, labels, mode):
    loss = tf.reduce_mean(features['guessed'])
    step = v1.train.get_global_step()
    train_op = step.assign_add(1) if mode == est.ModeKeys.TRAIN else None
    made = make(features, labels) if mode == est.ModeKeys.EVAL else {}
    return est.EstimatorSpec(
      mode, features['guessed'], loss, train_op, eval_metric_ops=made
    )

  return model_fn


@pytest.mark.parametrize('replicas', [1, 2])
def test_keras_metrics_made_in_model_fn_and_outside(tmp_path, replicas):
  import keras

  strategy = linear.two_replicas() if replicas == 2 else None
  with (strategy or tf.distribute.get_strategy()).scope():
    outside = keras.metrics.MeanIoU(CLASSES)

  def make(x, labels):
    inside = [
      keras.metrics.Mean(name='of_one'),
      keras.metrics.Mean(name='of_two'),
    ]
    for metric in inside:
      metric.update_state(x['guessed'])
    inside[1].update_state(x['target'])
    outside.update_state(labels, x['class'])
    return {'mean': inside[0], 'of_two': inside[1], 'iou': outside}

  estimator = est.Estimator(
    with_metrics(make), tmp_path, est.RunConfig(train_distribute=strategy)
  )
  estimator.train(lambda: slices().batch(8), steps=1)
  right = expected()
  for batch in (5, 24):  # The second time all sums begin at zero again.
    results = estimator.evaluate(lambda batch=batch: slices().batch(batch))
    assert results['iou'] == pytest.approx(right['mean_iou'])
    assert results['mean'] == pytest.approx(right['mean'])
    both = (GUESSED.mean() + TARGET.mean()) / 2
    assert results['of_two'] == pytest.approx(both)
  assert estimator.get_variable_names() == ['global_step']


def test_a_keras_metric_without_an_update_is_refused(tmp_path):
  import keras

  metric = keras.metrics.Mean()
  estimator = est.Estimator(with_metrics(lambda *_: {'m': metric}), tmp_path)
  estimator.train(lambda: slices().batch(8), steps=1)
  with pytest.raises(ValueError, match="'m' is a Keras metric without an upd"):
    estimator.evaluate(lambda: slices().batch(8))


def test_a_keras_metric_that_replicas_would_overwrite_is_refused(tmp_path):
  import keras

  metric = keras.metrics.Mean()

  def make(x, labels):
    metric.update_state(x['guessed'])
    return {'m': metric}

  config = est.RunConfig(train_distribute=linear.two_replicas())
  estimator = est.Estimator(with_metrics(make), tmp_path, config)
  estimator.train(lambda: slices().batch(8), steps=1)
  with pytest.raises(ValueError, match='2 replicas would write at the same'):
    estimator.evaluate(lambda: slices().batch(8))


def test_vectors_texts_and_pictures_reach_all_that_keeps_metrics(tmp_path):
  """metrics.jsonl, the event file, and eval_result.json of an exporter."""
  picture = tf.zeros([1, 2, 3, 1])

  def make(x, labels):
    with pytest.warns(UserWarning):  # Of v1's summary.
      summary = v1.summary.image('picture', picture)
    return {
      'confusion': v1.metrics.mean_tensor(tf.reduce_sum(x['left'], 0)),
      'text': (tf.constant('all right'), tf.no_op()),
      'picture': (summary, tf.no_op()),
      'nobody': v1.metrics.mean_tensor(tf.constant([1.0, np.nan])),
    }

  estimator = est.Estimator(with_metrics(make), tmp_path / 'run')
  receiver = est.build_raw_serving_input_receiver_fn({
    'guessed': tf.TensorSpec([None], tf.float32)
  })
  _, (export,) = est.train_and_evaluate(
    estimator,
    est.TrainSpec(lambda: slices().batch(N), max_steps=1),
    est.EvalSpec(
      lambda: slices().batch(N), exporters=est.FinalExporter('e', receiver)
    ),
  )
  sums = UNITS[0].sum(0)
  with open(f'{export}/assets.extra/eval_result.json') as f:
    kept = json.load(f)
  for record in (kept, estimator.metrics_log.read('eval')[-1]):
    np.testing.assert_allclose(record['confusion'], sums, rtol=1e-5)
    assert record['text'] == 'all right'
    assert record['nobody'] == [1.0, None]
    assert record['picture'].endswith(' bytes>')
  (events,) = (tmp_path / 'run' / 'eval').iterdir()
  values = {
    value.tag: value
    for record in tf.data.TFRecordDataset(str(events))
    for value in v1.Event.FromString(record.numpy()).summary.value
  }
  assert values['picture/0'].image.width == 3
  assert tf.make_ndarray(values['text'].tensor) == b'all right'
  np.testing.assert_allclose(
    tf.make_ndarray(values['confusion'].tensor), sums, rtol=1e-5
  )
