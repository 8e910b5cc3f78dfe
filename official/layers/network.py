"""The layers of every network: functions of tensors that own named variables.

A `Network` binds once what all its layers share (scope, mode, layout, dtype);
its methods then read like the network's table in the paper. Variables get the
names that TensorFlow 1's `tf.layers` gave them (`conv2d`, `conv2d_1`, ...,
inside the network's scope), so that checkpoints written then load by name.
"""

import contextlib
import contextvars
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import tensorflow as tf

from official.layers import convolutions, multiply_adds

BATCH_NORM_MOMENTUM = 0.997  # the original's `_BATCH_NORM_DECAY`
BATCH_NORM_EPSILON = 1e-5  # the original's `_BATCH_NORM_EPSILON`

DATA_FORMATS = ('channels_first', 'channels_last')

_frozen = contextvars.ContextVar('frozen', default=False)

Initializer = Callable[[Sequence[int], tf.DType], tf.Tensor]


@contextlib.contextmanager
def frozen() -> Iterator[None]:
  """Within it networks are built for variables that will become constants.

  Batch norm goes into the kernels before it: computed once, this is free;
  computed at every call it would cost more than it saves.
  """
  token = _frozen.set(True)
  try:
    yield
  finally:
    _frozen.reset(token)


def he_initializer() -> Initializer:
  """A truncated normal of variance 2 / fan_in (He et al. 2015b)."""
  return tf.compat.v1.variance_scaling_initializer(2.0)


