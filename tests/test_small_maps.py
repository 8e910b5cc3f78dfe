"""Convolutions and pools of small maps against TensorFlow's own."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from official import layers
from official.layers import (
  convolutions,
  layouts,
  minimal_filtering,
  small_maps,
)
from tests.one_layer import normal


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
