"""GoogLeNet: Szegedy et al. 2015, "Going deeper with convolutions".

Section and table numbers are those of https://arxiv.org/abs/1409.4842. The
batch-norm form puts batch norm after every convolution, in place of its bias
and of local response normalization (Ioffe and Szegedy 2015, section 4.2); its
5x5 convolutions stay.
"""

import functools

import tensorflow as tf

from official import layers

# Table 1: filters of the 1x1, the 3x3 and its 1x1 before, the 5x5 and its 1x1
# before, and the 1x1 after the pool.
_POOL = 'pool'
_INCEPTION = (
  (64, 96, 128, 16, 32, 32),  # 3a
  (128, 128, 192, 32, 96, 64),
  _POOL,
  (192, 96, 208, 16, 48, 64),  # 4a
  (160, 112, 224, 24, 64, 64),
  (128, 128, 256, 24, 64, 64),
  (112, 144, 288, 32, 64, 64),
  (256, 160, 320, 32, 128, 128),
  _POOL,
  (256, 160, 320, 32, 128, 128),  # 5a
  (384, 192, 384, 48, 128, 128),
)
_AUXILIARY_AFTER = (3, 6)  # 4a and 4d, by their place in `_INCEPTION`
_AUXILIARY_DROPOUT = 0.7  # section 5
_SMALL_IMAGE = 64  # pixels; below it, the paper's stem leaves too little


class Model:
  """GoogLeNet: images in, logits out.

  Args:
    num_classes: number of logits.
    data_format: `'channels_first'` or `'channels_last'`.
    dtype: dtype of the computation; variables and logits are float32.
    batch_norm: the batch-norm form.
    batch_norm_momentum: share of the moving statistics kept at each step.
    sync_batch_norm: normalise by the batches of all replicas together.
    auxiliary_heads: classify after 4a and 4d too, in training only.
    dropout_rate: before the last layer; the paper's is 0.4.
    seed: of dropout.
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

    In training with auxiliary heads: these and a list of theirs.
    """
    nn = self._network(training=training)
    x = nn.images(inputs)
    x = self._stem(nn, x)
    auxiliary = []
    for place, filters in enumerate(_INCEPTION):
      if filters == _POOL:
        x = nn.max_pool(x, 3, 2)
        continue
      x = self._inception(nn, x, filters)
      if self.auxiliary_heads and training and place in _AUXILIARY_AFTER:
        auxiliary.append(self._auxiliary_head(nn, x))
    x = nn.global_mean(x)
    x = nn.dropout(x, self.dropout_rate)
    logits = tf.cast(nn.dense(x, self.num_classes), tf.float32)
    return (logits, auxiliary) if auxiliary else logits

  def _stem(self, nn: layers.Network, x: tf.Tensor) -> tf.Tensor:
    """Table 1 down to the first inception module.

    A small image is convolved 3x3 / 1 first, not 7x7 / 2.
    """
    small = min(x.shape[axis] for axis in nn.spatial_axes) < _SMALL_IMAGE
    x = (
      self._convolve(nn, x, 64, 3, 1)
      if small
      else self._convolve(nn, x, 64, 7, 2)
    )
    x = nn.max_pool(x, 3, 2)
    if not self.batch_norm:
      x = nn.local_response_normalization(x)
    x = self._convolve(nn, x, 64, 1)
    x = self._convolve(nn, x, 192, 3)
    if not self.batch_norm:
      x = nn.local_response_normalization(x)
    return nn.max_pool(x, 3, 2)

  def _inception(
    self, nn: layers.Network, x: tf.Tensor, filters: tuple[int, ...]
  ) -> tf.Tensor:
    """Figure 2b: four branches side by side."""
    one, before_three, three, before_five, five, after_pool = filters
    branches = [
      self._convolve(nn, x, one, 1),
      self._convolve(nn, self._convolve(nn, x, before_three, 1), three, 3),
      self._convolve(nn, self._convolve(nn, x, before_five, 1), five, 5),
      self._convolve(nn, nn.max_pool(x, 3, 1), after_pool, 1),
    ]
    return tf.concat(branches, nn.channel_axis)

  def _auxiliary_head(self, nn: layers.Network, x: tf.Tensor) -> tf.Tensor:
    """Feature map -> logits (section 5)."""
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
    """A convolution, batch norm if this form has it, and ReLU."""
    use_bias = not self.batch_norm
    x = nn.conv2d(
      x, filters, kernel_size, strides, use_bias=use_bias, name=name
    )
    return tf.nn.relu(nn.batch_norm(x) if self.batch_norm else x)
