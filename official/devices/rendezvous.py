"""Waits until all workers of a cluster are there.

TensorFlow would wait for an hour, deaf to signals, and would not say for whom.
So before it starts, the workers call the chief at its own address with what
they know of the cluster, and the chief lets them go when all have called. The
port is free again before TensorFlow's server takes it.
"""

import contextlib
import json
import socket
import sys
import time
from collections.abc import Sequence

from official.devices import cluster as cluster_lib
from official.errors import UsageError
from official.estimator import RunConfig

_PATIENCE_SECONDS = 5  # before a line says what a worker waits for
_POLL_SECONDS = 0.2
_CALL_SECONDS = 1  # for a connection to the chief
_GO, _NO = b'go', b'no'


def wait_for_all(config: RunConfig, seconds: int) -> None:
  """Waits until every worker is there.

  Args:
    config: Knows the workers.
    seconds: How long to wait.

  Raises:
    UsageError: Some did not come, or know another cluster.
  """
  deadline = _Deadline(seconds)
  if config.is_chief:
    _receive_calls(config, deadline)
  else:
    _call_chief(config, deadline)


def _receive_calls(config: RunConfig, deadline: '_Deadline') -> None:
  """The chief's part: waits for the calls of all others, then lets them go."""
  addresses = cluster_lib.addresses(config)
  own = cluster_lib.index_of(config)
  with contextlib.ExitStack() as stack:
    server = stack.enter_context(_listen(addresses[own]))
    callers: dict[int, socket.socket] = {}
    while True:
      # A call that is broken off, or is not one of ours, does not count.
      with contextlib.suppress(TimeoutError, ValueError, ConnectionError):
        caller = stack.enter_context(server.accept()[0])
        index = _check_call(caller, addresses)
        callers[index] = caller
      # One that ended since may be started again, and calls again.
      callers = {i: c for i, c in callers.items() if _is_waiting(c)}
      missing = set(range(len(addresses))) - callers.keys() - {own}
      if not missing:
        break
      deadline.check([addresses[index] for index in sorted(missing)])
    for caller in callers.values():
      with contextlib.suppress(OSError):
        caller.sendall(_GO)


def _listen(address: str) -> socket.socket:
  """Returns a server at the chief's address.

  Raises:
    UsageError: The port cannot be used.
  """
  host, port = _host_and_port(address)
  try:
    server = socket.create_server(('', port))
  except OSError as e:
    raise UsageError(
      f'the chief cannot listen on port {port} of {host}: {e.strerror or e}'
    ) from e
  server.settimeout(_POLL_SECONDS)
  return server


def _check_call(caller: socket.socket, addresses: list[str]) -> int:
  """Reads which worker calls.

  Args:
    caller: The connection.
    addresses: The addresses of all workers, as the chief knows them.

  Returns:
    Its place among them.

  Raises:
    UsageError: It knows other workers.
    ValueError: What it sends is not a call of `_call_chief`.
    OSError: It sends nothing.
  """
  caller.settimeout(_PATIENCE_SECONDS)
  with caller.makefile(encoding='utf-8') as lines:
    index, theirs = json.loads(lines.readline())
  if theirs != addresses:
    caller.sendall(_NO)
    raise UsageError(
      f'worker {index + 1} was told of the workers {",".join(theirs)}, the '
      f'chief of {",".join(addresses)}'
    )
  return index


def _call_chief(config: RunConfig, deadline: '_Deadline') -> None:
  """The part of the others: calls the chief until it lets them go."""
  addresses = cluster_lib.addresses(config)
  chief = addresses[0]
  call = json.dumps([cluster_lib.index_of(config), addresses]) + '\n'
  while True:
    answer = b''
    with contextlib.suppress(OSError):
      connection = socket.create_connection(
        _host_and_port(chief), _CALL_SECONDS
      )
      with connection:
        # The chief answers when all are there; it closes if it ends before.
        connection.settimeout(max(deadline.seconds_left, 1))
        connection.sendall(call.encode())
        answer = connection.recv(len(_GO))
    if answer == _GO:
      return
    if answer:
      raise UsageError(
        f'the chief at {chief} was told of other workers, or is not one'
      )
    deadline.check([chief])
    time.sleep(_POLL_SECONDS)


class _Deadline:
  """Reports after a while what is waited for, and in the end gives up.

  Args:
    seconds: Until it gives up.
  """

  def __init__(self, seconds: int):
    self._start, self._seconds = time.monotonic(), seconds
    self._has_reported = False

  @property
  def seconds_left(self) -> float:
    """Seconds until it gives up."""
    return self._seconds - (time.monotonic() - self._start)

  def check(self, missing: Sequence[str]) -> None:
    """Called again and again with the addresses of those who are missing.

    Raises:
      UsageError: The time is over.
    """
    if self.seconds_left < 0:
      raise UsageError(
        f'not all workers came within {self._seconds} s (--cluster_timeout), '
        f'{", ".join(missing)} did not: start the same command on each, with '
        'its own --task_index'
      )
    waited = self._seconds - self.seconds_left
    if waited > _PATIENCE_SECONDS and not self._has_reported:
      self._has_reported = True
      print(f'waiting for {", ".join(missing)}', file=sys.stderr, flush=True)


def _is_waiting(caller: socket.socket) -> bool:
  """Returns whether the process at the other end still waits."""
  caller.setblocking(False)
  try:
    return caller.recv(1, socket.MSG_PEEK) != b''
  except BlockingIOError:  # Nothing to read, so the connection is open.
    return True
  except OSError:
    return False


def _host_and_port(address: str) -> tuple[str, int]:
  host, _, port = address.rpartition(':')
  return host.strip('[]'), int(port)  # IPv6 addresses stand in brackets.
