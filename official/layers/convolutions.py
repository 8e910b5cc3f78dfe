"""Convolutions, each by the fastest algorithm for its sizes and its device.

On a GPU that is always cuDNN, through TensorFlow's own op. On a CPU
TensorFlow's op wastes most of its work on small maps, where most taps of a
kernel meet only padding, and this project has two other algorithms:

- `minimal_filtering`: 3x3 kernels on maps of 2 or 4 positions each way, with
  a quarter of the multiplications; only in training, where batches are large
  enough to pay for its transforms;
- `small_maps`: any kernel with at most 4 outputs, as dense products.

All three give the same result, up to the rounding of float32.
"""

from collections.abc import Sequence

import tensorflow as tf

from official.layers import layouts, minimal_filtering, paddings, small_maps

DEVICE_KINDS = ('CPU', 'GPU')


def device_kind(names: Sequence[str] | None = None) -> str:
  """The kind of device that a step runs on.

  Args:
    names: Names of devices, such as `'/device:GPU:0'`. By default they are
      the devices of the current `tf.distribute` strategy, or without a
      strategy all that TensorFlow sees.

  Returns:
    `'GPU'` if one of them is a GPU, otherwise `'CPU'`.
  """
  if names is None:
    names = (
      tf.distribute.get_strategy().extended.worker_devices
      if tf.distribute.has_strategy()
      else [device.name for device in tf.config.list_logical_devices()]
    )
  kinds = {tf.DeviceSpec.from_string(name).device_type for name in names}
  return 'GPU' if 'GPU' in kinds else 'CPU'


def grouped_conv2d(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  strides: int,
  padding: str | int,
  groups: int,
  *,
  layout: layouts.Layout,
  device: str,
  training: bool,
  is_constant: bool = False,
) -> tf.Tensor:
  """[N, H, W, C], [k, k, C / groups, F] -> [N, H', W', F].

  Output channels [0, F / groups) see only the input channels [0, C / groups),
  and so on (Krizhevsky et al. 2012, section 3.5). The groups are convolved one
  by one, because TensorFlow has no gradient of a grouped convolution on a CPU.

  Args:
    inputs: A feature map.
    kernel: A kernel of static shape and of the dtype of the inputs.
    strides: Step of the kernel along height and width.
    padding: See `layers.Network.conv2d`.
    groups: Number of groups; 1 for an ordinary convolution.
    layout: Layout of the inputs and of the outputs.
    device: See `conv2d`.
    training: See `conv2d`.
    is_constant: See `conv2d`.

  Raises:
    ValueError: The kernel is larger than the padded map.
  """
  outputs = [
    conv2d(
      inputs_of_group,
      kernel_of_group,
      strides,
      padding,
      layout=layout,
      device=device,
      training=training,
      is_constant=is_constant,
    )
    for inputs_of_group, kernel_of_group in zip(
      _split(inputs, groups, layout.channel_axis),
      _split(kernel, groups, axis=3),
      strict=True,
    )
  ]
  return outputs[0] if groups == 1 else tf.concat(outputs, layout.channel_axis)


def conv2d(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  strides: int,
  padding: str | int,
  *,
  layout: layouts.Layout,
  device: str,
  training: bool,
  is_constant: bool = False,
) -> tf.Tensor:
  """[N, H, W, C], [k, k, C, F] -> [N, H', W', F], as `tf.nn.conv2d`.

  Args:
    inputs: A feature map.
    kernel: A kernel of static shape and of the dtype of the inputs.
    strides: Step of the kernel along height and width.
    padding: See `layers.Network.conv2d`.
    layout: Layout of the inputs and of the outputs.
    device: The device on which it should be fast, one of `DEVICE_KINDS`.
    training: Whether gradients will be taken.
    is_constant: Whether the kernel will be a constant of the graph. Several
      windows of one kernel would then be several constants, each stored.

  Raises:
    ValueError: The kernel is larger than the padded map.
  """
  kernel_size = kernel.shape[0]
  sizes = layout.spatial_sizes(inputs)
  paddings.check_window('kernel', kernel_size, strides, sizes, padding)
  zeros = [
    paddings.zeros(size, kernel_size, strides, padding) for size in sizes
  ]
  if None not in sizes and device == 'CPU' and layout.is_channels_last:
    if training and minimal_filtering.fits(inputs, kernel, strides, zeros):
      return minimal_filtering.conv2d(inputs, kernel)
    max_outputs = 1 if is_constant else small_maps.MAX_OUTPUTS
    if small_maps.fits(inputs, kernel, strides, zeros, max_outputs):
      return small_maps.conv2d(
        inputs, kernel, strides, zeros, training=training
      )
  return _library_conv2d(
    inputs, kernel, strides, padding, zeros, layout, device
  )


def _library_conv2d(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  strides: int,
  padding: str | int,
  zeros: Sequence[list[int]],
  layout: layouts.Layout,
  device: str,
) -> tf.Tensor:
  """[N, H, W, C], [k, k, C, F] -> [N, H', W', F] by TensorFlow's own op."""
  sizes = layout.spatial_sizes(inputs)
  zeros_of_same = [
    paddings.zeros(size, kernel.shape[0], strides, 'SAME') for size in sizes
  ]
  library_padding: str | list[list[int]] = 'SAME'
  # 'SAME' by its name where the zeros are equal: explicit padding is slower.
  if padding != 'SAME' and (None in sizes or zeros != zeros_of_same):
    edges = [[0, 0]] * 4
    for axis, zeros_of_axis in zip(layout.spatial_axes, zeros, strict=True):
      edges[axis] = zeros_of_axis
    library_padding = edges if any(map(any, edges)) else 'VALID'
    if (
      library_padding != 'VALID' and device == 'CPU' and layout.is_channels_last
    ):
      # TensorFlow's gradients of explicit padding do not use oneDNN on a CPU.
      inputs, library_padding = tf.pad(inputs, edges), 'VALID'
  return tf.nn.conv2d(
    inputs, kernel, strides, library_padding, layout.tensorflow_name
  )


def _split(tensor: tf.Tensor, parts: int, axis: int) -> list[tf.Tensor]:
  return [tensor] if parts == 1 else tf.split(tensor, parts, axis)
