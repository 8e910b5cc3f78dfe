"""Residual networks: the ImageNet form 18-200 and the CIFAR form 6n + 2.

Version 1 is He et al. 2015 (https://arxiv.org/abs/1512.03385) with the stride
of a bottleneck on its 3x3 convolution ("v1.5"); version 2 is the pre-activated
form of He et al. 2016 (https://arxiv.org/abs/1603.05027).
"""

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from official import layers

DEFAULT_VERSION = 2
VERSIONS = (1, 2)
ALLOWED_DTYPES = (tf.float32, tf.float16, tf.bfloat16)

# He et al. 2015, table 1; size 200 is He et al. 2016, table 5.
IMAGENET_BLOCK_SIZES = {
  18: (2, 2, 2, 2),
  34: (3, 4, 6, 3),
  50: (3, 4, 6, 3),
  101: (3, 4, 23, 3),
  152: (3, 8, 36, 3),
  200: (3, 24, 36, 3),
}
_FIRST_BOTTLENECK_SIZE = 50


@dataclasses.dataclass(frozen=True)
class Architecture:
  """What of a residual network does not depend on the data.

  Attributes:
    block_sizes: residual blocks in each group.
    block_strides: stride of the first block of each group.
    bottleneck: blocks are 1x1, 3x3, 1x1 convolutions instead of 3x3, 3x3.
    num_filters: filters of the stem; each group doubles them.
    kernel_size: kernel of the stem's convolution.
    conv_stride: its stride.
    first_pool_size: window of the stem's max pool, 0 for none.
    first_pool_stride: its stride.
  """

  block_sizes: Sequence[int]
  block_strides: Sequence[int]
  bottleneck: bool
  num_filters: int
  kernel_size: int
  conv_stride: int
  first_pool_size: int = 0
  first_pool_stride: int = 0


def imagenet_architecture(resnet_size: int, **stem: int) -> Architecture:
  """The network of He et al. 2015, table 1, for images of about 224 pixels.

  Args:
    resnet_size: one of `IMAGENET_BLOCK_SIZES`.
    **stem: `Architecture` fields that replace the 7x7 / 2 convolution and the
      3x3 / 2 max pool of the paper's stem, for smaller images.

  Raises:
    ValueError: for any other size.
  """
  if resnet_size not in IMAGENET_BLOCK_SIZES:
    raise ValueError(
      f'resnet_size must be one of {sorted(IMAGENET_BLOCK_SIZES)}, '
      f'given: {resnet_size}'
    )
  paper = dict(
    kernel_size=7, conv_stride=2, first_pool_size=3, first_pool_stride=2
  )
  return Architecture(
    block_sizes=IMAGENET_BLOCK_SIZES[resnet_size],
    block_strides=(1, 2, 2, 2),
    bottleneck=resnet_size >= _FIRST_BOTTLENECK_SIZE,
    num_filters=64,
    **(paper | stem),
  )


