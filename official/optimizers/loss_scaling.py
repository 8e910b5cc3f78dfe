"""A loss scale that adapts, for training in 16 bits.

In float16 a gradient below 6e-8 is zero, and many gradients are that small.
Multiplying the loss by a scale multiplies every gradient, so that they stay in
the range of float16; the float32 gradient is divided by the scale before it
meets a weight (Micikevicius et al. 2018, section 3.2,
https://arxiv.org/abs/1710.03740). The best scale is the largest one that
overflows no gradient. It differs from network to network and changes during
training, so it is searched for: it rises while all gradients are finite, and
falls at once when one is not, in a step that changes no weight.
"""

from collections.abc import Callable

import tensorflow as tf

from official.optimizers.optimizer import Optimizer

INITIAL_SCALE = 2.0**15
GROWTH_STEPS = 2000  # This many finite steps in a row double the scale.


def dynamic_update(
  optimizer: Optimizer,
  loss: tf.Tensor,
  is_trained: Callable[[str], bool] = lambda name: True,
) -> tf.Operation:
  """The op of one step with a loss scale that adapts.

  Where a gradient is not finite, the scale is halved (to no less than 1) and
  no variable changes. After `GROWTH_STEPS` finite steps in a row it doubles.
  The global step counts both kinds of steps. Scale and count are variables, so
  a resumed run has them from its checkpoint.

  Args:
    optimizer: The optimizer that steps the variables.
    loss: Mean over this replica's batch, shape [].
    is_trained: Function from a variable's name to whether it may change; by
      default all may.
  """
  scale = _variable(INITIAL_SCALE, 'loss_scale')
  finite_steps = _variable(0.0, 'loss_scale/finite_steps')
  # One read for this whole step, so that no assignment comes in between.
  scale_of_step = tf.identity(scale)
  grads_and_vars = [
    (gradient / scale_of_step, variable)
    for gradient, variable in optimizer.compute_gradients(loss * scale_of_step)
    if is_trained(variable.name)
  ]
  # The gradients are sums over the replicas, so all replicas agree on this.
  is_finite = tf.reduce_all([
    tf.reduce_all(tf.math.is_finite(gradient)) for gradient, _ in grads_and_vars
  ])

  def update() -> tf.Tensor:
    with tf.control_dependencies([optimizer.update(grads_and_vars)]):
      return tf.constant(True)

  updated = tf.cond(is_finite, update, lambda: tf.constant(False))
  count = tf.where(is_finite, finite_steps + 1, 0.0)
  doubles = count >= GROWTH_STEPS
  next_scale = tf.where(
    is_finite,
    tf.where(doubles, scale_of_step * 2, scale_of_step),
    tf.maximum(scale_of_step / 2, 1.0),
  )
  return tf.group(
    updated,
    scale.assign(next_scale),
    finite_steps.assign(tf.where(doubles, 0.0, count)),
    tf.compat.v1.train.get_global_step().assign_add(1),
  )


def _variable(initial_value: float, name: str) -> tf.Variable:
  """A variable to which all replicas assign the same value."""
  return tf.Variable(
    lambda: tf.constant(initial_value),
    name=name,
    trainable=False,
    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
  )
