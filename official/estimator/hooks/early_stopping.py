"""Hooks that end training because of the evaluations made so far.

They read the evaluations from `metrics.jsonl` of the model directory, so they
also know those of earlier processes. Patience is counted in training steps, as
in tf.estimator.
"""

import logging
import operator
from collections.abc import Callable
from typing import TypedDict, Unpack

from official.estimator.hooks.base import (
  EstimatorCall,
  Hook,
  HookedEstimator,
  Timer,
)

logger = logging.getLogger(__name__)

_Compare = Callable[[float, float], bool]
_History = list[tuple[int, float]]  # steps and values of evaluations, in order


class _When(TypedDict, total=False):
  """Which evaluations count, and how often they are read."""

  eval_name: str | None
  min_steps: int
  run_every_secs: float | None
  run_every_steps: int | None


class EarlyStoppingHook(Hook):
  """Ends training when `should_stop_fn()` is true.

  Args:
    should_stop_fn: Function that is called after the first loop and then at
      every interval; True ends training.
    run_every_secs: The interval in seconds.
    run_every_steps: The interval in steps, in place of `run_every_secs`.

  Raises:
    ValueError: Not exactly one interval is given, or it is not positive.
  """

  def __init__(
    self,
    should_stop_fn: Callable[[], bool],
    run_every_secs: float | None = None,
    run_every_steps: int | None = None,
  ):
    self._should_stop = should_stop_fn
    self._timer = Timer(run_every_steps, run_every_secs)

  def after_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    if self._timer.is_due(run.global_step):
      self._timer.mark(run.global_step)
      if self._should_stop():
        run.request_stop()


def make_early_stopping_hook(
  estimator: object,
  should_stop_fn: Callable[[], bool],
  run_every_secs: float | None = 60,
  run_every_steps: int | None = None,
) -> EarlyStoppingHook:
  """A hook that ends training when `should_stop_fn()` is true.

  Args:
    estimator: Not used; the argument is tf.estimator's.
    should_stop_fn: See `EarlyStoppingHook`.
    run_every_secs: See `EarlyStoppingHook`.
    run_every_steps: See `EarlyStoppingHook`.

  Raises:
    TypeError: `should_stop_fn` is not callable.
    ValueError: Not exactly one interval is given.
  """
  del estimator
  if not callable(should_stop_fn):
    raise TypeError(f'should_stop_fn must be callable, given: {should_stop_fn}')
  return EarlyStoppingHook(should_stop_fn, run_every_secs, run_every_steps)


def stop_if_higher_hook(
  estimator: HookedEstimator,
  metric_name: str,
  threshold: float,
  **kwargs: Unpack[_When],
) -> EarlyStoppingHook:
  """Ends training once the metric of an evaluation is above `threshold`.

  Args:
    estimator: The Estimator whose evaluations count.
    metric_name: A key of what `evaluate` returns.
    threshold: The value that the metric must not exceed.
    **kwargs: See `stop_if_no_increase_hook`.
  """
  return _threshold_hook(
    operator.gt, estimator, metric_name, threshold, **kwargs
  )


def stop_if_lower_hook(
  estimator: HookedEstimator,
  metric_name: str,
  threshold: float,
  **kwargs: Unpack[_When],
) -> EarlyStoppingHook:
  """As `stop_if_higher_hook`, below `threshold`."""
  return _threshold_hook(
    operator.lt, estimator, metric_name, threshold, **kwargs
  )


def stop_if_no_increase_hook(
  estimator: HookedEstimator,
  metric_name: str,
  max_steps_without_increase: int,
  **kwargs: Unpack[_When],
) -> EarlyStoppingHook:
  """Ends training when the metric has not risen for a number of steps.

  Args:
    estimator: The Estimator whose evaluations count.
    metric_name: A key of what `evaluate` returns.
    max_steps_without_increase: Number of training steps since the best
      evaluation.
    **kwargs: `eval_name`, the `name` given to `evaluate`; `min_steps`, the step
      of the first evaluation that counts; `run_every_secs` (60 by default) or
      `run_every_steps`, the interval at which evaluations are read.

  Raises:
    ValueError: An evaluation lacks the metric; the hook raises it in training.
  """
  return _patience_hook(
    operator.gt, estimator, metric_name, max_steps_without_increase, **kwargs
  )


def stop_if_no_decrease_hook(
  estimator: HookedEstimator,
  metric_name: str,
  max_steps_without_decrease: int,
  **kwargs: Unpack[_When],
) -> EarlyStoppingHook:
  """As `stop_if_no_increase_hook`, for a metric that should fall."""
  return _patience_hook(
    operator.lt, estimator, metric_name, max_steps_without_decrease, **kwargs
  )


def _threshold_hook(
  is_past: _Compare,
  estimator: HookedEstimator,
  metric_name: str,
  threshold: float,
  **kwargs: Unpack[_When],
) -> EarlyStoppingHook:
  def should_stop(history: _History) -> bool:
    for step, value in history:
      if is_past(value, threshold):
        logger.info(
          'Early stopping: %s = %g at step %d.', metric_name, value, step
        )
        return True
    return False

  return _hook_on_history(should_stop, estimator, metric_name, **kwargs)


def _patience_hook(
  is_better: _Compare,
  estimator: HookedEstimator,
  metric_name: str,
  patience: int,
  **kwargs: Unpack[_When],
) -> EarlyStoppingHook:
  def should_stop(history: _History) -> bool:
    if not history:
      return False
    best_step, best = history[0]
    for step, value in history[1:]:
      if is_better(value, best):
        best_step, best = step, value
    waited = history[-1][0] - best_step
    if waited < patience:
      return False
    logger.info(
      'Early stopping: %s has been best, %g, at step %d and not since.',
      metric_name,
      best,
      best_step,
    )
    return True

  return _hook_on_history(should_stop, estimator, metric_name, **kwargs)


def _hook_on_history(
  should_stop: Callable[[_History], bool],
  estimator: HookedEstimator,
  metric_name: str,
  eval_name: str | None = None,
  min_steps: int = 0,
  run_every_secs: float | None = None,
  run_every_steps: int | None = None,
) -> EarlyStoppingHook:
  if run_every_secs is None and run_every_steps is None:
    run_every_secs = 60

  def should_stop_fn() -> bool:
    records = estimator.metrics_log.read('eval', eval_name)
    for record in records:
      if metric_name not in record:
        metrics = sorted(record.keys() - {'kind', 'name', 'step', 'time'})
        raise ValueError(
          f'Early stopping watches {metric_name!r}, which the evaluation does '
          f'not have; it has {metrics}.'
        )
    history = [(r['step'], r[metric_name]) for r in records]
    return should_stop([(s, v) for s, v in history if s >= min_steps])

  return make_early_stopping_hook(
    estimator, should_stop_fn, run_every_secs, run_every_steps
  )
