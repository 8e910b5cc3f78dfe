"""Optimizers against hand arithmetic, NumPy and TensorFlow 1's own."""

import numpy as np
import pytest
import tensorflow as tf

from official import optimizers
from official.estimator.variables import VariableStore

START = np.array([1.0, -2.0, 3.0], np.float32)
V1 = tf.compat.v1.train


def train(make_optimizer, steps, rates=None):
  """The weights after each step down sum(w ** 3) / 3 from START."""
  store = VariableStore()

  @tf.function(autograph=False)
  def step(rate):
    with store.trace(), store.scope():
      w = tf.Variable(lambda: tf.constant(START), name='net/w')
      loss = tf.reduce_sum(w**3) / 3
      make_optimizer(rate).minimize(loss, tf.compat.v1.train.get_global_step())

  history = []
  for index in range(steps):
    step(tf.constant(rates[index] if rates else 0.1))
    history.append(store.variables['net/w'].numpy())
  assert store.global_step.numpy() == steps
  return np.array(history), store


def test_momentum_keeps_the_rate_outside_the_velocity():
  """With gradient 1, w goes from 0.4390 to 0.4046 after a tenfold drop."""
  w, velocity = 1.0, 0.0
  seen = []
  for rate in (0.1, 0.1, 0.1, 0.01):
    velocity = 0.9 * velocity + 1
    w -= rate * velocity
    seen.append(w)
  assert seen[2:] == pytest.approx([0.4390, 0.4046], abs=5e-5)

  store = VariableStore()

  @tf.function(autograph=False)
  def step(rate):
    with store.trace(), store.scope():
      w = tf.Variable(lambda: tf.constant(1.0), name='w')
      optimizers.MomentumOptimizer(rate, 0.9).minimize(w)

  for rate, expected in zip((0.1, 0.1, 0.1, 0.01), seen, strict=True):
    step(tf.constant(rate))
    assert store.variables['w'].numpy() == pytest.approx(expected)


@pytest.mark.parametrize(
  'ours, theirs',
  [
    (
      lambda rate: optimizers.MomentumOptimizer(rate, 0.9),
      lambda rate: V1.MomentumOptimizer(rate, 0.9),
    ),
    (
      lambda rate: optimizers.MomentumOptimizer(rate, 0.9, True),
      lambda rate: V1.MomentumOptimizer(rate, 0.9, use_nesterov=True),
    ),
    (
      lambda rate: optimizers.AdadeltaOptimizer(rate, 0.9, 1e-3),
      lambda rate: V1.AdadeltaOptimizer(rate, 0.9, 1e-3),
    ),
    (optimizers.AdamOptimizer, V1.AdamOptimizer),
  ],
  ids=['momentum', 'nesterov', 'adadelta', 'adam'],
)
def test_an_optimizer_steps_and_names_its_slots_as_tensorflow_1(ours, theirs):
  rates = [0.1, 0.1, 0.01, 0.05]
  w, store = train(ours, 4, rates)
  expected, reference = train(theirs, 4, rates)
  np.testing.assert_allclose(w, expected, rtol=1e-6)
  assert sorted(store.variables) == sorted(reference.variables)


def test_adadelta_is_zeilers_algorithm():
  w, _ = train(lambda rate: optimizers.AdadeltaOptimizer(1.0, 0.95, 1e-6), 3)
  x, squares, updates = START.astype(float), 0.0, 0.0
  for step in range(3):
    g = x**2
    squares = 0.95 * squares + 0.05 * g**2
    delta = np.sqrt(updates + 1e-6) / np.sqrt(squares + 1e-6) * g
    updates = 0.95 * updates + 0.05 * delta**2
    x = x - delta
    np.testing.assert_allclose(w[step], x, rtol=1e-5)


def test_lars_scales_the_rate_of_each_layer():
  w, _ = train(
    lambda rate: optimizers.LARSOptimizer(rate, 0.9, 0.01, eeta=0.1), 2
  )
  x, velocity = START.astype(float), 0.0
  for step in range(2):
    g = x**2
    norm = np.linalg.norm
    trust = 0.1 * norm(x) / (norm(g) + 0.01 * norm(x))
    velocity = 0.9 * velocity + g + 0.01 * x
    x = x - 0.1 * trust * velocity
    np.testing.assert_allclose(w[step], x, rtol=1e-5)


def test_lars_leaves_skipped_variables_to_plain_momentum():
  skipped, _ = train(
    lambda rate: optimizers.LARSOptimizer(rate, 0.9, 0.01, skip_list=['net']), 3
  )
  plain, _ = train(lambda rate: optimizers.MomentumOptimizer(rate, 0.9), 3)
  np.testing.assert_array_equal(skipped, plain)


def test_a_loss_without_variables_is_refused():
  with (
    tf.Graph().as_default(),
    pytest.raises(ValueError, match='No variables to optimize'),
  ):
    optimizers.MomentumOptimizer(0.1, 0.9).minimize(tf.constant(1.0))
