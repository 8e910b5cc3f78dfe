"""Signals that are deferred until no step is half done.

An interrupt between a step and its line in `metrics.jsonl` would leave a step
that is in the variables, and in the checkpoint saved at the interrupt, but not
in the log. No later run would write that line, so the log would differ from
that of an uninterrupted run.
"""

import contextlib
import signal
import threading
import types
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedElsewhere(KeyboardInterrupt):  # noqa: N818 - as its base
  """Another worker of the cluster got a signal, and all stop together."""


@contextlib.contextmanager
def deferred() -> Iterator[list[int]]:
  """Within it a signal is only noted; it is raised at the end.

  A second signal is raised at once, because the user does not want to wait.

  Yields:
    The numbers of the signals that came, a list that grows.
  """
  received: list[int] = []
  if threading.current_thread() is not threading.main_thread():
    yield received  # Python handles signals only in the main thread.
    return

  def note(number: int, frame: types.FrameType | None) -> None:
    del frame
    received.append(number)
    if len(received) > 1:
      restore()
      signal.raise_signal(number)

  # None stands for a handler that Python did not set, and cannot set again.
  previous = {
    number: signal.signal(number, note)
    for number in _SIGNALS
    if signal.getsignal(number) is not None
  }

  def restore() -> None:
    for number, handler in previous.items():
      signal.signal(number, handler)

  try:
    yield received
  finally:
    restore()
  if received:
    signal.raise_signal(received[0])
