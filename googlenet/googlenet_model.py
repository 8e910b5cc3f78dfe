"""GoogLeNet: Szegedy et al. 2015, "Going deeper with convolutions".

Section and table numbers are those of https://arxiv.org/abs/1409.4842. The
batch-norm form puts batch norm after every convolution, in place of its bias
and of local response normalization (Ioffe and Szegedy 2015, section 4.2); its
5x5 convolutions stay.
"""

import functools
from typing import NamedTuple

import tensorflow as tf

from official import layers


class Inception(NamedTuple):
  """Filters of the convolutions of an inception module.

  The fields are the columns of table 1, in its order: a "reduce" is the 1x1
  convolution before a larger one, and the projection follows the pool.
  """

  conv_1x1: int
  reduce_3x3: int
  conv_3x3: int
  reduce_5x5: int
  conv_5x5: int
  pool_projection: int


INCEPTION_MODULES = {
  '3a': Inception(64, 96, 128, 16, 32, 32),
  '3b': Inception(128, 128, 192, 32, 96, 64),
  '4a': Inception(192, 96, 208, 16, 48, 64),
  '4b': Inception(160, 112, 224, 24, 64, 64),
  '4c': Inception(128, 128, 256, 24, 64, 64),
  '4d': Inception(112, 144, 288, 32, 64, 64),
  '4e': Inception(256, 160, 320, 32, 128, 128),
  '5a': Inception(256, 160, 320, 32, 128, 128),
  '5b': Inception(384, 192, 384, 48, 128, 128),
}
_MAX_POOL_BEFORE = ('4a', '5a')
_AUXILIARY_HEAD_AFTER = ('4a', '4d')  # Section 5.
_AUXILIARY_DROPOUT = 0.7  # Section 5.
# In pixels. The paper's stem divides the size by 8, and the pools by 4 more.
_MIN_SIZE_OF_PAPERS_STEM = 64


