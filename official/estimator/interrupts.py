"""Signals that wait for a moment when nothing is half done."""

import contextlib
import signal
import threading
from collections.abc import Iterator

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StoppedElsewhere(KeyboardInterrupt):  # noqa: N818 - as its base
  """A signal came to another worker of the cluster: all stop together."""


@contextlib.contextmanager
def deferred() -> Iterator[list[int]]:
  """A signal that comes within it is raised at its end; a second one at once.

  Else an interrupt can strike after a step has changed the variables and before
  what it measured is written.

  Yields:
    The signals that came, a list that grows.
  """
  came: list[int] = []
  if threading.current_thread() is not threading.main_thread():
    yield came  # Signals come to the main thread alone.
    return

  def note(number, frame):
    del frame
    came.append(number)
    if len(came) > 1:
      restore()
      signal.raise_signal(number)

  # None is a handler that was not set by Python, and cannot be set again.
  before = {
    number: signal.signal(number, note)
    for number in _SIGNALS
    if signal.getsignal(number) is not None
  }

  def restore():
    for number, handler in before.items():
      signal.signal(number, handler)

  try:
    yield came
  finally:
    restore()
  if came:
    signal.raise_signal(came[0])
