"""Each layer against NumPy, or against TensorFlow's op of another form."""

import collections
import itertools

import numpy as np
import pytest
import tensorflow as tf

from official import layers
from official.estimator.variables import VariableStore
from official.layers import (
  convolutions,
  layouts,
  minimal_filtering,
  small_maps,
)
from tests.linear import two_replicas


def call(build, inputs, *, training=False, network=None, step=0):
  """Runs layers once; returns outputs, input gradient, values of variables."""
  store = VariableStore(seed=3)
  inputs = tf.constant(inputs)

  @tf.function(autograph=False)
  def function(x):
    with store.trace(), store.scope():
      nn = layers.Network('net', training=training, **(network or {}))
      y = build(nn, x)
      return y, tf.gradients(y, [x])[0]

  function.get_concrete_function(inputs)
  store.global_step.assign(step)
  outputs, gradient = function(inputs)
  values = {name: v.numpy() for name, v in store.variables.items()}
  gradient = None if gradient is None else gradient.numpy()
  return outputs.numpy(), gradient, values


def normal(*shape, seed=0):
  return np.random.RandomState(seed).randn(*shape).astype(np.float32)


def numpy_conv2d(x, kernel, strides, before, after):
  """The definition, output by output."""
  x = np.pad(x, [(0, 0), (before, after), (before, after), (0, 0)])
  size = kernel.shape[0]
  rows = range(0, x.shape[1] - size + 1, strides)
  columns = range(0, x.shape[2] - size + 1, strides)
  return np.stack(
    [
      np.stack(
        [
          np.einsum('nhwc,hwcf->nf', x[:, r : r + size, c : c + size], kernel)
          for c in columns
        ],
        axis=1,
      )
      for r in rows
    ],
    axis=1,
  )


# k - 1 zeros whatever the size for FIXED; what TensorFlow documents for SAME.
@pytest.mark.parametrize(
  'size, kernel, strides, padding, before, after',
  [
    (5, 3, 1, 'SAME', 1, 1),
    (5, 3, 2, 'FIXED', 1, 1),
    (6, 3, 2, 'FIXED', 1, 1),
    (6, 3, 2, 'SAME', 0, 1),
    (7, 7, 2, 'FIXED', 3, 3),
    (6, 4, 2, 'FIXED', 1, 2),
    (6, 1, 2, 'FIXED', 0, 0),
    (6, 3, 1, 'VALID', 0, 0),
    (6, 3, 1, 1, 1, 1),
    (6, 5, 1, 2, 2, 2),
    (7, 3, 2, 1, 1, 1),
  ],
)
def test_conv2d_is_its_definition(
  size, kernel, strides, padding, before, after
):
  x = normal(2, size, size, 3)
  y, _, values = call(
    lambda nn, x: nn.conv2d(x, 4, kernel, strides, padding=padding), x
  )
  expected = numpy_conv2d(
    x, values['net/conv2d/kernel'], strides, before, after
  )
  np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize('groups', [2, 3])