class Network:
  """Layers that share a variable scope, a mode, a layout and a dtype.

  Args:
    scope: first part of every variable's name, such as `'resnet_model'`.
    training: whether batch norm uses batch statistics and dropout drops.
    data_format: `'channels_last'` ([N, H, W, C]) or `'channels_first'`
      ([N, C, H, W]): the layout of every feature map.
    dtype: dtype of the computation. Variables are float32 and cast on use.
    batch_norm_momentum: share of the moving statistics kept at each step.
    sync_batch_norm: normalise by the batches of all replicas together.
    kernel_initializer: of convolutions and dense layers; None for what the
      original's `tf.layers` had.
    seed: with the step and the layer's name, the seed of dropout.
    device: `'CPU'` or `'GPU'`: what convolutions are to be fast on; None for
      what the step runs on (see `convolutions.device`).

  Raises:
    ValueError: `data_format` is not one of `DATA_FORMATS`, or `device` is
      another one.
  """

  def __init__(
    self,
    scope: str,
    *,
    training: bool,
    data_format: str = 'channels_last',
    dtype: tf.DType = tf.float32,
    batch_norm_momentum: float = BATCH_NORM_MOMENTUM,
    sync_batch_norm: bool = False,
    kernel_initializer: Initializer | None = None,
    seed: int = 0,
    device: str | None = None,
  ):
    if data_format not in DATA_FORMATS:
      raise ValueError(
        f'data_format must be one of {DATA_FORMATS}, given: {data_format!r}'
      )
    if device not in (None, *convolutions.DEVICES):
      raise ValueError(
        f'device must be one of {convolutions.DEVICES}, given: {device!r}'
      )
    self.training = training
    self.data_format = data_format
    self.dtype = tf.as_dtype(dtype)
    self._scope = scope
    self._batch_norm_momentum = batch_norm_momentum
    self._sync_batch_norm = sync_batch_norm
    self._kernel_initializer = kernel_initializer
    self._seed = seed
    self._device = device or convolutions.device()
    self._names: dict[str, int] = {}
    # Output of a convolution without bias: how to do it again, its kernel.
    self._convolutions: dict[Any, tuple[Callable, tf.Tensor]] = {}

  @property
  def channel_axis(self) -> int:
    """Axis of the channels in a feature map."""
    return 1 if self.data_format == 'channels_first' else 3

  @property
  def spatial_axes(self) -> list[int]:
    """Axes of height and width in a feature map."""
    return [2, 3] if self.data_format == 'channels_first' else [1, 2]

  def images(self, inputs: tf.Tensor) -> tf.Tensor:
    """[N, H, W, C] any dtype -> a feature map in the network's layout."""
    inputs = tf.cast(inputs, self.dtype)
    if self.data_format == 'channels_first':
      inputs = tf.transpose(inputs, [0, 3, 1, 2])
    return inputs

  def conv2d(
    self,
    inputs: tf.Tensor,
    filters: int,
    kernel_size: int,
    strides: int = 1,
    *,
    padding: str | int = 'SAME',
    groups: int = 1,
    use_bias: bool = False,
    name: str = 'conv2d',
  ) -> tf.Tensor:
    """Feature map -> feature map with `filters` channels.

    The kernel is [k, k, C / groups, filters], by default drawn from a truncated
    normal of variance 1 / fan_in (the default of the original's `tf.layers`).

    Args:
      inputs: a feature map of static height, width and channels.
      filters: output channels.
      kernel_size: height and width of the kernel.
      strides: step of the kernel along height and width.
      padding: `'SAME'`, `'VALID'`, so many zeros on each side, or `'FIXED'`:
        (k - 1) zeros in all, whatever the input's size, the smaller half first
        (the original's `conv2d_fixed_padding`; `'SAME'` when strides is 1).
      groups: the channels are split into so many independent convolutions.
      use_bias: add a bias [filters], zero at first.
      name: the layer's name before it is made unique.

    Returns:
      A feature map in the layout and dtype of the network.

    Raises:
      ValueError: the kernel is larger than the padded map.
    """
    layer = self._unique(name)
    channels = inputs.shape[self.channel_axis]
    kernel = self._variable(
      f'{layer}/kernel',
      [kernel_size, kernel_size, channels // groups, filters],
      self._kernel_initializer or tf.compat.v1.variance_scaling_initializer(),
    )
    # TensorFlow has no gradient of a grouped convolution on the CPU.

    def convolve(kernel):
      parts = [
        self._convolve(part, part_kernel, strides, padding)
        for part, part_kernel in zip(
          _split(inputs, groups, self.channel_axis),
          _split(kernel, groups, 3),
          strict=True,
        )
      ]
      return parts[0] if groups == 1 else tf.concat(parts, self.channel_axis)

    bias = None
    if use_bias:
      bias = self._variable(f'{layer}/bias', [filters], tf.zeros)
    with self._ops(layer):
      outputs = convolve(kernel)
      sizes = [outputs.shape[axis] for axis in self.spatial_axes]
      multiply_adds.count(self._full_name(layer), kernel.shape, sizes)
      if use_bias:
        return tf.nn.bias_add(outputs, bias, self._tf_data_format)
    self._convolutions[outputs.ref()] = convolve, kernel
    return outputs

  def _convolve(
    self,
    inputs: tf.Tensor,
    kernel: tf.Tensor,
    strides: int,
    padding: str | int,
  ) -> tf.Tensor:
    """Feature map, [k, k, C, filters] -> feature map."""
    return convolutions.conv2d(
      inputs,
      kernel,
      strides,
      padding,
      data_format=self.data_format,
      device=self._device,
      training=self.training,
      frozen=_frozen.get(),
    )

  def batch_norm(
    self, inputs: tf.Tensor, name: str = 'batch_normalization'
  ) -> tf.Tensor:
    """Feature map -> feature map of mean beta and deviation gamma a channel.

    Ioffe and Szegedy 2015, algorithm 1, in TensorFlow's fused form: in
    training the batch is normalised by its own biased variance and the moving
    variance follows the unbiased one (factor n / (n - 1)), as it did in the
    original. Otherwise the moving statistics are used.
    """
    layer = self._unique(name)
    shape = [inputs.shape[self.channel_axis]]
    gamma, beta, moving_mean, moving_variance = (
      self._variable(
        f'{layer}/{name}', shape, init, cast=False, trainable=trainable
      )
      for name, init, trainable in (
        ('gamma', tf.ones, True),
        ('beta', tf.zeros, True),
        ('moving_mean', tf.zeros, False),
        ('moving_variance', tf.ones, False),
      )
    )
    with self._ops(layer):
      return self._normalized(inputs, gamma, beta, moving_mean, moving_variance)

  def _normalized(
    self,
    inputs: tf.Tensor,
    gamma: tf.Tensor,
    beta: tf.Tensor,
    moving_mean: tf.Variable,
    moving_variance: tf.Variable,
  ) -> tf.Tensor:
    """What `batch_norm` does with its variables."""
    if _frozen.get() and not self.training:
      scale = gamma * tf.math.rsqrt(moving_variance + BATCH_NORM_EPSILON)
      return self._affine(inputs, scale, beta - moving_mean * scale)
    if self.training and self._sync_batch_norm and _num_replicas() > 1:
      outputs, mean, variance = self._sync_normalized(inputs, gamma, beta)
    else:
      empty = tf.zeros([0])
      outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=inputs,
        scale=gamma,
        offset=beta,
        mean=empty if self.training else moving_mean,
        variance=empty if self.training else moving_variance,
        epsilon=BATCH_NORM_EPSILON,
        data_format=self._tf_data_format,
        is_training=self.training,
      )
    if self.training:
      # In float32, as the original: 0.0030000210 where momentum is 0.997.
      rate = 1 - tf.constant(self._batch_norm_momentum, tf.float32)
      for moving, of_batch in (
        (moving_mean, mean),
        (moving_variance, variance),
      ):
        # The loss does not need them, so the graph must know of them.
        tf.compat.v1.add_to_collection(
          tf.compat.v1.GraphKeys.UPDATE_OPS,
          moving.assign_sub((moving - of_batch) * rate),
        )
    return outputs

  def _sync_normalized(
    self, inputs: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """As the fused op, by the batches of all replicas together.

    Returns:
      The normalised map, the mean [C] and the unbiased variance [C].
    """
    maps = tf.cast(inputs, tf.float32)
    axes = [0, *self.spatial_axes]
    mean, variance = tf.nn.moments(maps, axes)
    moments = tf.stack([mean, variance + tf.square(mean)])
    mean, square = tf.unstack(
      tf.distribute.get_replica_context().all_reduce(
        tf.distribute.ReduceOp.MEAN, moments
      )
    )
    variance = square - tf.square(mean)
    scale = gamma * tf.math.rsqrt(variance + BATCH_NORM_EPSILON)
    shape = [1] * 4
    shape[self.channel_axis] = -1
    outputs = maps * tf.reshape(scale, shape)
    outputs += tf.reshape(beta - mean * scale, shape)
    count = tf.size(maps) // tf.size(mean) * _num_replicas()
    count = tf.cast(count, tf.float32)
    unbiased = variance * (count / tf.maximum(count - 1, 1))
    return tf.cast(outputs, self.dtype), mean, unbiased

  def _affine(
    self, inputs: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor
  ) -> tf.Tensor:
    """Feature map * scale [C] + shift [C].

    Where the map comes from a convolution the scale goes into its kernel, so
    that what is left is a convolution with a bias.
    """
    scale, shift = tf.cast(scale, self.dtype), tf.cast(shift, self.dtype)
    if inputs.ref() in self._convolutions:
      convolve, kernel = self._convolutions[inputs.ref()]
      outputs = convolve(kernel * scale)
    else:
      shape = [1] * 4
      shape[self.channel_axis] = -1
      outputs = inputs * tf.reshape(scale, shape)
    return tf.nn.bias_add(outputs, shift, self._tf_data_format)

  def dense(
    self, inputs: tf.Tensor, units: int, name: str = 'dense'
  ) -> tf.Tensor:
    """[N, D] -> [N, units]; by default Glorot-uniform kernel; zero bias."""
    layer = self._unique(name)
    kernel = self._variable(
      f'{layer}/kernel',
      [inputs.shape[-1], units],
      self._kernel_initializer or tf.compat.v1.glorot_uniform_initializer(),
    )
    bias = self._variable(f'{layer}/bias', [units], tf.zeros)
    multiply_adds.count(self._full_name(layer), kernel.shape)
    with self._ops(layer):
      return tf.nn.bias_add(tf.linalg.matmul(inputs, kernel), bias)

  def max_pool(
    self,
    inputs: tf.Tensor,
    pool_size: int,
    strides: int,
    padding: str = 'SAME',
  ) -> tf.Tensor:
    """Feature map -> the maximum of each window.

    Raises:
      ValueError: the window is larger than the map, without padding.
    """
    self._check_window(inputs, pool_size, strides, padding)
    return tf.nn.max_pool2d(
      inputs, pool_size, strides, padding, self._tf_data_format
    )

  def avg_pool(
    self,
    inputs: tf.Tensor,
    pool_size: int,
    strides: int,
    padding: str = 'SAME',
  ) -> tf.Tensor:
    """Feature map -> the mean of each window.

    Raises:
      ValueError: the window is larger than the map, without padding.
    """
    self._check_window(inputs, pool_size, strides, padding)
    return tf.nn.avg_pool2d(
      inputs, pool_size, strides, padding, self._tf_data_format
    )

  def _check_window(
    self, inputs: tf.Tensor, pool_size: int, strides: int, padding: str
  ) -> None:
    if padding not in ('SAME', 'VALID'):
      raise ValueError(f"padding must be 'SAME' or 'VALID', given: {padding!r}")
    sizes = [inputs.shape[axis] for axis in self.spatial_axes]
    convolutions.check_window('window', pool_size, strides, sizes, padding)

  def global_mean(self, inputs: tf.Tensor) -> tf.Tensor:
    """Feature map -> [N, C], the mean over height and width."""
    return tf.reduce_mean(inputs, self.spatial_axes)

  def flatten(self, inputs: tf.Tensor) -> tf.Tensor:
    """Feature map -> [N, H * W * C], in this order in either layout."""
    if self.data_format == 'channels_first':
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
    # The running sum as a product with a band matrix, and the power 3/4 by
    # roots: 3 times as fast as TensorFlow's own op on a CPU.
    channels = tf.range(inputs.shape[self.channel_axis])
    ahead = channels[:, tf.newaxis] - channels  # channel summed - channel here
    band = (ahead >= -(size // 2)) & (ahead <= (size - 1) // 2)
    equation = (
      'nchw,cd->ndhw'
      if self.data_format == 'channels_first'
      else 'nhwc,cd->nhwd'
    )
    sums = tf.einsum(equation, tf.square(inputs), tf.cast(band, inputs.dtype))
    if beta == 0.75:
      root = tf.math.rsqrt(bias + alpha * sums)
      return inputs * root * tf.sqrt(root)
    return inputs / (bias + alpha * sums) ** beta

  def dropout(
    self, inputs: tf.Tensor, rate: float, name: str = 'dropout'
  ) -> tf.Tensor:
    """Tensor -> the same with a share `rate` zeroed and the rest scaled up.

    Only in training. The mask is a function of the seed, the layer's name,
    the replica and the global step, so a resumed run drops what an unbroken
    one would have dropped.

    Raises:
      ValueError: in training, where the graph has no global step.
    """
    layer = self._unique(name)
    if not self.training or rate == 0:
      return inputs
    step = tf.compat.v1.train.get_global_step()
    if step is None:
      raise ValueError('dropout in training needs a global step in the graph')
    replica = tf.distribute.get_replica_context().replica_id_in_sync_group
    key = zlib.crc32(f'{self._scope}/{layer}/{self._seed}'.encode())
    seed = tf.stack([
      tf.cast(key, tf.int64),
      tf.cast(step, tf.int64) * 4096 + tf.cast(replica, tf.int64),
    ])
    return tf.nn.experimental.stateless_dropout(inputs, rate, seed)

  @property
  def _tf_data_format(self) -> str:
    return 'NCHW' if self.data_format == 'channels_first' else 'NHWC'

  def _ops(self, layer: str) -> contextlib.AbstractContextManager:
    """Within it ops are named after the layer."""
    return tf.name_scope(f'{self._scope}/{layer}/')

  def _full_name(self, layer: str) -> str:
    return f'{self._scope}/{layer}/kernel'

  def _unique(self, name: str) -> str:
    count = self._names.get(name, 0)
    self._names[name] = count + 1
    return f'{name}_{count}' if count else name

  def _variable(
    self,
    name: str,
    shape: Sequence[int],
    initializer: Initializer,
    *,
    cast: bool = True,
    trainable: bool = True,
  ) -> tf.Variable:
    statistics = dict(
      # Each replica follows its own batches; a read, a checkpoint too, gets
      # the mean over replicas.
      synchronization=tf.VariableSynchronization.ON_READ,
      aggregation=tf.VariableAggregation.MEAN,
    )
    variable = tf.Variable(
      lambda: initializer(shape, tf.float32),
      name=f'{self._scope}/{name}',
      trainable=trainable,
      **({} if trainable else statistics),
    )
    return tf.cast(variable, self.dtype) if cast else variable


def _num_replicas() -> int:
  return tf.distribute.get_strategy().num_replicas_in_sync


def _split(tensor: tf.Tensor, parts: int, axis: int) -> list[tf.Tensor]:
  return [tensor] if parts == 1 else tf.split(tensor, parts, axis)
