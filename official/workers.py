"""The cluster of a run: which workers there are, and how they meet."""

import contextlib
import json
import os
import sys
import threading
from collections.abc import Iterator, Sequence

import tensorflow as tf

from official import cli
from official.errors import UsageError
from official.estimator import RunConfig

_TF_CONFIG = 'TF_CONFIG'
_SECONDS_OF_PATIENCE = 5  # before a line says what a worker waits for


def configure_cluster(
  worker_hosts: Sequence[str] | None, task_index: int | None
) -> RunConfig:
  """Reads the cluster from TF_CONFIG, or writes the flags into it.

  Args:
    worker_hosts: `host:port` of every worker; the first one is the chief.
    task_index: which of them this process is.

  Returns:
    A `RunConfig`, which knows the tasks.

  Raises:
    UsageError: both are given, or TF_CONFIG is not what it should be.
  """
  if worker_hosts:
    if os.environ.get(_TF_CONFIG):
      raise UsageError(
        '--worker_hosts and the environment variable TF_CONFIG both name a '
        'cluster; give one of them'
      )
    if len(worker_hosts) > 1:
      os.environ[_TF_CONFIG] = json.dumps({
        'cluster': {'worker': [*worker_hosts]},
        'task': {'type': 'worker', 'index': task_index},
      })
  try:
    config = RunConfig()
  except ValueError as e:
    raise UsageError(str(e)) from e
  if config.task_type == 'ps':
    raise UsageError('TF_CONFIG: parameter servers are not supported')
  return config


def join(
  config: RunConfig, all_reduce_alg: str | None, seconds: int
) -> tf.distribute.Strategy:
  """The strategy of this worker, once all workers of the cluster are there.

  Must come before any op of TensorFlow.

  Args:
    config: what `configure_cluster` returned.
    all_reduce_alg: `'ring'`, `'nccl'` or None for TensorFlow's choice.
    seconds: how long to wait.

  Raises:
    UsageError: this worker cannot be reached under its address.
  """
  communication = tf.distribute.experimental.CommunicationImplementation
  options = tf.distribute.experimental.CommunicationOptions(
    implementation={
      None: communication.AUTO,
      'ring': communication.RING,
      'nccl': communication.NCCL,
    }[all_reduce_alg]
  )
  try:
    with _patience(_others(config), seconds), cli.quiet_stderr(tell=False):
      return tf.distribute.MultiWorkerMirroredStrategy(
        communication_options=options
      )
  except (tf.errors.OpError, RuntimeError) as e:
    raise UsageError(
      f'{config.task_type} {config.task_id} cannot join the cluster at '
      f'{_address(config)}: {str(e).splitlines()[0]}'
    ) from e


def name_of(config: RunConfig) -> str:
  """`worker 1 of 4`, as people count them: the chief is worker 1."""
  first = len(config.cluster_spec.get('chief', []))
  number = config.task_id + (first if config.task_type == 'worker' else 0)
  return f'worker {number + 1} of {config.num_worker_replicas}'


@contextlib.contextmanager
def _patience(others: list[str], seconds: int) -> Iterator[None]:
  """Says what is waited for, and ends the process when it was too long.

  TensorFlow waits inside one call, which nothing but the process's end ends.
  """
  terminal = os.dup(2)

  def tell(line):
    os.write(terminal, f'{line}\n'.encode())

  def give_up():
    tell(
      f'error: not all workers came within {seconds} s (--cluster_timeout): '
      f'{", ".join(others)}; start the same command on each, with its own '
      '--task_index'
    )
    sys.stdout.flush()
    os._exit(UsageError.exit_code)

  timers = [
    threading.Timer(
      _SECONDS_OF_PATIENCE, tell, [f'waiting for {", ".join(others)}']
    ),
    threading.Timer(seconds, give_up),
  ]
  for timer in timers:
    timer.daemon = True
    timer.start()
  try:
    yield
  finally:
    for timer in timers:
      timer.cancel()
    os.close(terminal)


def _address(config: RunConfig) -> str:
  return config.cluster_spec[config.task_type][config.task_id]


def _others(config: RunConfig) -> list[str]:
  own = _address(config)
  return [
    a for hosts in config.cluster_spec.values() for a in hosts if a != own
  ]
