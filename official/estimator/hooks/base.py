"""The hook protocol: methods that are called around a loop."""

import inspect
import time
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from official.estimator.agreement import Agreement
from official.estimator.metrics_log import MetricsLog
from official.estimator.run_config import RunConfig
from official.estimator.summary import EventWriter


class EventSink(Protocol):
  """A sink to which hooks write scalars, such as `summary.EventWriter`."""

  def write(self, values: Mapping[str, object], step: int) -> None:
    """Writes values by name at a global step."""

  def flush(self) -> None:
    """Puts everything that was written on disk."""


class HookedEstimator(Protocol):
  """The attributes and methods of an Estimator that its hooks may use."""

  @property
  def model_dir(self) -> str:
    """The folder of the run."""

  @property
  def config(self) -> RunConfig:
    """The settings."""

  @property
  def params(self) -> dict[str, Any]:
    """The `params` of the model_fn."""

  @property
  def agreement(self) -> Agreement:
    """Decisions of all workers; every worker must ask for each of them."""

  @property
  def metrics_log(self) -> MetricsLog:
    """The `metrics.jsonl` of the run."""

  @property
  def variables(self) -> dict[str, tf.Variable]:
    """The variables by name, as they are now."""

  @property
  def trainable_parameters(self) -> int:
    """The number of trained numbers, over all trainable variables."""

  def graph(self, mode: str) -> tf.Graph | None:
    """The graph of the model_fn in a mode; None before it was traced."""

  def latest_checkpoint(self) -> str | None:
    """The prefix of the newest whole checkpoint."""

  def save_checkpoint(self) -> str | None:
    """Saves the present values of the variables; every worker must call it."""

  def event_writer(self, directory: str | None = None) -> EventWriter:
    """The writer of the event file in a folder; None for `model_dir`."""


class EstimatorCall:
  """One call of train, evaluate or predict, as its hooks see it.

  Hooks get it as their argument `run`.

  Args:
    estimator: The Estimator that was called.
    mode: One of `ModeKeys`.
    first_step: The global step at the start of the call.
    last_step: The global step at which training will stop; None if the input
      decides.
    steps_per_loop: Number of steps of the first loop.

  Attributes:
    estimator: As given.
    mode: As given.
    first_step: As given.
    global_step: The global step after the last loop.
    last_step: As given; a hook may set it.
    steps_in_loop: Number of steps of the last loop.
    steps_per_loop: Number of steps of the next loop, unless training ends
      before; a hook may set it, to at most `RunConfig.steps_per_loop`.
    stop_requested: Whether a hook asked to stop.
  """

  def __init__(
    self,
    estimator: HookedEstimator,
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
    # The scalars of the last loop stay on the device until a hook reads them.
    self._names: list[str] = []
    self._rows: tf.Tensor | None = None
    self._values: np.ndarray | None = None

  def request_stop(self) -> None:
    """Ends the loop after the hooks of this turn."""
    self.stop_requested = True

  def advance(self, steps: int, names: list[str], rows: tf.Tensor) -> None:
    """Takes in the results of a loop; only the Estimator calls it.

    Args:
      steps: Number of steps that ran.
      names: The names of the scalars.
      rows: The scalars, float32 [steps, len(names)], still on the device.
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

    The first use after a loop waits for the device; without a use, nothing
    waits.
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

  `begin` comes first, then `before_run` and `after_run` for every loop, then
  `end`, or `abort` in its place if anything raised. A loop is one step unless
  `RunConfig.steps_per_loop` says otherwise; in evaluation and prediction it is
  one batch.
  """

  #: Names of tensors of the model_fn (`tf.identity(x, name=...)`) whose values
  #: the hook needs, beside the scalars that `summary.scalar` records.
  tensors: tuple[str, ...] = ()

  def begin(self, run: EstimatorCall) -> None:
    """Called before the first loop; variables exist and have their values."""

  def before_run(self, run: EstimatorCall) -> None:
    """Called before every loop."""

  def after_run(self, run: EstimatorCall) -> None:
    """Called after every loop; may call `run.request_stop()`."""

  def end(self, run: EstimatorCall) -> None:
    """Called after the last loop."""

  def abort(self, run: EstimatorCall, error: BaseException) -> None:
    """Called in place of `end` if `error` ended the run."""


# Methods that get an `EstimatorCall`; tf.estimator gave them other arguments.
_METHODS = ('begin', 'before_run', 'after_run', 'before_save', 'after_save')
_SESSIONS = {'session', 'sess', 'run_context', 'run_values'}
# Methods of tf.estimator's hooks that are not called here, and their
# substitutes.
_NEVER_CALLED = {'after_create_session': 'begin(self, run)'}


def check_methods(hook: object) -> None:
  """Checks that a hook or listener is not one written for tf.estimator.

  Such a hook would fail at its first call, or never be called at all.

  Raises:
    TypeError: A method has tf.estimator's name or arguments.
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
        f'({", ".join(names)}). There is no session: the first argument is an '
        'EstimatorCall, see official.estimator.Hook.'
      )


class Timer:
  """Decides when something is due: at an interval of steps, or of seconds.

  Args:
    every_n_steps: The interval in steps.
    every_n_secs: The interval in seconds.

  Raises:
    ValueError: Both intervals or neither are given, or one is not positive.
  """

  def __init__(
    self, every_n_steps: int | None = None, every_n_secs: float | None = None
  ):
    if (every_n_steps is None) == (every_n_secs is None):
      raise ValueError(
        'exactly one of every_n_steps and every_n_secs must be given, '
        f'given: {every_n_steps} and {every_n_secs}'
      )
    steps, secs = every_n_steps, every_n_secs
    for interval in (steps, secs):
      if interval is not None and interval <= 0:
        raise ValueError(f'the interval must be positive, given: {interval}')
    self._steps, self._secs = steps, secs
    self._last_step: int | None = None
    self._last_time = time.monotonic()

  def is_due(self, step: int) -> bool:
    """Whether a step is due: at the first call, and then at every interval."""
    if self._last_step is None:
      return True
    if step == self._last_step:
      return False
    if self._steps is not None:
      # A loop may step over a multiple of the interval; the next step after it
      # is due then.
      return step // self._steps > self._last_step // self._steps
    return self._secs is not None and (
      time.monotonic() - self._last_time >= self._secs
    )

  def mark(self, step: int) -> tuple[int | None, float]:
    """Notes that the due action was done at a step.

    Returns:
      The steps (None the first time) and the seconds since the last time.
    """
    now = time.monotonic()
    steps = None if self._last_step is None else step - self._last_step
    seconds = now - self._last_time
    self._last_step, self._last_time = step, now
    return steps, seconds