class Model:
  """GoogLeNet: images in, logits out.

  Args:
    num_classes: Number of logits.
    data_format: `'channels_first'` or `'channels_last'`.
    dtype: Dtype of the computation. Variables and logits are float32.
    batch_norm: Whether to build the batch-norm form.
    batch_norm_momentum: Share of the moving averages kept at each step.
    sync_batch_norm: Whether batch norm uses the batches of all replicas
      together.
    auxiliary_heads: Whether to classify after 4a and 4d too, in training only.
    dropout_rate: Share that dropout zeroes before the last layer; 0.4 is the
      paper's.
    seed: Seed of dropout.
  """

  def __init__(
    self,
    num_classes: int,
    *,
    data_format: str = 'channels_last',
    dtype: tf.DType = tf.float32,
    batch_norm: bool = False,
    batch_norm_momentum: float = layers.BATCH_NORM_MOMENTUM,
    sync_batch_norm: bool = False,
    auxiliary_heads: bool = False,
    dropout_rate: float = 0.4,
    seed: int = 0,
  ):
    self.num_classes = num_classes
    self.batch_norm = batch_norm
    self.auxiliary_heads = auxiliary_heads
    self.dropout_rate = dropout_rate
    self._network = functools.partial(
      layers.Network,
      'googlenet_model',
      data_format=data_format,
      dtype=dtype,
      batch_norm_momentum=batch_norm_momentum,
      sync_batch_norm=sync_batch_norm,
      kernel_initializer=layers.he_initializer(),
      seed=seed,
    )

  def __call__(
    self, inputs: tf.Tensor, training: bool
  ) -> tf.Tensor | tuple[tf.Tensor, list[tf.Tensor]]:
    """[N, H, W, C] -> logits float32 [N, num_classes].

    Args:
      inputs: Images of any dtype, of static height, width and channels.
      training: Whether dropout drops and batch norm uses the batch.

    Returns:
      The logits; in training with auxiliary heads a pair of these and of a
      list of the heads' logits, of the same shape and dtype.

    Raises:
      ValueError: The layout is unknown.
    """
    nn = self._network(training=training)
    x = nn.images(inputs)
    x = self._stem(nn, x)
    auxiliary_logits = []
    for name, module in INCEPTION_MODULES.items():
      if name in _MAX_POOL_BEFORE:
        x = nn.max_pool(x, 3, 2)
      x = self._inception(nn, x, module)
      has_head = self.auxiliary_heads and name in _AUXILIARY_HEAD_AFTER
      if has_head and training:
        auxiliary_logits.append(self._auxiliary_head(nn, x))
    x = nn.global_mean(x)
    x = nn.dropout(x, self.dropout_rate)
    logits = tf.cast(nn.dense(x, self.num_classes), tf.float32)
    return (logits, auxiliary_logits) if auxiliary_logits else logits

  def _stem(self, nn: layers.Network, x: tf.Tensor) -> tf.Tensor:
    """Feature map -> feature map: table 1 down to the first inception module.

    A small image is convolved by 3x3 / 1 first, not by 7x7 / 2.
    """
    size = min(x.shape[axis] for axis in nn.spatial_axes)
    kernel_size, strides = (
      (7, 2) if size >= _MIN_SIZE_OF_PAPERS_STEM else (3, 1)
    )
    x = self._convolve(nn, x, 64, kernel_size, strides)
    x = nn.max_pool(x, 3, 2)
    if not self.batch_norm:
      x = nn.local_response_normalization(x)
    x = self._convolve(nn, x, 64, 1)
    x = self._convolve(nn, x, 192, 3)
    if not self.batch_norm:
      x = nn.local_response_normalization(x)
    return nn.max_pool(x, 3, 2)

  def _inception(
    self, nn: layers.Network, x: tf.Tensor, module: Inception
  ) -> tf.Tensor:
    """Feature map -> feature map: figure 2b, four branches side by side."""
    branch_1x1 = self._convolve(nn, x, module.conv_1x1, 1)
    branch_3x3 = self._convolve(nn, x, module.reduce_3x3, 1)
    branch_3x3 = self._convolve(nn, branch_3x3, module.conv_3x3, 3)
    branch_5x5 = self._convolve(nn, x, module.reduce_5x5, 1)
    branch_5x5 = self._convolve(nn, branch_5x5, module.conv_5x5, 5)
    branch_pool = nn.max_pool(x, 3, 1)
    branch_pool = self._convolve(nn, branch_pool, module.pool_projection, 1)
    branches = [branch_1x1, branch_3x3, branch_5x5, branch_pool]
    return tf.concat(branches, nn.channel_axis)

  def _auxiliary_head(self, nn: layers.Network, x: tf.Tensor) -> tf.Tensor:
    """Feature map -> logits float32 [N, num_classes] (section 5)."""
    size = min(5, *(x.shape[axis] for axis in nn.spatial_axes))
    x = nn.avg_pool(x, size, 3, 'VALID')
    x = self._convolve(nn, x, 128, 1, name='auxiliary_conv2d')
    x = nn.dense(nn.flatten(x), 1024, name='auxiliary_fully_connected')
    x = nn.dropout(tf.nn.relu(x), _AUXILIARY_DROPOUT)
    x = nn.dense(x, self.num_classes, name='auxiliary_dense')
    return tf.cast(x, tf.float32)

  def _convolve(
    self,
    nn: layers.Network,
    x: tf.Tensor,
    filters: int,
    kernel_size: int,
    strides: int = 1,
    name: str = 'conv2d',
  ) -> tf.Tensor:
    """Feature map -> feature map: convolution, bias or batch norm, ReLU."""
    use_bias = not self.batch_norm
    x = nn.conv2d(
      x, filters, kernel_size, strides, use_bias=use_bias, name=name
    )
    return tf.nn.relu(nn.batch_norm(x) if self.batch_norm else x)
