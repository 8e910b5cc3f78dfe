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
  """A convolution and ReLU; what follows it in the block.

  Attributes:
    filters: output channels.
    kernel_size: of its kernel.
    strides: its step.
    padding: zeros on each side.
    groups: independent convolutions that share the channels.
    pool: window and step of the max pool, None for none.
    normalize: local response normalization before the pool (`'before'`),
      after it (`'after'`), or not at all.
    dropout: at the end of the block.
  """

  filters: int
  kernel_size: int
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
    convolutions: in order.
    hidden_units: of the two fully connected layers.
    hidden_dropout: whether they drop.
    normalization: size, bias, alpha and beta, as `layers.Network` has them.
    min_size: height and width of the smallest image.
    pool_padding: of every pool.
  """

  convolutions: Sequence[Convolution]
  hidden_units: int
  hidden_dropout: bool
  min_size: int
  normalization: tuple[int, float, float, float] = (5, 2.0, 1e-4, 0.75)
  pool_padding: str = 'VALID'


FORMS = {
  '2012': Form(  # Section 3.5; normalization and pools: 3.3 and 3.4.
    (
      Convolution(96, 11, 4, pool=(3, 2), normalize='before'),
      Convolution(256, 5, 1, 2, 2, pool=(3, 2), normalize='before'),
      Convolution(384, 3, 1, 1),
      Convolution(384, 3, 1, 1, 2),
      Convolution(256, 3, 1, 1, 2, pool=(3, 2)),
    ),
    hidden_units=4096,
    hidden_dropout=True,
    min_size=67,
  ),
  'owt': Form(
    (
      Convolution(64, 11, 4, 2, pool=(3, 2)),
      Convolution(192, 5, 1, 2, pool=(3, 2)),
      Convolution(384, 3, 1, 1),
      Convolution(256, 3, 1, 1),
      Convolution(256, 3, 1, 1, pool=(3, 2)),
    ),
    hidden_units=4096,
    hidden_dropout=True,
    min_size=63,
  ),
  'small': Form(
    tuple(
      Convolution(
        filters, 3, 1, 1, pool=(2, 2), normalize='after', dropout=True
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
    form: one of `FORMS`.
    num_classes: number of logits.
    data_format: `'channels_first'` or `'channels_last'`.
    dtype: dtype of the computation; variables and logits are float32.
    dropout_rate: share that dropout zeroes.
    seed: of dropout.

  Raises:
    ValueError: there is no such form.
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

    Raises:
      ValueError: the images are smaller than the form's `min_size`.
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
