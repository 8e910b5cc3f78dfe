"""`train_and_evaluate`: training, with an evaluation after checkpoints."""

import dataclasses
import logging
import os
import time
from collections.abc import Iterable
from typing import Any

from official.estimator.annotations import InputFn
from official.estimator.estimator import Estimator
from official.estimator.exporters import Exporter
from official.estimator.hooks.base import EstimatorCall, Hook
from official.estimator.hooks.saving import CheckpointSaverListener

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TrainSpec:
  """The data to train on, and when to stop.

  Attributes:
    input_fn: See `Estimator.train`.
    max_steps: The global step to stop at; None for the end of the input.
    hooks: Hooks around the loop.
    saving_listeners: Listeners that are called at every checkpoint.

  Raises:
    TypeError: `input_fn` is not callable.
    ValueError: `max_steps` is not positive.
  """

  input_fn: InputFn
  max_steps: int | None = None
  hooks: Iterable[Hook] = ()
  saving_listeners: Iterable[CheckpointSaverListener] = ()

  def __post_init__(self) -> None:
    """Checks the fields."""
    if not callable(self.input_fn):
      raise TypeError(f'input_fn must be callable, given: {self.input_fn!r}')
    if self.max_steps is not None and self.max_steps <= 0:
      raise ValueError(f'Must specify max_steps > 0, given: {self.max_steps}')


@dataclasses.dataclass(frozen=True)
class EvalSpec:
  """The data to evaluate on, how often, and what to export.

  Attributes:
    input_fn: See `Estimator.evaluate`.
    steps: Number of batches at most; None for all of the data.
    name: The name of the evaluation, if there are several.
    hooks: Hooks around the loop.
    exporters: One `Exporter` or several.
    start_delay_secs: Seconds that a separate evaluator waits at first.
    throttle_secs: Seconds at least from the start of one evaluation to the
      start of the next.

  Raises:
    TypeError: `input_fn`, `name` or an exporter has the wrong type.
    ValueError: A number is out of range, or two exporters share a name.
  """

  input_fn: InputFn
  steps: int | None = None
  name: str | None = None
  hooks: Iterable[Hook] = ()
  exporters: Exporter | Iterable[Exporter] | None = None
  start_delay_secs: float = 120
  throttle_secs: float = 600

  def __post_init__(self) -> None:
    """Checks the fields and makes `exporters` a tuple."""
    if not callable(self.input_fn):
      raise TypeError(f'input_fn must be callable, given: {self.input_fn!r}')
    if self.steps is not None and self.steps <= 0:
      raise ValueError(f'Must specify steps > 0, given: {self.steps}')
    if self.name is not None and not isinstance(self.name, str):
      raise TypeError(f'name must be a string, given: {self.name!r}')
    for field in ('start_delay_secs', 'throttle_secs'):
      if getattr(self, field) < 0:
        raise ValueError(
          f'Must specify {field} >= 0, given: {getattr(self, field)}'
        )
    exporters = _tuple_of(self.exporters)
    names = [getattr(exporter, 'name', None) for exporter in exporters]
    if not all(isinstance(exporter, Exporter) for exporter in exporters):
      raise TypeError(f'exporters must be Exporter, given: {exporters!r}')
    if len(set(names)) < len(names):
      raise ValueError(f'`exporters` must have unique names, given: {names}')
    object.__setattr__(self, 'exporters', exporters)


def _tuple_of(
  exporters: Exporter | Iterable[Exporter] | None,
) -> tuple[Exporter, ...]:
  if isinstance(exporters, Exporter):
    return (exporters,)
  return tuple(exporters or ())