def cifar_architecture(resnet_size: int) -> Architecture:
  """The network of He et al. 2015, section 4.2, for images of 28-32 pixels.

  Args:
    resnet_size: 6n + 2, with n >= 1 blocks in each of three groups.

  Raises:
    ValueError: for any other size.
  """
  if resnet_size < 8 or resnet_size % 6 != 2:
    raise ValueError(
      'resnet_size must be 6n + 2 with n >= 1 (8, 14, 20, 32, 56, 110, ...), '
      f'given: {resnet_size}'
    )
  return Architecture(
    block_sizes=(resnet_size // 6,) * 3,
    block_strides=(1, 2, 2),
    bottleneck=False,
    num_filters=16,
    kernel_size=3,
    conv_stride=1,
  )


@dataclasses.dataclass(frozen=True)
class _Order:
  """Where a residual block puts batch norm (BN) and ReLU.

  Attributes:
    enter: on the block's input, before any convolution or projection.
    convolved: on the output of each convolution, the projection's too.
    between: between two convolutions.
    leave: on the sum.
  """

  enter: Callable[[tf.Tensor], tf.Tensor]
  convolved: Callable[[tf.Tensor], tf.Tensor]
  between: Callable[[tf.Tensor], tf.Tensor]
  leave: Callable[[tf.Tensor], tf.Tensor]


class Model:
  """A residual network: images in, logits out.

  Args:
    architecture: depth, width and stem.
    num_classes: number of logits.
    resnet_version: 1 or 2.
    data_format: `'channels_first'` or `'channels_last'`; None takes the first
      where a GPU is visible (a build with CUDA is not enough: such a build
      raises on a machine without a GPU).
    dtype: dtype of the computation; variables and logits are float32.
    batch_norm_momentum: share of the moving statistics kept at each step.
    sync_batch_norm: normalise by the batches of all replicas together.

  Raises:
    ValueError: an unknown version, layout or dtype.
  """

  def __init__(
    self,
    architecture: Architecture,
    num_classes: int,
    *,
    resnet_version: int = DEFAULT_VERSION,
    data_format: str | None = None,
    dtype: tf.DType = tf.float32,
    batch_norm_momentum: float = layers.BATCH_NORM_MOMENTUM,
    sync_batch_norm: bool = False,
  ):
    if resnet_version not in VERSIONS:
      raise ValueError(
        f'resnet_version must be one of {VERSIONS}, given: {resnet_version}'
      )
    if dtype not in ALLOWED_DTYPES:
      allowed = [allowed.name for allowed in ALLOWED_DTYPES]
      raise ValueError(f'dtype must be one of {allowed}, given: {dtype}')
    self.architecture = architecture
    self.num_classes = num_classes
    self.resnet_version = resnet_version
    self.data_format = data_format or default_data_format()
    self.dtype = dtype
    self.batch_norm_momentum = batch_norm_momentum
    self.sync_batch_norm = sync_batch_norm

  def __call__(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
    """[N, H, W, C] -> logits float32 [N, num_classes]."""
    arch = self.architecture
    nn = layers.Network(
      'resnet_model',
      training=training,
      data_format=self.data_format,
      dtype=self.dtype,
      batch_norm_momentum=self.batch_norm_momentum,
      sync_batch_norm=self.sync_batch_norm,
    )
    order = _order(nn, self.resnet_version)

    x = _convolve(
      nn,
      nn.images(inputs),
      arch.num_filters,
      arch.kernel_size,
      arch.conv_stride,
    )
    x = order.convolved(x)
    if self.resnet_version == 1:
      x = tf.nn.relu(x)
    if arch.first_pool_size:
      x = nn.max_pool(x, arch.first_pool_size, arch.first_pool_stride)
    for group, (blocks, strides) in enumerate(
      zip(arch.block_sizes, arch.block_strides, strict=True)
    ):
      plan = block_plan(arch.num_filters * 2**group, arch.bottleneck)
      x = _block(nn, order, x, plan, strides, project=True)
      for _ in range(1, blocks):
        x = _block(nn, order, x, plan, 1, project=False)
    x = order.enter(x)
    x = nn.global_mean(x)
    x = nn.dense(x, self.num_classes)
    return tf.cast(x, tf.float32)


def default_data_format() -> str:
  """`'channels_first'` where a GPU is visible, else `'channels_last'`."""
  on_gpu = tf.config.list_logical_devices('GPU')
  return 'channels_first' if on_gpu else 'channels_last'


def _order(nn: layers.Network, resnet_version: int) -> _Order:
  def batch_norm_relu(x):
    return tf.nn.relu(nn.batch_norm(x))

  if resnet_version == 1:
    return _Order(tf.identity, nn.batch_norm, tf.nn.relu, tf.nn.relu)
  return _Order(batch_norm_relu, tf.identity, batch_norm_relu, tf.identity)


def block_plan(filters: int, bottleneck: bool) -> list[tuple[int, int, bool]]:
  """A block's convolutions: filters, kernel size, whether it strides."""
  if bottleneck:
    return [(filters, 1, False), (filters, 3, True), (4 * filters, 1, False)]
  return [(filters, 3, True), (filters, 3, False)]


def _block(
  nn: layers.Network,
  order: _Order,
  inputs: tf.Tensor,
  plan: Sequence[tuple[int, int, bool]],
  strides: int,
  *,
  project: bool,
) -> tf.Tensor:
  """Feature map -> feature map: a shortcut plus a plan of convolutions.

  The first block of every group projects its shortcut by a 1x1 convolution,
  even where the shape stays (the original did; the paper did not).
  """
  x = order.enter(inputs)
  shortcut = inputs
  if project:
    shortcut = order.convolved(_convolve(nn, x, plan[-1][0], 1, strides))
  for index, (filters, kernel_size, strided) in enumerate(plan):
    if index:
      x = order.between(x)
    x = _convolve(nn, x, filters, kernel_size, strides if strided else 1)
    x = order.convolved(x)
  return order.leave(x + shortcut)


def _convolve(
  nn: layers.Network,
  inputs: tf.Tensor,
  filters: int,
  kernel_size: int,
  strides: int,
) -> tf.Tensor:
  """A convolution padded by its kernel alone where it strides."""
  padding = 'SAME' if strides == 1 else 'FIXED'
  return nn.conv2d(inputs, filters, kernel_size, strides, padding=padding)
