"""The hook protocol: what may happen around a loop, and when."""

import inspect
import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf


class Run:
  """One call of train, evaluate or predict, as its hooks see it.

  Attributes:
    estimator: whose call it is.
    mode: one of `ModeKeys`.
    first_step: global step at its start.
    global_step: global step after the last loop.
    last_step: where training will stop; None if the input decides.
    steps_in_loop: how many steps the last loop ran.
    steps_per_loop: how many the next one runs, unless training ends before;
      a hook may set it, to no more than `RunConfig.steps_per_loop`.
    stop_requested: whether a hook asked to stop.
  """

  def __init__(
    self,
    estimator: Any,
    mode: str,
    first_step: int,
    last_step: int | None = None,
    steps_per_loop: int = 1,
  ):
    self.estimator = estimator
    self.mode = mode
    self.first_step = first_step
    self.global_step = first_step
    self.last_step = last_step
    self.steps_in_loop = 0
    self.steps_per_loop = steps_per_loop
    self.stop_requested = False
    self._names: list[str] = []
    self._rows: tf.Tensor | None = None
    self._values: np.ndarray | None = None

  def request_stop(self) -> None:
    """Ends the loop after the hooks of this turn."""
    self.stop_requested = True

  def advance(self, steps: int, names: list[str], rows: tf.Tensor) -> None:
    """Takes the results of a loop; only the Estimator calls it.

    Args:
      steps: how many steps ran.
      names: of the scalars.
      rows: float32 [steps, len(names)], still on the device.
    """
    self.global_step += steps
    self.steps_in_loop = steps
    self._names, self._rows, self._values = names, rows, None

  @property
  def values(self) -> Mapping[str, float]:
    """The scalars of the last step, `loss` among them."""
    return self.history()[-1] if self._rows is not None else {}

  def history(self) -> list[dict[str, float]]:
    """The scalars of every step of the last loop, in order.

    The first use after a loop waits for the device; unused, it costs nothing.
    """
    if self._rows is None:
      return []
    if self._values is None:
      self._values = self._rows.numpy()
    return [
      dict(zip(self._names, map(float, row), strict=True))
      for row in self._values
    ]


class Hook:
  """Does something around the loop; override any of these.

  Order: `begin`, then `before_run` and `after_run` for every loop, then `end`,
  or `abort` in its place if anything raised. A loop is one step unless
  `RunConfig.steps_per_loop` says otherwise; in evaluation and prediction it is
  one batch.
  """

  #: Names of tensors of the model_fn (`tf.identity(x, name=...)`) whose values
  #: the hook needs beside those recorded by `summary.scalar`.
  tensors: tuple[str, ...] = ()

  def begin(self, run: Run) -> None:
    """Before the first loop; variables exist and have their values."""

  def before_run(self, run: Run) -> None:
    """Before every loop."""

  def after_run(self, run: Run) -> None:
    """After every loop; `run.request_stop()` ends the run."""

  def end(self, run: Run) -> None:
    """After the last loop."""

  def abort(self, run: Run, error: BaseException) -> None:
    """Instead of `end`, when `error` ended the run."""


# Methods that get a `Run`, and names of what they got in tf.estimator.
_METHODS = ('begin', 'before_run', 'after_run', 'before_save', 'after_save')
_SESSIONS = {'session', 'sess', 'run_context', 'run_values'}
# Methods of tf.estimator's hooks that have no counterpart, and what has.
_NEVER_CALLED = {'after_create_session': 'begin(self, run)'}


def check_methods(hook: Any) -> None:
  """Checks that a hook or listener has no method that nothing calls.

  Raises:
    TypeError: it has one of tf.estimator's.
  """
  for method, instead in _NEVER_CALLED.items():
    if callable(getattr(hook, method, None)):
      raise TypeError(
        f'{type(hook).__name__}.{method} would never be called, as there is no '
        f'session. Use {instead}.'
      )
  for method in _METHODS:
    function = getattr(hook, method, None)
    names = inspect.signature(function).parameters if function else ()
    if not _SESSIONS.isdisjoint(names) or (function and not names):
      raise TypeError(
        f'{type(hook).__name__}.{method} has the arguments of tf.estimator '
        f'({", ".join(names)}). There is no session: the first argument is a '
        'Run, see official.estimator.Hook.'
      )


class EventSink(Protocol):
  """What hooks write scalars to, such as `summary.EventWriter`."""

  def write(self, values: Mapping[str, object], step: int) -> None:
    """Writes scalars at a step."""

  def flush(self) -> None:
    """Puts them on disk."""


class Timer:
  """Says when something is due: every so many steps, or seconds.

  Args:
    every_n_steps: steps between two times.
    every_n_secs: seconds between two times.

  Raises:
    ValueError: both or neither are given, or the one given is not positive.
  """

  def __init__(
    self, every_n_steps: int | None = None, every_n_secs: float | None = None
  ):
    if (every_n_steps is None) == (every_n_secs is None):
      raise ValueError(
        'exactly one of every_n_steps and every_n_secs must be given, '
        f'given: {every_n_steps} and {every_n_secs}'
      )
    interval = every_n_secs if every_n_steps is None else every_n_steps
    if interval <= 0:
      raise ValueError(f'the interval must be positive, given: {interval}')
    self._steps, self._secs = every_n_steps, every_n_secs
    self._last_step: int | None = None
    self._last_time = time.monotonic()

  def is_due(self, step: int) -> bool:
    """True at the first call and then after every interval."""
    if self._last_step is None:
      return True
    if step == self._last_step:
      return False
    if self._steps is not None:
      # A loop may step over a multiple; it is due once past it.
      return step // self._steps > self._last_step // self._steps
    return time.monotonic() - self._last_time >= self._secs

  def mark(self, step: int) -> tuple[int | None, float]:
    """Notes that it was done; returns steps and seconds since last time."""
    now = time.monotonic()
    steps = None if self._last_step is None else step - self._last_step
    seconds = now - self._last_time
    self._last_step, self._last_time = step, now
    return steps, seconds
