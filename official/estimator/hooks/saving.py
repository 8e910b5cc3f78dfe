"""Hooks that write a run to disk: checkpoints, summaries, metrics."""

import logging
from collections.abc import Iterable

from official.estimator.hooks.base import EstimatorCall, EventSink, Hook, Timer

logger = logging.getLogger(__name__)


class CheckpointSaverListener:
  """Acts when a checkpoint is saved; subclasses override any of the methods."""

  def begin(self, run: EstimatorCall) -> None:
    """Called before the first loop."""

  def before_save(self, run: EstimatorCall, step: int) -> None:
    """Called before a checkpoint is written."""

  def after_save(self, run: EstimatorCall, step: int) -> bool | None:
    """Called after a checkpoint is written; returning True ends the run."""

  def end(self, run: EstimatorCall, step: int) -> None:
    """Called after the last checkpoint."""


class CheckpointSaverHook(Hook):
  """Saves at the start, at every interval, and at the end.

  A run that ends with an error is not saved, because the error may be in the
  weights; a run that the user interrupts is saved.

  Args:
    save_secs: The interval in seconds.
    save_steps: The interval in steps, in place of `save_secs`.
    listeners: Listeners that are called at every checkpoint, in this order.

  Raises:
    ValueError: Not exactly one interval is given, or it is not positive.
  """

  def __init__(
    self,
    save_secs: float | None = None,
    save_steps: int | None = None,
    listeners: Iterable[CheckpointSaverListener] = (),
  ):
    self._timer = Timer(save_steps, save_secs)
    self._listeners = list(listeners)
    self._saved_step: int | None = None

  def begin(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    for listener in self._listeners:
      listener.begin(run)
    self._timer.mark(run.global_step)
    if run.estimator.latest_checkpoint() is None:
      self._save(run)
    self._saved_step = run.global_step

  def after_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    if self._timer.is_due(run.global_step):
      self._timer.mark(run.global_step)
      self._save(run)

  def end(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    if self._saved_step != run.global_step:
      self._save(run)
    for listener in self._listeners:
      listener.end(run, run.global_step)

  def abort(self, run: EstimatorCall, error: BaseException) -> None:
    """See `Hook`."""
    interrupted = isinstance(error, KeyboardInterrupt)
    if interrupted and self._saved_step != run.global_step:
      run.estimator.save_checkpoint()

  def _save(self, run: EstimatorCall) -> None:
    step = run.global_step
    for listener in self._listeners:
      listener.before_save(run, step)
    logger.info('Saving checkpoint for step %d.', step)
    run.estimator.save_checkpoint()
    self._saved_step = step
    # All listeners are called, even after one that asks to stop.
    answers = [listener.after_save(run, step) for listener in self._listeners]
    if any(answers):
      run.request_stop()


class SummarySaverHook(Hook):
  """Writes the scalars of the last step to an event file, at every interval.

  Args:
    sink: The sink that gets them.
    save_steps: The interval in steps.
    save_secs: The interval in seconds, in place of `save_steps`.

  Raises:
    ValueError: Not exactly one interval is given, or it is not positive.
  """

  def __init__(
    self,
    sink: EventSink,
    save_steps: int | None = None,
    save_secs: float | None = None,
  ):
    self._sink = sink
    self._timer = Timer(save_steps, save_secs)

  def after_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    if self._timer.is_due(run.global_step):
      self._timer.mark(run.global_step)
      self._sink.write(run.values, run.global_step)

  def end(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    self._sink.flush()

  def abort(self, run: EstimatorCall, error: BaseException) -> None:
    """See `Hook`."""
    self._sink.flush()


class MetricsLogHook(Hook):
  """Appends the scalars of steps to the run's `metrics.jsonl`.

  Args:
    every_n_steps: Steps between two lines; 1 writes every step, also inside a
      loop of many steps.

  Raises:
    ValueError: `every_n_steps` is not positive.
  """

  def __init__(self, every_n_steps: int = 1):
    if every_n_steps <= 0:
      raise ValueError(f'every_n_steps must be > 0, given: {every_n_steps}')
    self._every = every_n_steps

  def after_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    if not run.estimator.config.is_chief:
      return
    first = run.global_step - run.steps_in_loop + 1
    first_due = -(-first // self._every) * self._every
    for step in range(first_due, run.global_step + 1, self._every):
      values = run.history()[step - first]
      run.estimator.metrics_log.append(run.mode, step, values)