def test_a_grouped_conv2d_is_one_for_each_group(groups):
  x = normal(2, 5, 5, 6)
  y, _, values = call(lambda nn, x: nn.conv2d(x, 12, 3, groups=groups), x)
  kernel = values['net/conv2d/kernel']
  assert kernel.shape == (3, 3, 6 // groups, 12)
  parts = zip(
    np.split(x, groups, axis=3), np.split(kernel, groups, axis=3), strict=True
  )
  expected = np.concatenate([numpy_conv2d(*p, 1, 1, 1) for p in parts], axis=3)
  np.testing.assert_allclose(y, expected, atol=1e-5)


@pytest.mark.parametrize('height, width', [(1, 1), (1, 2), (2, 1), (2, 2)])
@pytest.mark.parametrize('kernel', [1, 2, 3, 5])
@pytest.mark.parametrize('strides', [1, 2])
@pytest.mark.parametrize('padding', ['SAME', 'FIXED'])
def test_a_small_map_is_convolved_as_by_the_library(
  height, width, kernel, strides, padding
):
  x = normal(3, height, width, 4)
  y, gradient, values = call(
    lambda nn, x: nn.conv2d(x, 5, kernel, strides, padding=padding), x
  )
  weights = tf.constant(values['net/conv2d/kernel'])
  images = tf.constant(x)
  pads = padding
  if padding == 'FIXED':
    pad = [(kernel - 1) // 2, kernel - 1 - (kernel - 1) // 2]
    pads = [[0, 0], pad, pad, [0, 0]]
  with tf.GradientTape() as tape:
    tape.watch(images)
    expected = tf.nn.conv2d(images, weights, strides, pads)
  np.testing.assert_allclose(y, expected, atol=1e-5)
  slope = tape.gradient(expected, images)
  np.testing.assert_allclose(gradient, slope, atol=1e-5)


def outputs_and_gradients(convolve, x, weights):
  x, weights = tf.constant(x), tf.constant(weights)
  with tf.GradientTape() as tape:
    tape.watch([x, weights])
    y = convolve(x, weights)
    loss = tf.reduce_sum(tf.sin(y))
  return [y, *tape.gradient(loss, [x, weights])]


@pytest.mark.parametrize('height, width', [(1, 1), (2, 1), (2, 2), (4, 4)])
@pytest.mark.parametrize('kernel', [1, 3, 5])
@pytest.mark.parametrize('strides', [1, 2])
def test_a_small_map_has_the_librarys_values_and_gradients(
  height, width, kernel, strides
):
  pad = [(kernel - 1) // 2, kernel // 2]
  computed, expected = (
    outputs_and_gradients(
      convolve, normal(3, height, width, 4), normal(kernel, kernel, 4, 5)
    )
    for convolve in (
      lambda x, weights: small_maps.conv2d(
        x, weights, strides, [pad, pad], training=True
      ),
      lambda x, weights: tf.nn.conv2d(
        x, weights, strides, [[0, 0], pad, pad, [0, 0]]
      ),
    )
  )
  for ours, theirs in zip(computed, expected, strict=True):
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


# What TensorFlow calls each padding of a kernel of a size.
EXPLICIT = {
  'VALID': lambda k: (0, 0),
  'FIXED': lambda k: ((k - 1) // 2, k // 2),
  1: lambda k: (1, 1),
  3: lambda k: (3, 3),
}


@pytest.mark.parametrize('size', [1, 2, 3, 4, 5])
@pytest.mark.parametrize('padding', ['SAME', *EXPLICIT])
def test_every_kernel_on_every_small_map_is_as_by_the_library(size, padding):
  """Or refused where the kernel is larger than the padded map."""
  for kernel, strides in itertools.product(range(1, 8), (1, 2, 3)):
    case = f'kernel {kernel} strides {strides}'
    x = normal(2, size, size, 2)
    weights = normal(kernel, kernel, 2, 3) / kernel  # Outputs of about 1.

    def ours(x, weights, strides=strides, training=True):
      return convolutions.conv2d(
        *(x, weights, strides, padding),
        layout=layouts.Layout('channels_last'),
        device='CPU',
        training=training,
      )

    def theirs(x, weights, kernel=kernel, strides=strides):
      pads = padding
      if padding != 'SAME':
        pad = EXPLICIT[padding](kernel)
        pads = [(0, 0), pad, pad, (0, 0)]
      return tf.nn.conv2d(x, weights, strides, pads)

    tensors = [tf.constant(x), tf.constant(weights)]
    if padding != 'SAME' and size + sum(EXPLICIT[padding](kernel)) < kernel:
      with pytest.raises(ValueError) as e:
        ours(*tensors)
      message = str(e.value)
      assert f'{kernel}x{kernel} kernel does not fit' in message, case
      assert f'a {size}x{size} map' in message and '\n' not in message, case
      if isinstance(padding, int):
        assert f'with {padding} zeros on each side' in message, case
      with pytest.raises(ValueError, match='Negative dimension size'):
        tf.function(theirs).get_concrete_function(*tensors)
      continue
    expected = outputs_and_gradients(theirs, x, weights)
    computed = outputs_and_gradients(ours, x, weights)
    for tensor, reference in zip(computed, expected, strict=True):
      np.testing.assert_allclose(tensor, reference, atol=1e-5, err_msg=case)
    np.testing.assert_allclose(
      ours(*tensors, training=False), expected[0], atol=1e-5, err_msg=case
    )


@pytest.mark.parametrize('kind', ['max', 'avg'])
@pytest.mark.parametrize('padding', ['SAME', 'VALID'])
def test_every_pool_of_a_small_map_is_its_definition(kind, padding):
  """Or refused where the window is larger than the map."""
  reduce = {'max': np.nanmax, 'avg': np.nanmean}[kind]
  pool = getattr(layers.Network('net', training=True), f'{kind}_pool')
  for size, window, strides in itertools.product(
    range(1, 6), range(1, 8), range(1, 4)
  ):
    case = f'map {size} window {window} strides {strides}'
    x = normal(2, size, size, 2)
    if padding == 'VALID' and window > size:
      with pytest.raises(ValueError, match=f'{window}x{window} window does'):
        pool(x, window, strides, padding)
      continue
    total = max((-(-size // strides) - 1) * strides + window - size, 0)
    pad = (total // 2, total - total // 2) if padding == 'SAME' else (0, 0)
    padded = np.pad(x, [(0, 0), pad, pad, (0, 0)], constant_values=np.nan)
    starts = range(0, padded.shape[1] - window + 1, strides)
    expected = [
      [
        reduce(padded[:, r : r + window, c : c + window], (1, 2))
        for c in starts
      ]
      for r in starts
    ]
    np.testing.assert_allclose(
      pool(x, window, strides, padding),
      np.moveaxis(np.array(expected), 2, 0),
      atol=1e-6,
      err_msg=case,
    )


def test_a_kernel_larger_than_a_map_of_half_known_size_is_refused():
  @tf.function
  def convolve(x):
    return convolutions.conv2d(
      *(x, tf.zeros([4, 4, 2, 2]), 1, 'VALID'),
      layout=layouts.Layout('channels_last'),
      device='CPU',
      training=True,
    )

  with pytest.raises(ValueError, match=r'4x4 kernel .* into a \?x3 map'):
    convolve.get_concrete_function(tf.TensorSpec([None, None, 3, 2]))


@pytest.mark.parametrize('padding', ['Valid', 'CIRCULAR', -1, 1.5, None])
def test_an_unknown_padding_is_refused(padding):
  """It used to mean SAME."""
  nn = layers.Network('net', training=True)
  with pytest.raises(ValueError, match='padding must be .*given: '):
    nn.conv2d(tf.zeros([1, 4, 4, 2]), 2, 3, padding=padding)
  with pytest.raises(ValueError, match='padding must be .*given: '):
    nn.max_pool(tf.zeros([1, 4, 4, 2]), 2, 2, padding=padding)


def kinds_of_ops(device, *, data_format='channels_last', training=True):
  """How often each op is in the graph of four convolutions of small maps."""
  store = VariableStore(seed=3)

  @tf.function(autograph=False)
  def network(x):
    with store.trace(), store.scope():
      nn = layers.Network(
        'net', training=training, data_format=data_format, device=device
      )
      y = nn.images(x)
      for padding, strides in (('SAME', 1), (1, 1), ('FIXED', 2), ('SAME', 2)):
        y = nn.conv2d(y, 4, 3, strides, padding=padding)
      return y, tf.gradients(y, [x])[0]

  graph = network.get_concrete_function(tf.zeros([2, 4, 4, 3])).graph
  return collections.Counter(op.type for op in graph.get_operations())


@pytest.mark.parametrize('data_format', layers.DATA_FORMATS)
@pytest.mark.parametrize('training', [True, False])
def test_on_a_gpu_every_convolution_is_tensorflows_own(data_format, training):
  """In either layout: cuDNN is faster there than what was written for a CPU."""
  kinds = kinds_of_ops('GPU', data_format=data_format, training=training)
  assert kinds['Conv2D'] == kinds['Conv2DBackpropInput'] == 4
  assert not {'MatMul', 'BatchMatMulV2', 'Pad'} & set(kinds)


def test_on_a_cpu_small_maps_are_products():
  for device in ('CPU', None):  # The suite runs on a CPU.
    kinds = kinds_of_ops(device)
    assert kinds['Conv2D'] == 0
    assert kinds['MatMul'] and kinds['BatchMatMulV2']


def test_the_kind_of_device_is_that_of_the_step():
  assert convolutions.device_kind(['/device:CPU:0', '/device:GPU:0']) == 'GPU'
  assert convolutions.device_kind(['/job:worker/task:1/device:GPU:3']) == 'GPU'
  assert convolutions.device_kind(['/device:CPU:0', '/device:CPU:1']) == 'CPU'
  assert convolutions.device_kind() == 'CPU'
  with tf.distribute.OneDeviceStrategy('/gpu:0').scope():
    assert convolutions.device_kind() == 'GPU'
  with two_replicas().scope():
    assert convolutions.device_kind() == 'CPU'
  with pytest.raises(ValueError, match="device must be one of .* 'TPU'"):
    layers.Network('net', training=True, device='TPU')


@pytest.mark.parametrize('height', minimal_filtering.SIZES)
@pytest.mark.parametrize('width', minimal_filtering.SIZES)
def test_minimal_filtering_has_the_librarys_values_and_gradients(height, width):
  """To 4e-5 of their deviation, with as many channels as ResNet-18 has."""
  computed, expected = (
    outputs_and_gradients(
      convolve, normal(8, height, width, 128), normal(3, 3, 128, 64) / 34
    )
    for convolve in (
      minimal_filtering.conv2d,
      lambda x, weights: tf.nn.conv2d(x, weights, 1, 'SAME'),
    )
  )
  for ours, theirs in zip(computed, expected, strict=True):
    np.testing.assert_allclose(ours, theirs, atol=4e-5 * np.std(theirs))


@pytest.mark.parametrize(
  'shape, kernel, strides, pad, dtype, fits',
  [
    ((4, 4), 3, 1, 1, tf.float32, True),
    ((2, 4), 3, 1, 1, tf.float32, True),
    ((3, 3), 3, 1, 1, tf.float32, False),
    ((4, 4), 5, 1, 2, tf.float32, False),
    ((4, 4), 3, 2, 1, tf.float32, False),
    ((4, 4), 3, 1, 0, tf.float32, False),
    ((4, 4), 3, 1, 1, tf.bfloat16, False),
  ],
)
def test_minimal_filtering_is_for_3x3_kernels_in_32_bits(
  shape, kernel, strides, pad, dtype, fits
):
  inputs = tf.zeros([1, *shape, 8], dtype)
  weights = tf.zeros([kernel, kernel, 8, 8], dtype)
  pads = [[pad, pad]] * 2
  assert minimal_filtering.fits(inputs, weights, strides, pads) == fits


@pytest.mark.parametrize('size', [1, 2, 4, 7])
@pytest.mark.parametrize('strides', [1, 2])
def test_training_and_evaluation_convolve_alike(size, strides):
  x = normal(3, size, size, 8)
  modes = [
    call(
      lambda nn, x: nn.conv2d(x, 8, 3, strides, padding='FIXED'),
      x,
      training=training,
    )
    for training in (True, False)
  ]
  for trained, evaluated in zip(*(mode[:2] for mode in modes), strict=True):
    np.testing.assert_allclose(trained, evaluated, atol=3e-5)


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


def test_a_new_kernel_has_variance_one_over_fan_in():
  _, _, values = call(lambda nn, x: nn.conv2d(x, 256, 3), normal(1, 4, 4, 64))
  kernel = values['net/conv2d/kernel']
  assert kernel.std() == pytest.approx((1 / (9 * 64)) ** 0.5, rel=0.02)
  assert abs(kernel).max() < 2.3 / 0.8796 * kernel.std()  # Truncated at 2.


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
