"""The base of all optimizers: gradients over replicas, and their use.

`minimize` returns the `train_op` of an `EstimatorSpec`. Under a
`tf.distribute` strategy the gradient is that of the mean loss over replicas,
whatever their number. Slots are variables named as TensorFlow 1 named them, so
that training goes on from its checkpoints.
"""

from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf

GradsAndVars = list[tuple[tf.Tensor, tf.Variable]]


class Optimizer:
  """Base class: a subclass steps one variable, in one fused TensorFlow op.

  Args:
    learning_rate: A number, or a tensor of shape [].
  """

  def __init__(self, learning_rate: float | tf.Tensor):
    self._learning_rate = learning_rate

  def minimize(
    self,
    loss: tf.Tensor,
    global_step: tf.Variable | None = None,
    var_list: Sequence[tf.Variable] | None = None,
  ) -> tf.Operation:
    """The op of one step that lowers `loss`.

    Args:
      loss: Mean over this replica's batch, shape [].
      global_step: See `apply_gradients`.
      var_list: See `compute_gradients`.

    Raises:
      ValueError: There are no variables, or the loss depends on none of them.
    """
    return self.apply_gradients(
      self.compute_gradients(loss, var_list), global_step
    )

  def compute_gradients(
    self, loss: tf.Tensor, var_list: Sequence[tf.Variable] | None = None
  ) -> GradsAndVars:
    """Pairs of a gradient, the mean over replicas, and its variable.

    Args:
      loss: Mean over this replica's batch, shape [].
      var_list: The variables; by default all trainable ones that the model_fn
        asked for. Those of a Keras model made outside must be given.

    Raises:
      ValueError: There are no variables, or the loss depends on none of them.
    """
    if var_list is None:
      var_list = tf.compat.v1.trainable_variables()
    variables = [v if isinstance(v, tf.Variable) else v.value for v in var_list]
    if not variables:
      raise ValueError(
        'No variables to optimize. Variables made outside model_fn must be '
        'given: minimize(loss, var_list=model.trainable_variables).'
      )
    context = tf.distribute.get_replica_context()
    num_replicas = context.num_replicas_in_sync
    # Each replica's mean is divided by the number of replicas, so that the
    # gradients add up to the gradient of the mean over all of them.
    gradients = tf.gradients(loss / num_replicas, variables)
    pairs = [
      (gradient, variable)
      for gradient, variable in zip(gradients, variables, strict=True)
      if gradient is not None
    ]
    if not pairs:
      raise ValueError(
        'No gradients provided for any variable: the loss depends on none of '
        f'{[v.name for v in variables]}.'
      )
    if num_replicas == 1:
      return pairs
    # One call for all gradients, so that TensorFlow can send them together.
    sums = context.all_reduce(
      tf.distribute.ReduceOp.SUM, [gradient for gradient, _ in pairs]
    )
    return [
      (total, variable)
      for total, (_, variable) in zip(sums, pairs, strict=True)
    ]

  def apply_gradients(
    self,
    grads_and_vars: Iterable[tuple[tf.Tensor | None, tf.Variable]],
    global_step: tf.Variable | None = None,
  ) -> tf.Operation:
    """The op that steps each variable and adds 1 to the global step.

    Args:
      grads_and_vars: Pairs as `compute_gradients` returns them. A variable
        whose gradient is None stays as it is.
      global_step: The step to count; by default the graph's own, if it has
        one.
    """
    if global_step is None:
      global_step = tf.compat.v1.train.get_global_step()
    count = [] if global_step is None else [global_step.assign_add(1)]
    return tf.group(self.update(grads_and_vars), *count)

  def update(
    self, grads_and_vars: Iterable[tuple[tf.Tensor | None, tf.Variable]]
  ) -> tf.Operation:
    """The op that steps each variable, without the global step.

    Args:
      grads_and_vars: See `apply_gradients`.
    """
    rate = tf.cast(self._learning_rate, tf.float32)
    shared = self._make_shared_variables()
    steps = [
      self._apply(tf.convert_to_tensor(gradient), variable, rate, shared)
      for gradient, variable in grads_and_vars
      if gradient is not None
    ]
    return tf.group(*steps, *self._update_shared_variables(shared))

  def _make_shared_variables(self) -> dict[str, tf.Variable]:
    """Name to variable, for those that the steps of all variables share."""
    return {}

  def _apply(
    self,
    gradient: tf.Tensor,
    variable: tf.Variable,
    rate: tf.Tensor,
    shared: dict[str, tf.Variable],
  ) -> tf.Operation:
    """The op that steps one variable.

    Args:
      gradient: The gradient, of the shape and dtype of the variable.
      variable: The variable to step.
      rate: The learning rate, float32 [].
      shared: The variables that `_make_shared_variables` returned.
    """
    raise NotImplementedError

  def _update_shared_variables(
    self, shared: dict[str, tf.Variable]
  ) -> list[tf.Operation]:
    """The ops that step the variables of `_make_shared_variables`."""
    del shared
    return []


def slot(variable: tf.Variable, name: str) -> tf.Variable:
  """The variable that an optimizer keeps for another; its first value is zero.

  Args:
    variable: The variable that the slot belongs to.
    name: TensorFlow 1's name of the slot, such as `'Momentum'`. The slot of
      `net/kernel` is then `net/kernel/Momentum`.
  """
  shape = variable.shape
  path = variable.name.split(':')[0]
  return untrained_variable(lambda: tf.zeros(shape), f'{path}/{name}')


def untrained_variable(
  initial_value: Callable[[], tf.Tensor], name: str
) -> tf.Variable:
  """A variable that is part of a checkpoint and that no optimizer steps."""
  # Outside every name scope, because its name is complete.
  with tf.compat.v1.name_scope(None):
    return tf.Variable(initial_value, name=name, trainable=False)
