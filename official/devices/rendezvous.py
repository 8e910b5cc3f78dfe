"""Waits until all workers of a cluster have started.

TensorFlow would wait for an hour, would not react to signals, and would not
name the worker that is missing. So before it starts, the workers call the chief
at its own address with the list of workers that they were given, and the chief
lets them go when all have called. The port is free again before TensorFlow's
server takes it.
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

_PATIENCE_SECONDS = 5  # before a line names the workers that are missing
_POLL_SECONDS = 0.2
_CALL_SECONDS = 1  # for a connection to the chief
_GO, _NO = b'go', b'no'


def wait_for_all(config: RunConfig, seconds: int) -> None:
  """Waits until every worker has started.

  Args:
    config: The `RunConfig` that knows the workers.
    seconds: Seconds to wait at most.

  Raises:
    UsageError: Some workers did not start, or were given another cluster.
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
      # A call that is broken off, or that no worker made, does not count.
      with contextlib.suppress(TimeoutError, ValueError, ConnectionError):
        caller = stack.enter_context(server.accept()[0])
        index = _check_call(caller, addresses)
        callers[index] = caller
      # A worker that has ended since may be started again, and then calls
      # again.
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
    The index of the worker among the addresses.

  Raises:
    UsageError: The worker was given other addresses.
    ValueError: The caller sends something that `_call_chief` does not send.
    OSError: The caller sends nothing.
  """
  caller.settimeout(_PATIENCE_SECONDS)
  with caller.makefile(encoding='utf-8') as lines:
    index, theirs = json.loads(lines.readline())
  if theirs != addresses:
    caller.sendall(_NO)
    raise UsageError(
      f'worker {index + 1} was given the workers {",".join(theirs)}, the '
      f'chief {",".join(addresses)}'
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
        # The chief answers when all have called. If it ends before, the
        # connection closes.
        connection.settimeout(max(deadline.seconds_left, 1))
        connection.sendall(call.encode())
        answer = connection.recv(len(_GO))
    if answer == _GO:
      return
    if answer:
      raise UsageError(
        f'the chief at {chief} was given other workers, or is not a chief'
      )
    deadline.check([chief])
    time.sleep(_POLL_SECONDS)


class _Deadline:
  """Prints after a while which workers are missing, and gives up in the end.

  Args:
    seconds: Seconds until it gives up.
  """

  def __init__(self, seconds: int):
    self._start, self._seconds = time.monotonic(), seconds
    self._has_reported = False

  @property
  def seconds_left(self) -> float:
    """Seconds until it gives up."""
    return self._seconds - (time.monotonic() - self._start)

  def check(self, missing: Sequence[str]) -> None:
    """Prints the missing workers once, and raises at the end of the time.

    Args:
      missing: Addresses of the workers that have not called.

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
