"""The loss scale that finds itself (Micikevicius et al. 2018, section 3.2)."""

from collections.abc import Callable

import tensorflow as tf

from official.optimizers import Optimizer

INITIAL_SCALE = 2.0**15
GROWTH_STEPS = 2000  # finite ones in a row, before the scale doubles


def dynamic_update(
  optimizer: Optimizer,
  loss: tf.Tensor,
  is_trained: Callable[[str], bool] = lambda name: True,
) -> tf.Operation:
  """The op of one step with a loss scale that adapts.

  The loss is multiplied by the scale before the gradient, which is divided by
  it after. Where a gradient is not finite the scale is halved (to 1 at least)
  and no variable changes; after 2000 finite steps in a row it doubles. The
  global step counts both. Scale and count are in the checkpoint.

  Args:
    optimizer: what steps the variables.
    loss: the mean over this replica's batch, shape [].
    is_trained: variable name to whether it may change.
  """
  scale = _variable(INITIAL_SCALE, 'loss_scale')
  finite_steps = _variable(0.0, 'loss_scale/finite_steps')
  before = tf.identity(scale)
  pairs = [
    (gradient / before, variable)
    for gradient, variable in optimizer.compute_gradients(loss * before)
    if is_trained(variable.name)
  ]
  is_finite = tf.reduce_all([
    tf.reduce_all(tf.math.is_finite(gradient)) for gradient, _ in pairs
  ])

  def update():
    with tf.control_dependencies([optimizer.update(pairs)]):
      return tf.constant(True)

  updated = tf.cond(is_finite, update, lambda: tf.constant(False))
  count = tf.where(is_finite, finite_steps + 1, 0.0)
  doubles = count >= GROWTH_STEPS
  after = tf.where(
    is_finite,
    tf.where(doubles, before * 2, before),
    tf.maximum(before / 2, 1.0),
  )
  return tf.group(
    updated,
    scale.assign(after),
    finite_steps.assign(tf.where(doubles, 0.0, count)),
    tf.compat.v1.train.get_global_step().assign_add(1),
  )


def _variable(initial_value: float, name: str) -> tf.Variable:
  return tf.Variable(
    lambda: tf.constant(initial_value),
    name=name,
    trainable=False,
    # The gradients are summed over replicas already: all would say the same.
    aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
  )
