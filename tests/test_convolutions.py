"""Convolutions, however they are computed, against NumPy and TensorFlow."""

import collections

import numpy as np
import pytest
import tensorflow as tf

from official import layers
from official.estimator.variables import VariableStore
from official.layers import convolutions, layouts
from tests.linear import two_replicas
from tests.one_layer import call, normal


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
  """In either layout: cuDNN is faster there than our algorithms for CPUs."""
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


def test_a_new_kernel_has_variance_one_over_fan_in():
  _, _, values = call(lambda nn, x: nn.conv2d(x, 256, 3), normal(1, 4, 4, 64))
  kernel = values['net/conv2d/kernel']
  assert kernel.std() == pytest.approx((1 / (9 * 64)) ** 0.5, rel=0.02)
  assert abs(kernel).max() < 2.3 / 0.8796 * kernel.std()  # Truncated at 2.
