"""Residual networks: the ImageNet form 18-200 and the CIFAR form 6n + 2.

Version 1 is He et al. 2015 (https://arxiv.org/abs/1512.03385) with the stride
of a bottleneck on its 3x3 convolution ("v1.5"); version 2 is the form with
pre-activation of He et al. 2016 (https://arxiv.org/abs/1603.05027).
"""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from official import layers
from resnet import residual_blocks

DEFAULT_VERSION = 2
VERSIONS = (1, 2)
ALLOWED_DTYPES = (tf.float32, tf.float16, tf.bfloat16)

# Blocks in each group: He et al. 2015, table 1; He et al. 2016, table 5, for
# the size 200.
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
  """The depth, width and stem of a network, without its images and classes.

  Attributes:
    block_sizes: Number of residual blocks in each group.
    block_strides: Strides of the first block of each group.
    bottleneck: Whether blocks are 1x1, 3x3 and 1x1 convolutions, not 3x3, 3x3.
    num_filters: Number of filters of the stem; each group doubles it.
    kernel_size: Height and width of the kernel of the stem's convolution.
    conv_stride: Strides of the stem's convolution.
    first_pool_size: Height and width of the window of the stem's max pool; 0
      for none.
    first_pool_stride: Strides of the stem's max pool.
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
    resnet_size: Number of layers, one of `IMAGENET_BLOCK_SIZES`.
    **stem: Fields of `Architecture` that replace the paper's stem (a 7x7 / 2
      convolution and a 3x3 / 2 max pool), for smaller images.

  Raises:
    ValueError: There is no such size.
  """
  if resnet_size not in IMAGENET_BLOCK_SIZES:
    sizes = ', '.join(map(str, IMAGENET_BLOCK_SIZES))
    raise ValueError(
      f'resnet_size must be one of {sizes}, given: {resnet_size}'
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
    resnet_size: Number of layers, 6n + 2 for n >= 1 blocks in each of three
      groups.

  Raises:
    ValueError: There is no such size.
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


class Model:
  """A residual network: images in, logits out.

  Args:
    architecture: Depth, width and stem.
    num_classes: Number of logits.
    resnet_version: 1 or 2.
    data_format: `'channels_first'` or `'channels_last'`; by default that of
      `default_data_format`.
    dtype: Dtype of the computation, one of `ALLOWED_DTYPES`. Variables and
      logits are float32.
    batch_norm_momentum: Share of the moving averages kept at each step.
    sync_batch_norm: Whether batch norm uses the batches of all replicas
      together.

  Raises:
    ValueError: The version or the dtype is unknown.
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
      names = [allowed.name for allowed in ALLOWED_DTYPES]
      raise ValueError(f'dtype must be one of {names}, given: {dtype}')
    self.architecture = architecture
    self.num_classes = num_classes
    self.resnet_version = resnet_version
    self.data_format = data_format or default_data_format()
    self.dtype = dtype
    self.batch_norm_momentum = batch_norm_momentum
    self.sync_batch_norm = sync_batch_norm

  def __call__(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
    """[N, H, W, C] -> logits float32 [N, num_classes].

    Args:
      inputs: Images of any dtype, of static height, width and channels.
      training: Whether batch norm uses the statistics of the batch.

    Raises:
      ValueError: The layout is unknown.
    """
    arch = self.architecture
    nn = layers.Network(
      'resnet_model',
      training=training,
      data_format=self.data_format,
      dtype=self.dtype,
      batch_norm_momentum=self.batch_norm_momentum,
      sync_batch_norm=self.sync_batch_norm,
    )
    order = residual_blocks.order_of_version(nn, self.resnet_version)

    x = nn.images(inputs)
    x = residual_blocks.convolve(
      nn, x, arch.num_filters, arch.kernel_size, arch.conv_stride
    )
    x = order.after_convolution(x)
    if self.resnet_version == 1:
      x = tf.nn.relu(x)
    if arch.first_pool_size:
      x = nn.max_pool(x, arch.first_pool_size, arch.first_pool_stride)
    for group, (num_blocks, strides) in enumerate(
      zip(arch.block_sizes, arch.block_strides, strict=True)
    ):
      plan = residual_blocks.block_plan(
        arch.num_filters * 2**group, arch.bottleneck
      )
      x = residual_blocks.block(nn, order, x, plan, strides, project=True)
      for _ in range(1, num_blocks):
        x = residual_blocks.block(nn, order, x, plan, strides=1, project=False)
    x = order.pre_activation(x)
    x = nn.global_mean(x)
    x = nn.dense(x, self.num_classes)
    return tf.cast(x, tf.float32)


def default_data_format() -> str:
  """`'channels_first'` where a GPU is visible, otherwise `'channels_last'`.

  The original asked whether TensorFlow was built with CUDA. The usual build is,
  even on a machine without a GPU, where it cannot convolve `'channels_first'`.
  """
  has_gpu = bool(tf.config.list_logical_devices('GPU'))
  return 'channels_first' if has_gpu else 'channels_last'
