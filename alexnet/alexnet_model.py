"""AlexNet: the network of 2012, that of 2014, and one for small images.

`2012` is Krizhevsky, Sutskever and Hinton 2012, with its two groups; `owt` is
the single tower of Krizhevsky 2014 ("One weird trick",
https://arxiv.org/abs/1404.5997); `small` is for images of 28 or 32 pixels.
"""

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from official import layers


@dataclasses.dataclass(frozen=True)
class Convolution:
  """A convolution with bias and ReLU, and what follows it.

  Attributes:
    filters: Number of output channels.
    kernel_size: Height and width of the kernel.
    strides: Step of the kernel along height and width.
    padding: Number of zeros on each side of the map.
    groups: Number of groups that the channels are split into.
    pool: Size and strides of the max pool; None for none.
    normalize: Whether local response normalization comes `'before'` the pool,
      `'after'` it, or not at all (None).
    dropout: Whether dropout follows last.
  """

  filters: int
  kernel_size: int
  _: dataclasses.KW_ONLY
  strides: int = 1
  padding: int = 0
  groups: int = 1
  pool: tuple[int, int] | None = None
  normalize: str | None = None
  dropout: bool = False


@dataclasses.dataclass(frozen=True)
class Form:
  """One of the forms of AlexNet.

  Attributes:
    convolutions: The convolutions in order.
    hidden_units: Number of units of each of the two hidden dense layers.
    hidden_dropout: Whether dropout comes before these.
    min_size: Height and width in pixels of the smallest image.
    normalization: Size, bias, alpha and beta of local response normalization,
      as `layers.Network` has them.
    pool_padding: Padding of every pool.
  """

  convolutions: Sequence[Convolution]
  hidden_units: int
  hidden_dropout: bool
  min_size: int
  normalization: tuple[int, float, float, float] = (5, 2.0, 1e-4, 0.75)
  pool_padding: str = 'VALID'


FORMS = {
  # Section 3.5 and figure 2; normalization is in 3.3, overlapping pools of 3
  # with strides 2 in 3.4, dropout in 4.2.
  '2012': Form(
    (
      Convolution(96, 11, strides=4, pool=(3, 2), normalize='before'),
      Convolution(256, 5, padding=2, groups=2, pool=(3, 2), normalize='before'),
      Convolution(384, 3, padding=1),
      Convolution(384, 3, padding=1, groups=2),
      Convolution(256, 3, padding=1, groups=2, pool=(3, 2)),
    ),
    hidden_units=4096,
    hidden_dropout=True,
    min_size=67,
  ),
  'owt': Form(
    (
      Convolution(64, 11, strides=4, padding=2, pool=(3, 2)),
      Convolution(192, 5, padding=2, pool=(3, 2)),
      Convolution(384, 3, padding=1),
      Convolution(256, 3, padding=1),
      Convolution(256, 3, padding=1, pool=(3, 2)),
    ),
    hidden_units=4096,
    hidden_dropout=True,
    min_size=63,
  ),
  'small': Form(
    tuple(
      Convolution(
        filters, 3, padding=1, pool=(2, 2), normalize='after', dropout=True
      )
      for filters in (64, 128, 256)
    ),
    hidden_units=1024,
    hidden_dropout=False,
    min_size=8,
    # TensorFlow's `depth_radius` 4: 4 channels on either side and the middle.
    normalization=(9, 1.0, 0.001 / 9, 0.75),
    pool_padding='SAME',
  ),
}


class Model:
  """AlexNet: images in, logits out.

  Args:
    form: Name of the form, one of `FORMS`.
    num_classes: Number of logits.
    data_format: `'channels_first'` or `'channels_last'`.
    dtype: Dtype of the computation. Variables and logits are float32.
    dropout_rate: Share that dropout zeroes; 0.5 is the paper's.
    seed: Seed of dropout.

  Raises:
    ValueError: There is no such form.
  """

  def __init__(
    self,
    form: str,
    num_classes: int,
    *,
    data_format: str = 'channels_last',
    dtype: tf.DType = tf.float32,
    dropout_rate: float = 0.5,
    seed: int = 0,
  ):
    if form not in FORMS:
      raise ValueError(f'form must be one of {sorted(FORMS)}, given: {form!r}')
    self.form = FORMS[form]
    self.num_classes = num_classes
    self.data_format = data_format
    self.dtype = dtype
    self.dropout_rate = dropout_rate
    self.seed = seed

  def __call__(self, inputs: tf.Tensor, training: bool) -> tf.Tensor:
    """[N, H, W, C] -> logits float32 [N, num_classes].

    Args:
      inputs: Images of any dtype, of static height, width and channels.
      training: Whether dropout drops.

    Raises:
      ValueError: The images are smaller than the form's `min_size`, or the
        layout is unknown.
    """
    form = self.form
    if min(inputs.shape[1:3]) < form.min_size:
      raise ValueError(
        f'images must be {form.min_size} pixels or more each way, given: '
        f'{inputs.shape[1]}x{inputs.shape[2]}'
      )
    nn = layers.Network(
      'alexnet_model',
      training=training,
      data_format=self.data_format,
      dtype=self.dtype,
      kernel_initializer=layers.he_initializer(),
      seed=self.seed,
    )
    x = nn.images(inputs)
    for convolution in form.convolutions:
      x = self._block(nn, x, convolution)
    x = nn.flatten(x)
    for _ in range(2):
      if form.hidden_dropout:
        x = nn.dropout(x, self.dropout_rate)
      x = nn.dense(x, form.hidden_units, name='fully_connected')
      x = tf.nn.relu(x)
    x = nn.dense(x, self.num_classes)
    return tf.cast(x, tf.float32)

  def _block(
    self, nn: layers.Network, x: tf.Tensor, block: Convolution
  ) -> tf.Tensor:
    """Feature map -> feature map: a convolution and what follows it."""
    x = nn.conv2d(
      x,
      block.filters,
      block.kernel_size,
      block.strides,
      padding=block.padding,
      groups=block.groups,
      use_bias=True,
    )
    x = tf.nn.relu(x)
    if block.normalize == 'before':
      x = nn.local_response_normalization(x, *self.form.normalization)
    if block.pool:
      x = nn.max_pool(x, *block.pool, self.form.pool_padding)
    if block.normalize == 'after':
      x = nn.local_response_normalization(x, *self.form.normalization)
    return nn.dropout(x, self.dropout_rate) if block.dropout else x
