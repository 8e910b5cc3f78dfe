"""The layers of every network: functions of tensors that own named variables.

A `Network` binds once what all its layers share (scope, mode, layout, dtype),
so that its methods read like the network's table in a paper. The methods make
the variables, under names that TensorFlow 1's checkpoints know; the arithmetic
of each layer is in a module of its own beside this one.
"""

import functools
from collections.abc import Callable

import tensorflow as tf

from official.estimator import frozen_graphs
from official.layers import (
  batch_norm,
  convolutions,
  dropout,
  folding,
  multiply_adds,
  scopes,
  stateless,
)


class Network(stateless.StatelessLayers):
  """Layers that share a variable scope, a mode, a layout and a dtype.

  A feature map is [N, H, W, C] or [N, C, H, W], as `data_format` says, and of
  the network's dtype.

  Args:
    scope: First part of every variable's name, such as `'my_model'`.
    training: Whether batch norm uses the statistics of the batch and dropout
      drops.
    data_format: `'channels_last'` ([N, H, W, C]) or `'channels_first'`
      ([N, C, H, W]): the layout of every feature map.
    dtype: Dtype of the computation. Variables are float32 and cast on use.
    batch_norm_momentum: Share of the moving averages kept at each step.
    sync_batch_norm: Whether batch norm uses the batches of all replicas
      together.
    kernel_initializer: Initializer of the kernels of convolutions and dense
      layers; by default the initializers of the original's `tf.layers`.
    seed: Seed of dropout, which also depends on the step and the layer.
    device: `'CPU'` or `'GPU'`, the device on which convolutions should be fast;
      by default the device of the step (see `convolutions.device_kind`).
    frozen: Whether the variables will be constants, so that batch norm is
      folded into convolutions (see `folding`); by default whether
      `Estimator.export_saved_model(frozen=True)` builds the graph.

  Raises:
    ValueError: `data_format` or `device` is not one of those named above.
  """

  def __init__(
    self,
    scope: str,
    *,
    training: bool,
    data_format: str = 'channels_last',
    dtype: tf.DType = tf.float32,
    batch_norm_momentum: float = batch_norm.MOMENTUM,
    sync_batch_norm: bool = False,
    kernel_initializer: scopes.Initializer | None = None,
    seed: int = 0,
    device: str | None = None,
    frozen: bool | None = None,
  ):
    super().__init__(data_format, dtype)
    if device not in (None, *convolutions.DEVICE_KINDS):
      raise ValueError(
        f'device must be one of {convolutions.DEVICE_KINDS}, given: {device!r}'
      )
    self.training = training
    self._scope = scopes.LayerScope(scope)
    self._batch_norm_momentum = batch_norm_momentum
    self._sync_batch_norm = sync_batch_norm
    self._kernel_initializer = kernel_initializer
    self._seed = seed
    self._device = device or convolutions.device_kind()
    self._frozen = frozen_graphs.is_marked() if frozen is None else frozen
    # In training batch norm depends on the batch, so it cannot be folded.
    is_foldable = self._frozen and not training
    self._folding = folding.Folding() if is_foldable else None

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
    """Feature map -> feature map of `filters` channels.

    The kernel is [k, k, C / groups, filters], by default drawn from a truncated
    normal of variance 1 / fan_in (the default of the original's `tf.layers`).

    Args:
      inputs: A feature map of static height, width and channels.
      filters: Number of output channels.
      kernel_size: Height and width of the kernel.
      strides: Step of the kernel along height and width.
      padding: `'SAME'`, `'VALID'`, a number of zeros on each side, or
        `'FIXED'`: k - 1 zeros in all whatever the size of the map, the smaller
        half first (the original's `conv2d_fixed_padding`; the same as `'SAME'`
        when strides is 1).
      groups: Number of independent convolutions that the channels are split
        into.
      use_bias: Whether to add a bias [filters], which is zero at first.
      name: Name of the layer before it is made unique.

    Returns:
      A feature map.

    Raises:
      ValueError: The kernel is larger than the padded map.
    """
    layer = self._scope.layer(name)
    channels = inputs.shape[self.channel_axis]
    kernel = self._weights(
      f'{layer}/kernel',
      [kernel_size, kernel_size, channels // groups, filters],
      tf.compat.v1.variance_scaling_initializer(),
    )
    bias = self._bias(layer, filters) if use_bias else None
    convolve = self._convolution(inputs, strides, padding, groups)
    with self._scope.ops(layer):
      outputs = convolve(kernel)
      multiply_adds.record(
        f'{layer}/kernel', kernel.shape, self._layout.spatial_sizes(outputs)
      )
      if use_bias:
        return tf.nn.bias_add(outputs, bias, self._layout.tensorflow_name)
    if self._folding:
      self._folding.remember(outputs, convolve, kernel)
    return outputs

  def _convolution(
    self, inputs: tf.Tensor, strides: int, padding: str | int, groups: int
  ) -> Callable[[tf.Tensor], tf.Tensor]:
    """The function from a kernel to the feature map, for these inputs."""
    return functools.partial(
      convolutions.grouped_conv2d,
      inputs,
      strides=strides,
      padding=padding,
      groups=groups,
      layout=self._layout,
      device=self._device,
      training=self.training,
      is_constant=self._frozen,
    )

  def batch_norm(
    self, inputs: tf.Tensor, name: str = 'batch_normalization'
  ) -> tf.Tensor:
    """Feature map -> the map with mean beta and deviation gamma by channel.

    In training the batch gives the statistics, otherwise the moving averages;
    see the module `batch_norm`. Gamma is one at first, beta is zero.
    """
    layer = self._scope.layer(name)
    shape = [inputs.shape[self.channel_axis]]
    variables = batch_norm.Variables(
      gamma=self._scope.weights(f'{layer}/gamma', shape, tf.ones),
      beta=self._scope.weights(f'{layer}/beta', shape, tf.zeros),
      moving_mean=self._scope.statistics(
        f'{layer}/moving_mean', shape, tf.zeros
      ),
      moving_variance=self._scope.statistics(
        f'{layer}/moving_variance', shape, tf.ones
      ),
    )
    with self._scope.ops(layer):
      if self.training:
        return batch_norm.by_batch(
          inputs,
          variables,
          self._layout,
          momentum=self._batch_norm_momentum,
          synchronized=self._sync_batch_norm,
        )
      if self._folding:
        scale, shift = batch_norm.as_affine(variables)
        return self._folding.affine(inputs, scale, shift, self._layout)
      return batch_norm.by_moving_averages(inputs, variables, self._layout)

  def dense(
    self, inputs: tf.Tensor, units: int, name: str = 'dense'
  ) -> tf.Tensor:
    """[N, D] -> [N, units].

    The kernel [D, units] is by default drawn from Glorot's uniform
    distribution; the bias [units] is zero at first.
    """
    layer = self._scope.layer(name)
    kernel = self._weights(
      f'{layer}/kernel',
      [inputs.shape[-1], units],
      tf.compat.v1.glorot_uniform_initializer(),
    )
    bias = self._bias(layer, units)
    multiply_adds.record(f'{layer}/kernel', kernel.shape)
    with self._scope.ops(layer):
      return tf.nn.bias_add(tf.linalg.matmul(inputs, kernel), bias)

  def dropout(
    self, inputs: tf.Tensor, rate: float, name: str = 'dropout'
  ) -> tf.Tensor:
    """Tensor -> in training, the same with a share `rate` zeroed.

    The rest is scaled up, so that the mean stays. The mask is a function of
    the seed, the layer, the replica and the global step; see the module
    `dropout`.

    Raises:
      ValueError: The graph of training has no global step.
    """
    layer = self._scope.layer(name)
    if not self.training or rate == 0:
      return inputs
    return dropout.dropout(inputs, rate, stream=f'{layer}/{self._seed}')

  def _weights(
    self, name: str, shape: list[int], default: scopes.Initializer
  ) -> tf.Tensor:
    """A kernel in the network's dtype."""
    initializer = self._kernel_initializer or default
    variable = self._scope.weights(name, shape, initializer)
    return tf.cast(variable, self.dtype)

  def _bias(self, layer: str, size: int) -> tf.Tensor:
    """A bias [size] in the network's dtype, zero at first."""
    variable = self._scope.weights(f'{layer}/bias', [size], tf.zeros)
    return tf.cast(variable, self.dtype)
