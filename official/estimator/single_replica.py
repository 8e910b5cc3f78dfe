"""A replica that computes metrics from its own values only."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import tensorflow as tf


def alone(
  context: tf.distribute.ReplicaContext,
) -> contextlib.AbstractContextManager[Any]:
  """A context in which a replica does not wait for the others.

  The metrics of TensorFlow add up the replicas whenever their value is read.
  Here `replica_values.gather_sums` does so once, before the values are read,
  which serves any value that is computed from variables.

  Args:
    context: The context of the replica that is being traced.
  """
  if context.num_replicas_in_sync == 1:
    return contextlib.nullcontext()
  replica = tf.get_static_value(context.replica_id_in_sync_group)
  return _SingleReplicaContext(context.strategy, int(replica))


class _SingleReplicaContext(tf.distribute.ReplicaContext):
  """A replica whose merge_call merges nothing."""

  def merge_call(
    self,
    merge_fn: Callable[..., Any],
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
  ) -> Any:
    """See `tf.distribute.ReplicaContext`."""
    return merge_fn(_ReadingStrategy(), *args, **(kwargs or {}))


class _ReadingStrategy:
  """The part of a strategy that TensorFlow's metrics use, for one replica."""

  @property
  def extended(self) -> '_ReadingStrategy':
    return self

  def read_var(self, variable: tf.Variable) -> tf.Tensor:
    return tf.identity(variable)

  def __getattr__(self, name: str) -> NoReturn:
    raise AttributeError(f'{name} needs all replicas: a merge_call')
