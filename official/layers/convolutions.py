"""Convolutions, each by the fastest way for its sizes and its device."""

from collections.abc import Sequence

import tensorflow as tf

from official.layers import minimal_filtering, small_maps

DEVICES = ('CPU', 'GPU')
PADDINGS = ('SAME', 'VALID', 'FIXED')


def device(names: Sequence[str] | None = None) -> str:
  """The kind of device that a step runs on.

  Args:
    names: of the devices, such as `'/device:GPU:0'`; None for those of the
      current `tf.distribute` strategy, or without one all that TensorFlow uses.

  Returns:
    `'GPU'` if one of them is a GPU, else `'CPU'`.
  """
  if names is None:
    names = (
      tf.distribute.get_strategy().extended.worker_devices
      if tf.distribute.has_strategy()
      else [device.name for device in tf.config.list_logical_devices()]
    )
  kinds = {tf.DeviceSpec.from_string(name).device_type for name in names}
  return 'GPU' if 'GPU' in kinds else 'CPU'


def conv2d(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  strides: int,
  padding: str | int,
  *,
  data_format: str,
  device: str,
  training: bool,
  frozen: bool = False,
) -> tf.Tensor:
  """[N, H, W, C], [k, k, C, F] -> [N, H', W', F], as `tf.nn.conv2d`.

  Args:
    inputs: in the layout of `data_format`.
    kernel: of static shape.
    strides: step of the kernel along height and width.
    padding: see `layers.Network.conv2d`.
    data_format: `'channels_first'` or `'channels_last'`.
    device: one of `DEVICES`. What is faster on a CPU is used on a CPU alone:
      on a GPU cuDNN is the fastest.
    training: whether a gradient will be taken.
    frozen: whether the kernel is a constant.

  Raises:
    ValueError: the kernel is larger than the padded map.
  """
  axes = [2, 3] if data_format == 'channels_first' else [1, 2]
  sizes = [inputs.shape[axis] for axis in axes]
  check_window('kernel', kernel.shape[0], strides, sizes, padding)
  pads = [_zeros(n, kernel.shape[0], strides, padding) for n in sizes]
  if None not in sizes and device == 'CPU' and data_format == 'channels_last':
    if training and minimal_filtering.fits(inputs, kernel, strides, pads):
      return minimal_filtering.conv2d(inputs, kernel)
    most = 1 if frozen else small_maps.MAX_OUTPUTS
    if small_maps.fits(inputs, kernel, strides, pads, most):
      return small_maps.conv2d(inputs, kernel, strides, pads, training=training)
  same = [_zeros(n, kernel.shape[0], strides, 'SAME') for n in sizes]
  if None not in sizes and pads == same:
    padding = 'SAME'
  elif padding != 'SAME':
    edges = [[0, 0]] * 4
    for axis, pad in zip(axes, pads, strict=True):
      edges[axis] = pad
    padding = edges if any(map(any, edges)) else 'VALID'
    if padding != 'VALID' and device == 'CPU' and axes == [1, 2]:
      # TensorFlow's gradients of explicit padding miss oneDNN on a CPU.
      inputs, padding = tf.pad(inputs, edges), 'VALID'
  tf_format = 'NCHW' if data_format == 'channels_first' else 'NHWC'
  return tf.nn.conv2d(inputs, kernel, strides, padding, data_format=tf_format)


def check_window(
  what: str,
  window: int,
  strides: int,
  sizes: Sequence[int | None],
  padding: str | int,
) -> None:
  """Whether a window fits at least once into a padded map.

  Args:
    what: the window's name for people.
    window: its height and width.
    strides: how far it moves at a time.
    sizes: height and width of the map; None for unknown.
    padding: see `layers.Network.conv2d`.

  Raises:
    ValueError: it does not, or there is no such padding, window or stride.
  """
  if window < 1 or strides < 1:
    raise ValueError(
      f'the size and the strides of a {what} must be 1 or more, given: '
      f'{window} and {strides}'
    )
  is_number = isinstance(padding, int) and not isinstance(padding, bool)
  if not (padding >= 0 if is_number else padding in PADDINGS):
    raise ValueError(
      f'padding must be one of {PADDINGS} or a number of zeros, given: '
      f'{padding!r}'
    )
  if padding in ('SAME', 'FIXED'):
    return
  pad = 0 if padding == 'VALID' else padding
  if any(size is not None and size + 2 * pad < window for size in sizes):
    height, width = ('?' if size is None else size for size in sizes)
    zeros = 'without padding' if not pad else f'with {pad} zeros on each side'
    raise ValueError(
      'Computed output size would be negative: a '
      f'{window}x{window} {what} does not fit into a {height}x{width} map '
      f"{zeros}. Use a larger map, a smaller {what} or padding 'SAME'."
    )


def _zeros(
  size: int | None, kernel_size: int, strides: int, padding: str | int
) -> list[int]:
  """Zeros [before, after] one spatial axis."""
  if isinstance(padding, int):
    return [padding, padding]
  if padding == 'VALID':
    return [0, 0]
  if padding == 'FIXED' or size is None:
    total = kernel_size - 1
  else:  # SAME: as few as give ceil(size / strides) outputs.
    total = max((-(-size // strides) - 1) * strides + kernel_size - size, 0)
  return [total // 2, total - total // 2]
