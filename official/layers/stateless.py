"""The layers without variables: functions of feature maps of one layout."""

from collections.abc import Callable

import tensorflow as tf

from official.layers import layouts, paddings, response_normalization


class StatelessLayers:
  """The layers of a network without variables.

  A feature map is [N, H, W, C] or [N, C, H, W], as `data_format` says.

  Args:
    data_format: `'channels_last'` or `'channels_first'`.
    dtype: Dtype of the feature maps.

  Raises:
    ValueError: `data_format` is neither of these.
  """

  def __init__(self, data_format: str, dtype: tf.DType):
    self.data_format = data_format
    self.dtype = tf.as_dtype(dtype)
    self._layout = layouts.Layout(data_format)

  @property
  def channel_axis(self) -> int:
    """Axis of the channels in a feature map."""
    return self._layout.channel_axis

  @property
  def spatial_axes(self) -> list[int]:
    """Axes of height and width in a feature map."""
    return self._layout.spatial_axes

  def images(self, inputs: tf.Tensor) -> tf.Tensor:
    """[N, H, W, C] of any dtype -> a feature map."""
    inputs = tf.cast(inputs, self.dtype)
    if self._layout.is_channels_last:
      return inputs
    return tf.transpose(inputs, [0, 3, 1, 2])

  def max_pool(
    self,
    inputs: tf.Tensor,
    pool_size: int,
    strides: int,
    padding: str = 'SAME',
  ) -> tf.Tensor:
    """Feature map -> the maximum of each window.

    Args:
      inputs: A feature map.
      pool_size: Height and width of the window.
      strides: Step of the window along height and width.
      padding: `'SAME'` or `'VALID'`.

    Raises:
      ValueError: The window is larger than the map and padding is `'VALID'`.
    """
    return self._pool(tf.nn.max_pool2d, inputs, pool_size, strides, padding)

  def avg_pool(
    self,
    inputs: tf.Tensor,
    pool_size: int,
    strides: int,
    padding: str = 'SAME',
  ) -> tf.Tensor:
    """Feature map -> the mean of each window, without its padding.

    Args:
      inputs: A feature map.
      pool_size: Height and width of the window.
      strides: Step of the window along height and width.
      padding: `'SAME'` or `'VALID'`.

    Raises:
      ValueError: The window is larger than the map and padding is `'VALID'`.
    """
    return self._pool(tf.nn.avg_pool2d, inputs, pool_size, strides, padding)

  def global_mean(self, inputs: tf.Tensor) -> tf.Tensor:
    """Feature map -> [N, C], the mean over height and width."""
    return tf.reduce_mean(inputs, self.spatial_axes)

  def flatten(self, inputs: tf.Tensor) -> tf.Tensor:
    """Feature map -> [N, H * W * C], in this order in either layout."""
    if not self._layout.is_channels_last:
      inputs = tf.transpose(inputs, [0, 2, 3, 1])
    return tf.reshape(inputs, [-1, inputs.shape[1:].num_elements()])

  def local_response_normalization(
    self,
    inputs: tf.Tensor,
    size: int = 5,
    bias: float = 2.0,
    alpha: float = 1e-4,
    beta: float = 0.75,
  ) -> tf.Tensor:
    """Feature map -> each value over (bias + alpha * sum of squares) ** beta.

    The sum runs over `size` neighbouring channels (Krizhevsky et al. 2012,
    section 3.3, whose n, k, alpha and beta are the defaults). An even `size`
    reaches one channel further back than forward.
    """
    return response_normalization.local_response_normalization(
      inputs, size, bias, alpha, beta, self._layout
    )

  def _pool(
    self,
    pool: Callable[..., tf.Tensor],
    inputs: tf.Tensor,
    pool_size: int,
    strides: int,
    padding: str,
  ) -> tf.Tensor:
    # TensorFlow has pools only with these paddings.
    if padding not in ('SAME', 'VALID'):
      raise ValueError(f"padding must be 'SAME' or 'VALID', given: {padding!r}")
    sizes = self._layout.spatial_sizes(inputs)
    paddings.check_window('window', pool_size, strides, sizes, padding)
    return pool(
      inputs, pool_size, strides, padding, self._layout.tensorflow_name
    )
