"""Decisions that all workers of a cluster take together.

Every worker runs the same program, and each collective op waits until all other
workers run the same op. A worker must therefore never decide what it does next
by something that only it sees (a signal, its clock, its view of a folder): it
would leave the others waiting for ever in an op that it does not run. Such
decisions are made here, by a collective op of their own, at a point of the
program that all workers reach.
"""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

# The errors with which a collective op fails when another worker has ended.
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
  """Decisions of all workers.

  Every worker must ask for each decision, and all in the same order.

  Args:
    strategy: The strategy of the workers; any other strategy means one process,
      which decides by itself.
    is_chief: Whether this worker gives the value of `from_chief`.

  Attributes:
    is_shared: Whether there are other workers.
  """

  def __init__(self, strategy: tf.distribute.Strategy | None, is_chief: bool):
    self.is_shared = (
      isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy)
      and len(_tasks(strategy.cluster_resolver)) > 1
    )
    self._strategy = strategy or tf.distribute.get_strategy()
    self._is_chief = is_chief
    self._function = tf.function(self._sums, autograph=False)

  def from_chief(self, value: int) -> int:
    """Waits until all workers ask; returns the chief's value in each."""
    # A sum to which only the chief adds gives its value to all workers.
    return self._sum([value if self._is_chief else 0])[0]

  def turn(
    self, stop: bool, interrupted: bool, steps: int
  ) -> tuple[bool, bool, int]:
    """Decides what a loop does next.

    Args:
      stop: Whether this worker wants to stop.
      interrupted: Whether this worker got a signal.
      steps: Number of steps that this worker would run.

    Returns:
      Whether any worker wants to stop, whether any worker got a signal, and
      how many steps the chief would run.
    """
    proposal = [int(stop), int(interrupted), steps if self._is_chief else 0]
    stops, interrupts, chief_steps = self._sum(proposal)
    return stops > 0, interrupts > 0, chief_steps

  @contextlib.contextmanager
  def guard(self) -> Iterator[None]:
    """Turns the long errors of collective ops into `WorkerLostError`.

    Raises:
      WorkerLostError: An op within it failed because another worker is gone.
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
    """Sums int64 [N] over the workers; of each, the first replica counts."""
    local = self._strategy.extended.worker_devices

    def replica() -> tf.Tensor:
      context = tf.distribute.get_replica_context()
      # Every replica must run the collective op, but a worker has one vote,
      # whatever the number of its replicas.
      is_first = context.replica_id_in_sync_group % len(local) == 0
      return tf.where(is_first, values, 0)

    return self._strategy.reduce(
      tf.distribute.ReduceOp.SUM, self._strategy.run(replica), axis=None
    )


def _tasks(
  resolver: tf.distribute.cluster_resolver.ClusterResolver,
) -> list[str]:
  """Addresses of the tasks that train."""
  cluster = resolver.cluster_spec().as_dict()
  return [*cluster.get('chief', []), *cluster.get('worker', [])]


def _reason(error: tf.errors.OpError) -> str:
  """The line of TensorFlow's message that names the cause."""
  lines = [line.strip() for line in error.message.splitlines()]
  aborted = [line for line in lines if 'Collective ops is aborted' in line]
  return (aborted or [line for line in lines if line] or ['no reason'])[0]
