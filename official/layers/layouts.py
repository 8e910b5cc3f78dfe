"""The layout of a feature map: the meaning of each of its axes."""

import dataclasses

import tensorflow as tf

DATA_FORMATS = ('channels_first', 'channels_last')


@dataclasses.dataclass(frozen=True)
class Layout:
  """The axes of every feature map of a network.

  `'channels_last'` is [N, H, W, C], the layout that TensorFlow's kernels for
  the CPU take; `'channels_first'` is [N, C, H, W], the one that is native to
  cuDNN.

  Attributes:
    data_format: One of `DATA_FORMATS`.

  Raises:
    ValueError: `data_format` is not one of `DATA_FORMATS`.
  """

  data_format: str

  def __post_init__(self) -> None:
    if self.data_format not in DATA_FORMATS:
      raise ValueError(
        f'data_format must be one of {DATA_FORMATS}, '
        f'given: {self.data_format!r}'
      )

  @property
  def is_channels_last(self) -> bool:
    """Whether a feature map is [N, H, W, C]."""
    return self.data_format == 'channels_last'

  @property
  def channel_axis(self) -> int:
    """Axis of the channels."""
    return 3 if self.is_channels_last else 1

  @property
  def spatial_axes(self) -> list[int]:
    """Axes of height and width."""
    return [1, 2] if self.is_channels_last else [2, 3]

  @property
  def tensorflow_name(self) -> str:
    """The layout's name among the arguments of TensorFlow's ops."""
    return 'NHWC' if self.is_channels_last else 'NCHW'

  def spatial_sizes(self, feature_map: tf.Tensor) -> list[int | None]:
    """Height and width of a feature map; None for a size that is not static."""
    return [feature_map.shape[axis] for axis in self.spatial_axes]

  def broadcast(self, vector: tf.Tensor) -> tf.Tensor:
    """[C] -> [1, 1, 1, C] or [1, C, 1, 1], to broadcast over a feature map."""
    shape = [1] * 4
    shape[self.channel_axis] = -1
    return tf.reshape(vector, shape)
