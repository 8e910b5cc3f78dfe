"""The cluster of a run: which workers there are, and how they meet."""

import contextlib
import json
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence

import tensorflow as tf

from official import cli
from official.errors import UsageError
from official.estimator import RunConfig

_TF_CONFIG = 'TF_CONFIG'
_SECONDS_OF_PATIENCE = 5  # before a line says what a worker waits for
_SECONDS_TO_CONNECT = 120  # once all workers are there


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
    UsageError: some worker does not come, or cannot be reached under its
      address.
  """
  communication = tf.distribute.experimental.CommunicationImplementation
  options = tf.distribute.experimental.CommunicationOptions(
    implementation={
      None: communication.AUTO,
      'ring': communication.RING,
      'nccl': communication.NCCL,
    }[all_reduce_alg]
  )
  _meet(config, seconds)
  signal.alarm(_SECONDS_TO_CONNECT)  # Ends what waits inside TensorFlow.
  try:
    with cli.quiet_stderr(tell=False):
      return tf.distribute.MultiWorkerMirroredStrategy(
        communication_options=options
      )
  except (tf.errors.OpError, RuntimeError) as e:
    raise UsageError(
      f'{name_of(config)} cannot join the cluster as '
      f'{_addresses(config)[_number(config)]}: {str(e).splitlines()[0]}'
    ) from e
  finally:
    signal.alarm(0)


def name_of(config: RunConfig) -> str:
  """`worker 1 of 4`, as people count them: the chief is worker 1."""
  return f'worker {_number(config) + 1} of {config.num_worker_replicas}'


def _meet(config: RunConfig, seconds: int) -> None:
  """Waits until every worker is there.

  TensorFlow would wait for an hour, deaf to signals. The workers call the chief
  at its own address, and it sends them off when all have called.

  Raises:
    UsageError: some did not come, or were told of another cluster.
  """
  deadline = time.monotonic() + seconds
  if config.is_chief:
    _receive(config, deadline, seconds)
  else:
    _report(config, deadline, seconds)


def _receive(config: RunConfig, deadline: float, seconds: int) -> None:
  addresses = _addresses(config)
  missing = dict(enumerate(addresses))
  del missing[_number(config)]
  with contextlib.ExitStack() as stack:
    host, port = _split(addresses[_number(config)])
    try:
      server = stack.enter_context(socket.create_server(('', port)))
    except OSError as e:
      raise UsageError(
        f'the chief cannot listen on port {port} of {host}: {e.strerror or e}'
      ) from e
    callers = []
    patience = time.monotonic() + _SECONDS_OF_PATIENCE
    while missing:
      server.settimeout(0.2)
      with contextlib.suppress(TimeoutError, ValueError, ConnectionError):
        caller, _ = server.accept()
        stack.enter_context(caller)
        caller.settimeout(_SECONDS_OF_PATIENCE)
        number, theirs = json.loads(caller.recv(2**16))
        if theirs != addresses:
          caller.sendall(b'no')
          raise UsageError(
            f'worker {number + 1} was told of the workers '
            f'{",".join(theirs)}, the chief of {",".join(addresses)}'
          )
        callers.append(caller)
        missing.pop(number, None)
      now = time.monotonic()
      if missing and now > deadline:
        raise UsageError(_MISSING.format(seconds, ', '.join(missing.values())))
      if missing and now > patience:
        patience = math.inf
        _tell(f'waiting for {", ".join(missing.values())}')
    for caller in callers:
      with contextlib.suppress(OSError):
        caller.sendall(b'go')


def _report(config: RunConfig, deadline: float, seconds: int) -> None:
  chief = _addresses(config)[0]
  message = json.dumps([_number(config), _addresses(config)]).encode()
  patience = time.monotonic() + _SECONDS_OF_PATIENCE
  while True:
    answer = b''
    with contextlib.suppress(OSError):
      with socket.create_connection(_split(chief), 1) as connection:
        connection.settimeout(max(deadline - time.monotonic(), 1))
        connection.sendall(message)
        answer = connection.recv(2)
    if answer == b'go':
      return
    if answer:
      raise UsageError(
        f'the chief at {chief} was told of other workers, or is none'
      )
    now = time.monotonic()
    if now > deadline:
      raise UsageError(_MISSING.format(seconds, chief))
    if now > patience:
      patience = math.inf
      _tell(f'waiting for {chief}')
    time.sleep(0.2)


_MISSING = (
  'not all workers came within {} s (--cluster_timeout), {} did not: start the '
  'same command on each, with its own --task_index'
)


def _tell(line: str) -> None:
  print(line, file=sys.stderr, flush=True)


def _addresses(config: RunConfig) -> list[str]:
  """Of the chief and then the other workers."""
  cluster = config.cluster_spec
  return [*cluster.get('chief', []), *cluster.get('worker', [])]


def _number(config: RunConfig) -> int:
  """Which of `_addresses` this process is."""
  before = len(config.cluster_spec.get('chief', []))
  return config.task_id + (before if config.task_type == 'worker' else 0)


def _split(address: str) -> tuple[str, int]:
  host, _, port = address.rpartition(':')
  return host.strip('[]'), int(port)
