"""Batch normalization of feature maps.

Ioffe and Szegedy 2015 (https://arxiv.org/abs/1502.03167), algorithm 1: each
channel is brought to mean 0 and variance 1 over the batch, then to the
deviation gamma and the mean beta, which are trained. Moving averages of the
batches' statistics take their place outside training.

Statistics are float32 whatever the dtype of the maps: in 16 bits a moving
average would stop moving, as 0.003 of a difference is soon rounded away.
"""

from typing import NamedTuple

import tensorflow as tf

from official.layers import layouts

MOMENTUM = 0.997  # The original's `_BATCH_NORM_DECAY`.
EPSILON = 1e-5  # The original's `_BATCH_NORM_EPSILON`.


class Variables(NamedTuple):
  """The variables of a layer, all float32 [C].

  Attributes:
    gamma: Deviation of the outputs.
    beta: Mean of the outputs.
    moving_mean: Moving average of the batches' means.
    moving_variance: Moving average of the batches' variances.
  """

  gamma: tf.Variable
  beta: tf.Variable
  moving_mean: tf.Variable
  moving_variance: tf.Variable


def by_batch(
  inputs: tf.Tensor,
  variables: Variables,
  layout: layouts.Layout,
  *,
  momentum: float,
  synchronized: bool,
) -> tf.Tensor:
  """Feature map -> the map normalized by its own batch, for training.

  The batch is normalized by its own biased variance, and the moving variance
  follows the unbiased one (factor n / (n - 1)), as in the original. The moving
  averages are updated by ops that nothing waits for; they are in the graph's
  collection `UPDATE_OPS`.

  Args:
    inputs: A feature map of the layout.
    variables: The layer's variables.
    layout: Layout of the map.
    momentum: Share of the moving averages kept at each step.
    synchronized: Whether to use the batches of all replicas together.
  """
  if synchronized and _num_replicas() > 1:
    outputs, mean, variance = _synchronized(inputs, variables, layout)
  else:
    outputs, mean, variance = _fused(
      inputs, variables, layout, is_training=True
    )
  # In float32, as in the original: 1 - 0.997 is 0.0030000210 there.
  rate = 1 - tf.constant(momentum, tf.float32)
  for moving_average, of_batch in (
    (variables.moving_mean, mean),
    (variables.moving_variance, variance),
  ):
    # The loss does not depend on these, so the graph must know of them.
    tf.compat.v1.add_to_collection(
      tf.compat.v1.GraphKeys.UPDATE_OPS,
      moving_average.assign_sub((moving_average - of_batch) * rate),
    )
  return outputs


def by_moving_averages(
  inputs: tf.Tensor, variables: Variables, layout: layouts.Layout
) -> tf.Tensor:
  """Feature map -> the map normalized by the moving averages."""
  outputs, _, _ = _fused(inputs, variables, layout, is_training=False)
  return outputs


def as_affine(variables: Variables) -> tuple[tf.Tensor, tf.Tensor]:
  """Scale and shift [C] that do what `by_moving_averages` does.

  gamma * (x - mean) / sqrt(variance + epsilon) + beta is x * scale + shift.
  """
  gamma, beta, moving_mean, moving_variance = variables
  scale = gamma * tf.math.rsqrt(moving_variance + EPSILON)
  return scale, beta - moving_mean * scale


def _fused(
  inputs: tf.Tensor,
  variables: Variables,
  layout: layouts.Layout,
  *,
  is_training: bool,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Feature map -> the map, the mean [C] and the unbiased variance [C]."""
  gamma, beta, moving_mean, moving_variance = variables
  unused = tf.zeros([0])  # In training the op computes its own statistics.
  outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
    x=inputs,
    scale=gamma,
    offset=beta,
    mean=unused if is_training else moving_mean,
    variance=unused if is_training else moving_variance,
    epsilon=EPSILON,
    data_format=layout.tensorflow_name,
    is_training=is_training,
  )
  return outputs, mean, variance


def _synchronized(
  inputs: tf.Tensor, variables: Variables, layout: layouts.Layout
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """Like `_fused` in training, by the batches of all replicas together.

  The replicas exchange the mean of x and of x ** 2, from which each of them
  has the variance of the whole batch: E[x ** 2] - E[x] ** 2.
  """
  gamma, beta, *_ = variables
  maps = tf.cast(inputs, tf.float32)
  mean, variance = tf.nn.moments(maps, [0, *layout.spatial_axes])
  # Both moments go in one exchange, since each one waits for all replicas.
  moments = tf.stack([mean, variance + tf.square(mean)])
  mean, mean_of_squares = tf.unstack(
    tf.distribute.get_replica_context().all_reduce(
      tf.distribute.ReduceOp.MEAN, moments
    )
  )
  variance = mean_of_squares - tf.square(mean)
  scale = gamma * tf.math.rsqrt(variance + EPSILON)
  outputs = maps * layout.broadcast(scale)
  outputs += layout.broadcast(beta - mean * scale)
  count = tf.size(maps) // tf.size(mean) * _num_replicas()
  count = tf.cast(count, tf.float32)
  unbiased = variance * (count / tf.maximum(count - 1, 1))
  return tf.cast(outputs, inputs.dtype), mean, unbiased


def _num_replicas() -> int:
  return tf.distribute.get_strategy().num_replicas_in_sync