def train_and_evaluate(
  estimator: Estimator, train_spec: TrainSpec, eval_spec: EvalSpec
) -> tuple[dict[str, Any] | None, list[str | None]]:
  """Trains, and evaluates and exports after checkpoints.

  One process evaluates after a checkpoint, at most once in `throttle_secs`, and
  again at the end. So do the workers of a cluster that save by steps: they
  evaluate together, and the chief exports. Workers that save by seconds only
  evaluate at the end, because their clocks would not agree on a step. A task
  `evaluator` trains nothing, and evaluates every new checkpoint until one has
  reached `max_steps`.

  Args:
    estimator: The Estimator to train and to evaluate.
    train_spec: The data to train on, and when to stop.
    eval_spec: The data to evaluate on, how often, and what to export.

  Returns:
    The metrics of the last evaluation and the exports made after it; None and
    no export if there was no checkpoint.

  Raises:
    TypeError: A spec has the wrong type.
    ValueError: `task_type` is `ps`, or `evaluator` without `max_steps`; also
      see `Estimator.train` and `Estimator.evaluate`.
  """
  if not isinstance(train_spec, TrainSpec):
    raise TypeError(f'train_spec must be TrainSpec, given: {train_spec!r}')
  if not isinstance(eval_spec, EvalSpec):
    raise TypeError(f'eval_spec must be EvalSpec, given: {eval_spec!r}')
  config = estimator.config
  if config.task_type == 'ps':
    raise ValueError('Parameter servers are not supported.')
  evaluation = _Evaluation(estimator, eval_spec, train_spec.max_steps)
  if config.task_type == 'evaluator':
    return _evaluate_new_checkpoints(evaluation, train_spec, eval_spec)
  listeners = [*train_spec.saving_listeners]
  if config.save_checkpoints_steps or not estimator.agreement.is_shared:
    listeners.append(_EvaluationListener(evaluation, eval_spec.throttle_secs))
  estimator.train(
    train_spec.input_fn,
    hooks=train_spec.hooks,
    max_steps=train_spec.max_steps,
    saving_listeners=listeners,
  )
  evaluation.run()
  return evaluation.metrics, evaluation.exports


class _Evaluation:
  """Evaluates and exports the newest checkpoint, and no checkpoint twice.

  Args:
    estimator: The Estimator to evaluate.
    spec: The `EvalSpec` of the evaluation.
    max_steps: The global step at which an export is the final one.

  Attributes:
    name: The name of the evaluation.
    metrics: The result of the last evaluation; None before the first.
    exports: The exports made after it; None for an exporter that skipped it.
  """

  def __init__(
    self, estimator: Estimator, spec: EvalSpec, max_steps: int | None
  ):
    self.name = spec.name
    self._estimator = estimator
    self._spec = spec
    self._max_steps = max_steps
    self._exporters = _tuple_of(spec.exporters)
    self._evaluated: str | None = None
    self.metrics: dict[str, Any] | None = None
    self.exports: list[str | None] = []

  def run(self) -> bool:
    """Evaluates; returns whether there was a checkpoint to evaluate."""
    checkpoint = self._estimator.agreed_checkpoint()
    if checkpoint is None or checkpoint == self._evaluated:
      return False
    spec = self._spec
    self.metrics = self._estimator.evaluate(
      spec.input_fn,
      steps=spec.steps,
      hooks=spec.hooks,
      checkpoint_path=checkpoint,
      name=spec.name,
    )
    self._evaluated = checkpoint
    step = self.metrics['global_step']
    final = self._max_steps is not None and step >= self._max_steps
    if not self._estimator.config.reports:
      return True
    folder = os.path.join(self._estimator.model_dir, 'export')
    self.exports = [
      exporter.export(
        self._estimator,
        os.path.join(folder, exporter.name),
        checkpoint,
        self.metrics,
        final,
      )
      for exporter in self._exporters
    ]
    return True


class _EvaluationListener(CheckpointSaverListener):
  """Evaluates after checkpoints, except the one that training starts from."""

  def __init__(self, evaluation: _Evaluation, throttle_secs: float):
    self._evaluation = evaluation
    self._throttle_secs = throttle_secs
    self._last_start = time.monotonic()

  def begin(self, run: EstimatorCall) -> None:
    """Reads when the last evaluation was, so that a restart waits no longer."""
    records = run.estimator.metrics_log.read('eval', self._evaluation.name)
    if records:
      self._last_start -= max(time.time() - records[-1]['time'], 0)

  def after_save(self, run: EstimatorCall, step: int) -> None:
    """See `CheckpointSaverListener`."""
    if step == run.first_step:
      return
    # Clocks differ, but all workers must evaluate or none, so the chief's clock
    # decides.
    now = time.monotonic()
    is_due = now - self._last_start >= self._throttle_secs
    if run.estimator.agreement.from_chief(is_due):
      self._last_start = now
      self._evaluation.run()


def _evaluate_new_checkpoints(
  evaluation: _Evaluation, train_spec: TrainSpec, eval_spec: EvalSpec
) -> tuple[dict[str, Any] | None, list[str | None]]:
  """Evaluates the checkpoints of another process, up to the last step."""
  if train_spec.max_steps is None:
    raise ValueError(
      'An evaluator needs TrainSpec.max_steps: without it, it would not know '
      'when to stop.'
    )
  time.sleep(eval_spec.start_delay_secs)
  while True:
    start = time.monotonic()
    evaluation.run()
    metrics = evaluation.metrics
    if metrics and metrics['global_step'] >= train_spec.max_steps:
      return metrics, evaluation.exports
    elapsed = time.monotonic() - start
    time.sleep(max(eval_spec.throttle_secs - elapsed, 1))
