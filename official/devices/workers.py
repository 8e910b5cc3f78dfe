"""The cluster of a run: which workers there are, and how they meet."""

import contextlib
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from official import cli
from official.errors import UsageError
from official.estimator import RunConfig

_TF_CONFIG = 'TF_CONFIG'
_SECONDS_OF_PATIENCE = 5  # before a line says what a worker waits for
_SECONDS_BETWEEN_LOOKS = 0.2
_SECONDS_TO_CONNECT = 120  # once all workers are there
_GO, _NO = b'go', b'no'


def configure_cluster(
  worker_hosts: Sequence[str] | None, task_index: int | None
) -> RunConfig:
  """Reads the cluster from TF_CONFIG, or from flags as if they stood there.

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
  content = None
  if worker_hosts and len(worker_hosts) > 1:
    content = {
      'cluster': {'worker': [*worker_hosts]},
      'task': {'type': 'worker', 'index': task_index},
    }
  try:
    with _tf_config(content):
      config = RunConfig()
  except ValueError as e:
    raise UsageError(str(e)) from e
  if config.task_type not in ('chief', 'worker'):
    raise UsageError(
      f'TF_CONFIG: a task {config.task_type} has nothing to do here: all '
      'workers train and evaluate together'
    )
  return config


@contextlib.contextmanager
def _tf_config(content: Mapping[str, Any] | None) -> Iterator[None]:
  """Within it TF_CONFIG has this content, where there is any.

  A RunConfig reads it once; what starts later must not find it.
  """
  if content is None:
    yield
    return
  before = os.environ.get(_TF_CONFIG)
  os.environ[_TF_CONFIG] = json.dumps(content)
  try:
    yield
  finally:
    del os.environ[_TF_CONFIG]
    if before is not None:
      os.environ[_TF_CONFIG] = before


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
        tf.distribute.cluster_resolver.SimpleClusterResolver(
          tf.train.ClusterSpec(config.cluster_spec),
          task_type=config.task_type,
          task_id=config.task_id,
          rpc_layer='grpc',
        ),
        options,
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
  meet = _receive if config.is_chief else _report
  meet(config, _Waiting(seconds))


def _receive(config: RunConfig, waiting: '_Waiting') -> None:
  """The chief's part: waits for all calls at once, then lets all go."""
  addresses = _addresses(config)
  own = _number(config)
  host, port = _split(addresses[own])
  with contextlib.ExitStack() as stack:
    try:
      server = stack.enter_context(socket.create_server(('', port)))
    except OSError as e:
      raise UsageError(
        f'the chief cannot listen on port {port} of {host}: {e.strerror or e}'
      ) from e
    server.settimeout(_SECONDS_BETWEEN_LOOKS)
    callers: dict[int, socket.socket] = {}
    while True:
      with contextlib.suppress(TimeoutError, ValueError, ConnectionError):
        caller = stack.enter_context(server.accept()[0])
        number, theirs = _hear(caller)
        if theirs != addresses:
          caller.sendall(_NO)
          raise UsageError(
            f'worker {number + 1} was told of the workers '
            f'{",".join(theirs)}, the chief of {",".join(addresses)}'
          )
        callers[number] = caller
      callers = {n: c for n, c in callers.items() if _is_there(c)}
      missing = set(range(len(addresses))) - callers.keys() - {own}
      if not missing:
        break
      waiting.look([addresses[number] for number in sorted(missing)])
    for caller in callers.values():
      with contextlib.suppress(OSError):
        caller.sendall(_GO)


def _report(config: RunConfig, waiting: '_Waiting') -> None:
  """The part of the others: calls the chief until it lets them go."""
  chief = _addresses(config)[0]
  message = json.dumps([_number(config), _addresses(config)]).encode() + b'\n'
  while True:
    answer = b''
    with contextlib.suppress(OSError):
      with socket.create_connection(_split(chief), 1) as connection:
        connection.settimeout(max(waiting.left, 1))
        connection.sendall(message)
        answer = connection.recv(len(_GO))
    if answer == _GO:
      return
    if answer:
      raise UsageError(
        f'the chief at {chief} was told of other workers, or is none'
      )
    waiting.look([chief])
    time.sleep(_SECONDS_BETWEEN_LOOKS)


class _Waiting:
  """Says after a while what is waited for, and in the end gives up."""

  def __init__(self, seconds: int):
    self._start, self._seconds = time.monotonic(), seconds
    self._has_told = False

  @property
  def left(self) -> float:
    """Seconds until it gives up."""
    return self._seconds - (time.monotonic() - self._start)

  def look(self, missing: Sequence[str]) -> None:
    """Called again and again with who is not there.

    Raises:
      UsageError: it was too long.
    """
    if self.left < 0:
      raise UsageError(
        f'not all workers came within {self._seconds} s (--cluster_timeout), '
        f'{", ".join(missing)} did not: start the same command on each, with '
        'its own --task_index'
      )
    waited = self._seconds - self.left
    if waited > _SECONDS_OF_PATIENCE and not self._has_told:
      self._has_told = True
      print(f'waiting for {", ".join(missing)}', file=sys.stderr, flush=True)


def _hear(caller: socket.socket) -> tuple[int, list[str]]:
  """What `_report` tells: who it is, and who all are."""
  caller.settimeout(_SECONDS_OF_PATIENCE)
  with caller.makefile(encoding='utf-8') as lines:
    number, addresses = json.loads(lines.readline())
  return number, addresses


def _is_there(caller: socket.socket) -> bool:
  """Whether the process at the other end still waits."""
  caller.setblocking(False)
  try:
    return caller.recv(1, socket.MSG_PEEK) != b''
  except BlockingIOError:
    return True
  except OSError:
    return False


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
