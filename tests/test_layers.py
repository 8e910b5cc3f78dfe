"""Each layer against NumPy, or against TensorFlow's op of another form."""

import numpy as np
import pytest
import tensorflow as tf

from official import layers
from official.estimator.variables import VariableStore
from tests.one_layer import call, normal


def test_frozen_batch_norm_goes_into_the_kernel_before_it():
  """And gives the same, with moving averages far from 0 and 1."""

  def build(nn, x):
    x = nn.batch_norm(nn.conv2d(x, 6, 3))
    return nn.batch_norm(tf.nn.relu(x))  # This one follows no convolution.

  x = normal(2, 5, 5, 3)
  store = VariableStore(seed=3)

  @tf.function(autograph=False)
  def network(x):
    with store.trace(), store.scope():
      return build(layers.Network('net', training=False), x)

  network.get_concrete_function(tf.constant(x))
  for index, variable in enumerate(store.variables.values()):
    if 'batch_normalization' in variable.name:
      value = normal(*variable.shape, seed=index)
      variable.assign(
        abs(value) + 0.5 if 'variance' in variable.name else value
      )
  expected = network(tf.constant(x))

  @tf.function(autograph=False)
  def frozen(x):
    with store.trace(), store.scope():
      return build(layers.Network('net', training=False, frozen=True), x)

  graph = frozen.get_concrete_function(tf.constant(x)).graph
  kinds = [op.type for op in graph.get_operations()]
  assert not [kind for kind in kinds if 'BatchNorm' in kind]
  np.testing.assert_allclose(frozen(tf.constant(x)), expected, atol=1e-5)


def test_batch_norm_in_training_uses_and_follows_the_batch():
  x = 3 * normal(4, 2, 3, 5) + 2
  y, _, values = call(lambda nn, x: nn.batch_norm(x), x, training=True)
  mean, variance = x.mean((0, 1, 2)), x.var((0, 1, 2))
  np.testing.assert_allclose(
    y, (x - mean) / np.sqrt(variance + 1e-5), atol=1e-5
  )
  unbiased = x.reshape(-1, 5).var(0, ddof=1)
  name = 'net/batch_normalization'
  np.testing.assert_allclose(
    values[f'{name}/moving_mean'], 0.003 * mean, atol=1e-6
  )
  np.testing.assert_allclose(
    values[f'{name}/moving_variance'], 0.997 + 0.003 * unbiased, atol=1e-6
  )


def test_the_share_of_a_batch_in_the_statistics_is_the_originals():
  """1 - momentum in float32, which is 7e-6 more than 0.003."""
  x = np.ones([4, 2, 2, 3], np.float32)
  _, _, values = call(lambda nn, x: nn.batch_norm(x), x, training=True)
  share = np.float32(1) - np.float32(0.997)
  assert (values['net/batch_normalization/moving_mean'] == share).all()


def test_batch_norm_outside_training_uses_the_moving_statistics():
  x = normal(4, 2, 2, 3)
  y, _, values = call(lambda nn, x: nn.batch_norm(x), x)
  np.testing.assert_allclose(y, x / np.sqrt(1 + 1e-5), atol=1e-6)
  assert not values['net/batch_normalization/moving_mean'].any()


def test_dense_is_a_product_and_a_bias_within_glorots_bounds():
  x = normal(3, 50)
  y, _, values = call(lambda nn, x: nn.dense(x, 70), x)
  kernel = values['net/dense/kernel']
  np.testing.assert_allclose(y, x @ kernel, atol=1e-5)
  assert not values['net/dense/bias'].any()
  bound = (6 / (50 + 70)) ** 0.5
  assert 0.98 * bound < abs(kernel).max() <= bound


def test_pools_and_the_global_mean():
  x = normal(2, 6, 6, 3)
  windows = x.reshape(2, 3, 2, 3, 2, 3)
  for pool, reduce in (('max_pool', np.max), ('avg_pool', np.mean)):
    y, _, _ = call(lambda nn, x, pool=pool: getattr(nn, pool)(x, 2, 2), x)
    np.testing.assert_allclose(y, reduce(windows, (2, 4)), atol=1e-6)
  y, _, _ = call(lambda nn, x: nn.global_mean(x), x)
  np.testing.assert_allclose(y, x.mean((1, 2)), atol=1e-6)


