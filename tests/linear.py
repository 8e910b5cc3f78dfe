"""A small Estimator to test with: two layers on data made from a seed."""

import functools

import numpy as np
import tensorflow as tf

from official import estimator as est
from official import optimizers
from official.estimator import metrics, summary

_rng = np.random.RandomState(0)
IMAGES = _rng.randn(1000, 8).astype(np.float32)
LABELS = IMAGES[:, :3].argmax(axis=1).astype(np.int32)
BATCH = 64


@functools.cache
def two_replicas():
  """One strategy for all tests, as each new one would reuse collective keys."""
  return tf.distribute.MirroredStrategy(['CPU:0', 'CPU:1'])


def dense(x, units, name):
  kernel = tf.Variable(
    lambda: 0.1 * tf.random.normal([x.shape[1], units]), name=f'{name}/kernel'
  )
  bias = tf.Variable(lambda: tf.zeros([units]), name=f'{name}/bias')
  return x @ kernel + bias


def model_fn(features, labels, mode, params):
  hidden = tf.nn.relu(dense(features['x'], 16, 'hidden'))
  logits = dense(hidden, 3, 'logits')
  predictions = {
    'classes': tf.argmax(logits, axis=1),
    'probabilities': tf.nn.softmax(logits),
  }
  if mode == est.ModeKeys.PREDICT:
    return est.EstimatorSpec(mode, predictions)
  loss = tf.reduce_mean(
    tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  )
  if mode == est.ModeKeys.EVAL:
    accuracy = metrics.accuracy(labels, predictions['classes'])
    return est.EstimatorSpec(
      mode, predictions, loss, eval_metric_ops={'accuracy': accuracy}
    )
  rate = params.get('rate', 0.1)
  summary.scalar('learning_rate', rate)
  tf.identity(loss * 2, name='twice_the_loss')
  train_op = optimizers.MomentumOptimizer(rate, 0.9).minimize(loss)
  return est.EstimatorSpec(mode, predictions, loss, train_op)


def train_input(input_context, global_step):
  """Batches as a function of the step, whatever the number of replicas."""
  replicas = input_context.num_replicas_in_sync
  data = tf.data.Dataset.from_tensor_slices(({'x': IMAGES}, LABELS))
  batches = data.repeat().batch(BATCH // replicas, drop_remainder=True)
  return batches.skip(global_step * replicas)


def eval_input():
  """Four batches, the last of them smaller."""
  data = tf.data.Dataset.from_tensor_slices(({'x': IMAGES}, LABELS))
  return data.batch(300)


class Losses(est.Hook):
  """Remembers the loss of every step."""

  def __init__(self):
    self.losses = []

  def after_run(self, run):
    self.losses += [values['loss'] for values in run.history()]


def make(model_dir, params=None, function=model_fn, **config):
  config = {'tf_random_seed': 1} | config
  return est.Estimator(
    function, str(model_dir), est.RunConfig(**config), params or {}
  )
