"""What the workers of a cluster decide together, so that none waits in vain.

Every worker runs the same program, and each of its collective ops waits for the
same op of all others. What a worker alone can see (a signal, a clock, a folder)
must not change the program of this worker alone: it is asked here, at a moment
when all workers ask.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

_LOST = (
  tf.errors.AbortedError,
  tf.errors.CancelledError,
  tf.errors.DeadlineExceededError,
  tf.errors.InternalError,
  tf.errors.UnavailableError,
  tf.errors.UnknownError,
)


class WorkerLostError(RuntimeError):
  """Another worker of the cluster has ended or does not answer."""


class Agreement:
  """Decisions of all workers; every worker must ask for each, in one order.

  Args:
    strategy: that of the workers; any other is one process, which agrees with
      itself.
    is_chief: whether this worker's word counts in `from_chief`.

  Attributes:
    is_shared: whether there are other workers.
  """

  def __init__(self, strategy: tf.distribute.Strategy | None, is_chief: bool):
    several = isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
    resolver = strategy.cluster_resolver if several else None
    self.is_shared = several and len(_tasks(resolver)) > 1
    self._strategy = strategy
    self._is_chief = is_chief
    self._function = tf.function(self._sums, autograph=False)

  def from_chief(self, value: int) -> int:
    """The chief's value, at every worker, once all have asked."""
    return self._sum([value if self._is_chief else 0])[0]

  def turn(
    self, stop: bool, interrupted: bool, steps: int
  ) -> tuple[bool, bool, int]:
    """What comes next in a loop.

    Args:
      stop: whether this worker wants to stop.
      interrupted: whether a signal came to it.
      steps: how many steps it would run.

    Returns:
      The same, but whether any worker does, and the chief's steps.
    """
    wanted = [int(stop), int(interrupted), steps if self._is_chief else 0]
    stop, interrupted, steps = self._sum(wanted)
    return stop > 0, interrupted > 0, steps

  @contextlib.contextmanager
  def guard(self) -> Iterator[None]:
    """Says in one line that a worker is lost, where an op says it at length.

    Raises:
      WorkerLostError: an op that waits for other workers was broken off.
    """
    try:
      yield
    except _LOST as e:
      if not self.is_shared:
        raise
      raise WorkerLostError(
        'another worker of the cluster ended or does not answer '
        f'({_reason(e)}); restart all workers: training goes on from the '
        'last checkpoint'
      ) from e

  def _sum(self, values: list[int]) -> list[int]:
    if not self.is_shared:
      return values
    with self.guard():
      return self._function(tf.constant(values, tf.int64)).numpy().tolist()

  def _sums(self, values: tf.Tensor) -> tf.Tensor:
    local = self._strategy.extended.worker_devices

    def replica():
      context = tf.distribute.get_replica_context()
      is_first = context.replica_id_in_sync_group % len(local) == 0
      return tf.where(is_first, values, 0)

    return self._strategy.reduce(
      tf.distribute.ReduceOp.SUM, self._strategy.run(replica), axis=None
    )


def _tasks(resolver: tf.distribute.cluster_resolver.ClusterResolver) -> list:
  cluster = resolver.cluster_spec().as_dict()
  return [*cluster.get('chief', []), *cluster.get('worker', [])]


def _reason(error: tf.errors.OpError) -> str:
  """The line of TensorFlow's message that tells most."""
  lines = [line.strip() for line in error.message.splitlines()]
  aborted = [line for line in lines if 'Collective ops is aborted' in line]
  return (aborted or [line for line in lines if line] or ['no reason'])[0]