@pytest.mark.parametrize(
  'size, bias, alpha, beta',
  [(5, 2.0, 1e-4, 0.75), (4, 1.0, 0.001 / 9, 0.75), (3, 1.0, 0.5, 0.5)],
)
def test_local_response_normalization_is_its_definition(
  size, bias, alpha, beta
):
  x = 10 * normal(2, 3, 3, 8)
  y, _, _ = call(
    lambda nn, x: nn.local_response_normalization(x, size, bias, alpha, beta), x
  )
  expected = np.empty_like(x)
  for channel in range(8):
    first = max(channel - size // 2, 0)
    last = channel + (size - 1) // 2
    total = (x[..., first : last + 1] ** 2).sum(axis=3)
    expected[..., channel] = x[..., channel] / (bias + alpha * total) ** beta
  np.testing.assert_allclose(y, expected, rtol=1e-4)


def test_local_response_normalization_of_odd_size_is_tensorflows():
  x = 10 * normal(2, 3, 3, 8)
  y, gradient, _ = call(
    lambda nn, x: nn.local_response_normalization(x, 5, 2.0, 1e-2, 0.75), x
  )
  images = tf.constant(x)
  with tf.GradientTape() as tape:
    tape.watch(images)
    expected = tf.nn.local_response_normalization(images, 2, 2.0, 1e-2, 0.75)
  np.testing.assert_allclose(y, expected, rtol=1e-4)
  slope = tape.gradient(expected, images)
  np.testing.assert_allclose(gradient, slope, atol=1e-4)


def test_dropout_drops_its_share_and_keeps_the_mean():
  x = np.ones([100, 1000], np.float32)
  y, _, _ = call(lambda nn, x: nn.dropout(x, 0.2), x, training=True)
  assert (y == 0).mean() == pytest.approx(0.2, abs=0.01)
  np.testing.assert_allclose(y[y > 0], 1.25)
  y, _, _ = call(lambda nn, x: nn.dropout(x, 0.2), x)
  np.testing.assert_array_equal(y, x)


def test_dropout_is_a_function_of_the_step_the_layer_and_the_seed():
  x = np.ones([10, 100], np.float32)

  def mask(step=5, seed=0, second=False):
    def build(nn, x):
      first = nn.dropout(x, 0.5)
      return nn.dropout(x, 0.5) if second else first

    network = {'seed': seed}
    return call(build, x, training=True, network=network, step=step)[0]

  np.testing.assert_array_equal(mask(), mask())
  for other in (mask(step=6), mask(seed=1), mask(second=True)):
    assert 0.4 < (mask() == other).mean() < 0.6


def test_layers_are_numbered_as_tensorflow_1_numbered_them():
  def build(nn, x):
    for _ in range(3):
      x = nn.batch_norm(nn.conv2d(x, 4, 3))
    return nn.dense(nn.global_mean(x), 2)

  _, _, values = call(build, normal(2, 4, 4, 3))
  assert {name for name in values if 'conv' in name} == {
    'net/conv2d/kernel',
    'net/conv2d_1/kernel',
    'net/conv2d_2/kernel',
  }
  assert 'net/batch_normalization_2/moving_variance' in values
  assert 'net/dense/bias' in values


def test_an_unknown_layout_is_refused():
  with pytest.raises(ValueError, match="data_format must be .* 'NHWC'"):
    layers.Network('net', training=True, data_format='NHWC')


def test_computing_in_bfloat16_keeps_float32_variables():
  y, _, values = call(
    lambda nn, x: nn.dense(nn.global_mean(nn.conv2d(nn.images(x), 4, 3)), 2),
    normal(2, 4, 4, 3),
    network={'dtype': tf.bfloat16},
  )
  assert y.dtype == tf.bfloat16.as_numpy_dtype
  assert values['net/conv2d/kernel'].dtype == np.float32
