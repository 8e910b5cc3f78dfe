"""Hooks that log the progress of a run."""

import logging
from collections.abc import Callable, Iterable, Mapping

from official.estimator.hooks.base import EstimatorCall, EventSink, Hook, Timer

logger = logging.getLogger(__name__)

Formatter = Callable[[Mapping[str, float]], str]


class LoggingTensorHook(Hook):
  """Logs scalars at an interval of steps or of seconds.

  Args:
    tensors: Names of scalars that `summary.scalar` recorded, or of tensors of
      the model_fn; a dict maps the name in the log to one of these.
    every_n_iter: The interval in steps.
    every_n_secs: The interval in seconds, in place of `every_n_iter`.
    at_end: Whether to log once more at the end; then an interval is optional.
    formatter: Function from a dict of name to value to the line.

  Raises:
    ValueError: Both intervals are given, or neither, or one is not positive.
  """

  def __init__(
    self,
    tensors: Mapping[str, str] | Iterable[str],
    every_n_iter: int | None = None,
    every_n_secs: float | None = None,
    at_end: bool = False,
    formatter: Formatter | None = None,
  ):
    if not isinstance(tensors, Mapping):
      tensors = {name: name for name in tensors}
    only_at_end = at_end and every_n_iter is None and every_n_secs is None
    self.tensors = tuple(tensors.values())
    self._tags = dict(tensors)
    self._timer = None if only_at_end else Timer(every_n_iter, every_n_secs)
    self._at_end = at_end
    self._formatter = formatter or _default_format

  def after_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    if self._timer is not None and self._timer.is_due(run.global_step):
      self._log(run)

  def end(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    if self._at_end:
      self._log(run)

  def _log(self, run: EstimatorCall) -> None:
    values = run.values
    line = self._formatter({tag: values[n] for tag, n in self._tags.items()})
    seconds = ''
    if self._timer is not None:
      steps, elapsed = self._timer.mark(run.global_step)
      seconds = f' ({elapsed:.3f} sec)' if steps else ''
    logger.info('%s%s', line, seconds)


class StepCounterHook(Hook):
  """Logs and writes `global_step/sec`.

  Args:
    every_n_steps: Steps between two measurements.
    every_n_secs: Seconds between two measurements, in place of
      `every_n_steps`.
    sink: The sink that gets the rate; None for the log only.
  """

  def __init__(
    self,
    every_n_steps: int | None = 100,
    every_n_secs: float | None = None,
    sink: EventSink | None = None,
  ):
    self._timer = Timer(every_n_steps, every_n_secs)
    self._sink = sink

  def begin(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    self._timer.mark(run.global_step)

  def after_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    if not self._timer.is_due(run.global_step):
      return
    steps, seconds = self._timer.mark(run.global_step)
    rate = {'global_step/sec': (steps or 0) / max(seconds, 1e-9)}
    logger.info('global_step/sec: %g', rate['global_step/sec'])
    if self._sink is not None:
      self._sink.write(rate, run.global_step)


class ExamplesPerSecondHook(Hook):
  """Logs `average_examples_per_sec` and `current_examples_per_sec`.

  Args:
    batch_size: Number of examples in a step, over all replicas.
    every_n_steps: Steps between two measurements.
    every_n_secs: Seconds between two measurements, in place of
      `every_n_steps`.
    warm_steps: Number of steps at the start that the average leaves out.
    sink: The sink that gets the rates; None for the log only.

  Attributes:
    current_examples_per_sec_list: All current rates so far, in order.
  """

  def __init__(
    self,
    batch_size: int,
    every_n_steps: int | None = None,
    every_n_secs: float | None = None,
    warm_steps: int = 0,
    sink: EventSink | None = None,
  ):
    self._timer = Timer(every_n_steps, every_n_secs)
    self._batch_size = batch_size
    self._warm_steps = warm_steps
    self._sink = sink
    # Sums over all measurements after the warm steps.
    self._steps, self._seconds = 0, 0.0
    self.current_examples_per_sec_list: list[float] = []

  def begin(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    self._timer.mark(run.global_step)

  def after_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    step = run.global_step
    if step - run.first_step <= self._warm_steps:
      self._timer.mark(step)
      return
    if not self._timer.is_due(step):
      return
    marked, seconds = self._timer.mark(step)
    steps = marked or 0
    self._steps, self._seconds = self._steps + steps, self._seconds + seconds
    current = self._batch_size * steps / max(seconds, 1e-9)
    average = self._batch_size * self._steps / max(self._seconds, 1e-9)
    self.current_examples_per_sec_list.append(current)
    rates = {
      'average_examples_per_sec': average,
      'current_examples_per_sec': current,
    }
    logger.info(_default_format(rates))
    if self._sink is not None:
      self._sink.write(rates, step)


def _default_format(values: Mapping[str, float]) -> str:
  return ', '.join(f'{tag} = {value:.7g}' for tag, value in values.items())
