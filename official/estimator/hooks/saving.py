"""Hooks that put the run on disk: checkpoints, summaries, metrics."""

import logging
from collections.abc import Iterable

from official.estimator.hooks.base import EventSink, Hook, Run, Timer

logger = logging.getLogger(__name__)


class CheckpointSaverListener:
  """Told of every checkpoint; override any of these."""

  def begin(self, run: Run) -> None:
    """Before the first loop."""

  def before_save(self, run: Run, step: int) -> None:
    """Before a checkpoint is written."""

  def after_save(self, run: Run, step: int) -> bool | None:
    """After it is written; True ends the run."""

  def end(self, run: Run, step: int) -> None:
    """After the last checkpoint."""


class CheckpointSaverHook(Hook):
  """Saves at the start, every so many steps or seconds, and at the end.

  A run that an error ends is not saved, for the error may be in the weights;
  one that the user interrupts is.

  Args:
    save_steps: steps between checkpoints.
    save_secs: or seconds.
    listeners: told of every checkpoint.
  """

  def __init__(
    self,
    save_secs: float | None = None,
    save_steps: int | None = None,
    listeners: Iterable[CheckpointSaverListener] = (),
  ):
    self._timer = Timer(save_steps, save_secs)
    self._listeners = list(listeners)
    self._saved: int | None = None

  def begin(self, run: Run) -> None:
    """See `Hook`."""
    for listener in self._listeners:
      listener.begin(run)
    self._timer.mark(run.global_step)
    if run.estimator.latest_checkpoint() is None:
      self._save(run)
    self._saved = run.global_step

  def after_run(self, run: Run) -> None:
    """See `Hook`."""
    if self._timer.is_due(run.global_step):
      self._timer.mark(run.global_step)
      self._save(run)

  def end(self, run: Run) -> None:
    """See `Hook`."""
    if self._saved != run.global_step:
      self._save(run)
    for listener in self._listeners:
      listener.end(run, run.global_step)

  def abort(self, run: Run, error: BaseException) -> None:
    """See `Hook`."""
    if isinstance(error, KeyboardInterrupt) and self._saved != run.global_step:
      run.estimator.save_checkpoint()

  def _save(self, run: Run) -> None:
    step = run.global_step
    for listener in self._listeners:
      listener.before_save(run, step)
    logger.info('Saving checkpoint for step %d.', step)
    run.estimator.save_checkpoint()
    self._saved = step
    # Every listener is told, whatever another one answers.
    answers = [listener.after_save(run, step) for listener in self._listeners]
    if any(answers):
      run.request_stop()


class SummarySaverHook(Hook):
  """Writes the scalars of the step to an event file.

  Args:
    sink: where to write them.
    save_steps: steps between two times.
    save_secs: or seconds.
  """

  def __init__(
    self,
    sink: EventSink,
    save_steps: int | None = None,
    save_secs: float | None = None,
  ):
    self._sink = sink
    self._timer = Timer(save_steps, save_secs)

  def after_run(self, run: Run) -> None:
    """See `Hook`."""
    if self._timer.is_due(run.global_step):
      self._timer.mark(run.global_step)
      self._sink.write(run.values, run.global_step)

  def end(self, run: Run) -> None:
    """See `Hook`."""
    self._sink.flush()

  def abort(self, run: Run, error: BaseException) -> None:
    """See `Hook`."""
    self._sink.flush()


class MetricsLogHook(Hook):
  """Appends the scalars of steps to the run's `metrics.jsonl`.

  Args:
    every_n_steps: steps between two lines; 1 writes every step, also those
      inside a loop of many.
  """

  def __init__(self, every_n_steps: int = 1):
    if every_n_steps <= 0:
      raise ValueError(f'every_n_steps must be > 0, given: {every_n_steps}')
    self._every = every_n_steps

  def after_run(self, run: Run) -> None:
    """See `Hook`."""
    if not run.estimator.config.is_chief:
      return
    first = run.global_step - run.steps_in_loop + 1
    due = range(-(-first // self._every) * self._every, run.global_step + 1)
    for step in due[:: self._every]:
      values = run.history()[step - first]
      run.estimator.metrics_log.append(run.mode, step, values)
