"""Several replicas in one process: one state, one loss, one evaluation."""

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official import layers, optimizers
from official.datasets import mnist
from official.estimator import metrics
from tests import linear

_rng = np.random.RandomState(0)
# The two halves of the batch are far apart, in mean and deviation.
IMAGES = _rng.randn(24, 4, 4, 2).astype(np.float32) * 3 + 5
IMAGES[12:] = IMAGES[12:] * 0.1 - 2
LABELS = _rng.randint(0, 3, 24).astype(np.int32)
STATISTICS = [
  f'net/batch_normalization/moving_{s}' for s in ('mean', 'variance')
]


def model_fn(features, labels, mode, params):
  nn = layers.Network(
    'net',
    training=mode == 'train',
    batch_norm_momentum=0.5,
    sync_batch_norm=params.get('sync', False),
  )
  x = nn.batch_norm(nn.conv2d(nn.images(features), 4, 3))
  logits = nn.dense(nn.global_mean(tf.nn.relu(x)), 3)
  losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  loss = tf.reduce_mean(losses)
  if mode == est.ModeKeys.EVAL:
    return est.EstimatorSpec(
      mode,
      loss=loss,
      eval_metric_ops={
        'accuracy': metrics.accuracy(labels, tf.argmax(logits, 1)),
        'cross_entropy': metrics.mean(losses, name='cross_entropy'),
      },
    )
  train_op = optimizers.MomentumOptimizer(0.1, 0.9).minimize(loss)
  return est.EstimatorSpec(mode, loss=loss, train_op=train_op)


def input_fn(input_context):
  batch = len(LABELS) // input_context.num_replicas_in_sync
  return (
    tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).repeat().batch(batch)
  )


def train(model_dir, steps, **params):
  """The estimator, its losses and the values of its last checkpoint."""
  strategy = linear.two_replicas() if params.pop('two', False) else None
  estimator = linear.make(
    model_dir, params, model_fn, train_distribute=strategy
  )
  losses = linear.Losses()
  estimator.train(input_fn, hooks=[losses], steps=steps)
  reader = tf.train.load_checkpoint(estimator.latest_checkpoint())
  return (
    estimator,
    losses.losses,
    {name: reader.get_tensor(name) for name in estimator.get_variable_names()},
  )


def test_sync_batch_norm_is_that_of_the_whole_batch(tmp_path):
  _, losses, values = train(tmp_path / 'one', 5)
  _, losses_of_two, theirs = train(tmp_path / 'two', 5, two=True, sync=True)
  np.testing.assert_allclose(losses_of_two, losses, rtol=1e-5)
  for name, value in values.items():
    np.testing.assert_allclose(theirs[name], value, rtol=1e-4, atol=1e-5)
  _, apart, _ = train(tmp_path / 'apart', 5, two=True)
  assert abs(apart[0] - losses[0]) > 0.01


def test_without_it_the_statistics_are_the_mean_of_the_replicas(tmp_path):
  """After a step: half the initial value, half the mean of the two halves'."""
  estimator, _, values = train(tmp_path / 'two', 1, two=True)
  first = tf.train.load_checkpoint(str(tmp_path / 'two' / 'model.ckpt-0'))
  kernel = first.get_tensor('net/conv2d/kernel')
  maps = tf.nn.conv2d(IMAGES, kernel, 1, 'SAME').numpy()
  halves = maps[:12], maps[12:]
  means = np.mean([half.mean((0, 1, 2)) for half in halves], 0)
  variances = np.mean([half.var((0, 1, 2), ddof=1) for half in halves], 0)
  np.testing.assert_allclose(values[STATISTICS[0]], 0.5 * means, rtol=1e-4)
  np.testing.assert_allclose(
    values[STATISTICS[1]], 0.5 + 0.5 * variances, rtol=1e-4
  )
  for name in STATISTICS:
    parts = linear.two_replicas().experimental_local_results(
      estimator._store.variables[name]
    )
    np.testing.assert_array_equal(*(part.numpy() for part in parts))


def test_two_replicas_go_on_to_the_same_bits(tmp_path):
  """Stopped after any step: nothing of a replica is lost in a checkpoint."""
  _, losses, values = train(tmp_path / 'unbroken', 6, two=True)
  _, before, _ = train(tmp_path / 'broken', 2, two=True)
  _, after, resumed = train(tmp_path / 'broken', 4, two=True)
  assert before + after == losses
  for name, value in values.items():
    np.testing.assert_array_equal(resumed[name], value)


@pytest.mark.parametrize('batch', [7, 8, 11])
def test_an_evaluation_is_the_same_however_it_is_cut(tmp_path, batch):
  """Parts of 8 on one device; on two, the last may have no batch at all."""
  train(tmp_path, 2)

  def data(size):
    images = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
    return lambda: images.batch(size)

  one = linear.make(tmp_path, {}, model_fn)
  two = linear.make(
    tmp_path, {}, model_fn, train_distribute=linear.two_replicas()
  )
  expected, actual = one.evaluate(data(8)), two.evaluate(data(batch))
  for name in ('accuracy', 'cross_entropy'):
    assert actual[name] == expected[name]
  assert actual['loss'] == pytest.approx(expected['loss'], rel=1e-6)


def test_no_worker_reads_what_another_does(mnist_folder):
  """Two workers of two replicas each: the global batch, in four parts."""
  data = mnist.load(str(mnist_folder), seed=1)
  whole = list(
    data.input_fn(True, 32, start_step=3).take(5).as_numpy_iterator()
  )
  shares = []
  for worker in range(2):
    context = tf.distribute.InputContext(2, worker, 4)
    batches = data.input_fn(True, 8, start_step=3, input_context=context)
    shares.append(list(batches.take(10).as_numpy_iterator()))
  for step, (images, labels) in enumerate(whole):
    parts = [share[2 * step + i] for share in shares for i in range(2)]
    np.testing.assert_array_equal(np.concatenate([p[0] for p in parts]), images)
    np.testing.assert_array_equal(np.concatenate([p[1] for p in parts]), labels)
