"""Signals that wait for a moment when nothing is half done.

An interrupt between a step and its line in `metrics.jsonl` would leave a step
that the variables, and the checkpoint saved at the interrupt, have and the log
has not. No later run would write that line, so the story of the run would not
be that of an unbroken one.
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
  """Within it a signal is only noted, and raised at the end.

  A second signal is raised at once: the user does not want to wait.

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

  # None is a handler that was not set by Python, and cannot be set again.
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
