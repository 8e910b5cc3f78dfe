"""Values of variables of which each replica has a copy of its own."""

from collections.abc import Iterable

import tensorflow as tf


def is_statistic(variable: tf.Variable) -> bool:
  """Whether each replica changes its own copy, and the mean is the value.

  The moving statistics of batch normalization are such variables.
  """
  return (
    variable.synchronization == tf.VariableSynchronization.ON_READ
    and variable.aggregation == tf.VariableAggregation.MEAN
    and variable.dtype.is_floating
  )


def average_statistics(variables: Iterable[tf.Variable]) -> list[tf.Operation]:
  """Gives every replica the mean of the replicas' statistics.

  It is called in each replica at the end of a step. Without it replicas drift
  apart, and a run that goes on from a checkpoint, which holds one value, would
  differ from a run that was never interrupted.

  Args:
    variables: The variables of the model; those that are not statistics stay as
      they are.

  Returns:
    The assignments; none for one replica.
  """
  context = tf.distribute.get_replica_context()
  if context.num_replicas_in_sync == 1:
    return []
  statistics = [v for v in variables if is_statistic(v)]
  if not statistics:
    return []
  # One all-reduce of one vector takes less time than one for each variable.
  flat = tf.concat([tf.reshape(v, [-1]) for v in statistics], axis=0)
  flat = context.all_reduce(tf.distribute.ReduceOp.MEAN, flat)
  sizes = [v.shape.num_elements() for v in statistics]
  return [
    variable.assign(tf.reshape(mean, variable.shape))
    for variable, mean in zip(statistics, tf.split(flat, sizes), strict=True)
  ]


def parts(
  variable: tf.Variable, strategy: tf.distribute.Strategy
) -> tuple[tf.Variable, ...]:
  """The copies of a variable in the replicas of this process."""
  return strategy.experimental_local_results(variable)


def value(variable: tf.Variable, strategy: tf.distribute.Strategy) -> tf.Tensor:
  """The value of a variable, read between two steps."""
  if is_statistic(variable):  # `average_statistics` has made all copies equal.
    (first, *_) = parts(variable, strategy)
    return first.read_value()
  return variable.read_value()


def gather_sums(
  variables: Iterable[tf.Variable], strategy: tf.distribute.Strategy
) -> None:
  """Adds up the copies of all replicas, in the first replica of each process.

  Every worker must call it.

  Args:
    variables: The variables of metrics; those of which there is one copy stay
      as they are.
    strategy: The strategy of the variables.
  """
  if strategy.num_replicas_in_sync == 1:
    return
  for variable in variables:
    if variable.synchronization == tf.VariableSynchronization.ON_READ:
      total = variable.read_value()
      parts(variable, strategy)[0].assign(total)
