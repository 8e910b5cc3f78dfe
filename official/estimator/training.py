"""`train_and_evaluate`: training with an evaluation after checkpoints."""

import dataclasses
import logging
import os
import time
from collections.abc import Callable, Iterable
from typing import Any

from official.estimator import hooks as hooks_lib
from official.estimator.estimator import Estimator
from official.estimator.exporters import Exporter

logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class TrainSpec:
  """What to train on, and how long.

  Attributes:
    input_fn: see `Estimator.train`.
    max_steps: the global step to stop at; None for the end of the input.
    hooks: run around the loop.
    saving_listeners: told of every checkpoint.

  Raises:
    TypeError: `input_fn` is not callable.
    ValueError: `max_steps` is not positive.
  """

  input_fn: Callable[..., Any]
  max_steps: int | None = None
  hooks: Iterable[hooks_lib.Hook] = ()
  saving_listeners: Iterable[hooks_lib.CheckpointSaverListener] = ()

  def __post_init__(self):
    """Checks the fields."""
    if not callable(self.input_fn):
      raise TypeError(f'input_fn must be callable, given: {self.input_fn!r}')
    if self.max_steps is not None and self.max_steps <= 0:
      raise ValueError(f'Must specify max_steps > 0, given: {self.max_steps}')


@dataclasses.dataclass(frozen=True)
class EvalSpec:
  """What to evaluate on, how often, and what to export.

  Attributes:
    input_fn: see `Estimator.evaluate`.
    steps: batches of an evaluation; None for all the data.
    name: keeps several evaluations apart.
    hooks: run around the loop.
    exporters: one `Exporter` or several.
    start_delay_secs: a separate evaluator waits so long before it starts.
    throttle_secs: at least so long from the start of one evaluation to the
      next.

  Raises:
    TypeError: `input_fn`, `name` or an exporter has the wrong type.
    ValueError: a number is out of range, or two exporters share a name.
  """

  input_fn: Callable[..., Any]
  steps: int | None = None
  name: str | None = None
  hooks: Iterable[hooks_lib.Hook] = ()
  exporters: Exporter | Iterable[Exporter] | None = None
  start_delay_secs: float = 120
  throttle_secs: float = 600

  def __post_init__(self):
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
    exporters = self.exporters or ()
    if isinstance(exporters, Exporter):
      exporters = (exporters,)
    exporters = tuple(exporters)
    names = [getattr(exporter, 'name', None) for exporter in exporters]
    if not all(isinstance(exporter, Exporter) for exporter in exporters):
      raise TypeError(f'exporters must be Exporter, given: {exporters!r}')
    if len(set(names)) < len(names):
      raise ValueError(f'`exporters` must have unique names, given: {names}')
    object.__setattr__(self, 'exporters', exporters)


def train_and_evaluate(
  estimator: Estimator, train_spec: TrainSpec, eval_spec: EvalSpec
) -> tuple[dict[str, Any] | None, list[str | None]]:
  """Trains, and evaluates and exports after checkpoints.

  In one process evaluation follows a checkpoint, no oftener than every
  `throttle_secs`, and once more at the end. So it does in a cluster whose
  workers save by steps; they evaluate together, and the chief exports. Where
  they save by seconds they evaluate at the end alone. A task `evaluator`
  instead evaluates every new checkpoint until one has reached `max_steps`.

  Returns:
    The last evaluation's metrics and the exports made of it.

  Raises:
    TypeError: a spec has the wrong type.
    ValueError: `task_type` is `ps`, or `evaluator` without `max_steps`.
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
  """Evaluates and exports the newest checkpoint, each one once."""

  def __init__(
    self, estimator: Estimator, spec: EvalSpec, max_steps: int | None
  ):
    self.name = spec.name
    self._estimator = estimator
    self._spec = spec
    self._max_steps = max_steps
    self._evaluated: str | None = None
    self.metrics: dict[str, Any] | None = None
    self.exports: list[str | None] = []

  def run(self) -> bool:
    """Returns whether there was a checkpoint to evaluate."""
    checkpoint = self._estimator.agreed_checkpoint()
    if checkpoint in (None, self._evaluated):
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
    self.exports = [
      exporter.export(
        self._estimator,
        os.path.join(self._estimator.model_dir, 'export', exporter.name),
        checkpoint,
        self.metrics,
        final,
      )
      for exporter in spec.exporters
    ]
    return True


class _EvaluationListener(hooks_lib.CheckpointSaverListener):
  """Evaluates after checkpoints, but the one training starts from."""

  def __init__(self, evaluation: _Evaluation, throttle_secs: float):
    self._evaluation = evaluation
    self._throttle_secs = throttle_secs
    self._last_start = time.monotonic()

  def begin(self, run: hooks_lib.Run) -> None:
    """See `CheckpointSaverListener`. A restart does not begin to wait anew."""
    made = run.estimator.metrics_log.read('eval', self._evaluation.name)
    if made:
      self._last_start -= max(time.time() - made[-1]['time'], 0)

  def after_save(self, run: hooks_lib.Run, step: int) -> None:
    """See `CheckpointSaverListener`."""
    if step == run.first_step:
      return
    now = time.monotonic()
    is_due = now - self._last_start >= self._throttle_secs
    if run.estimator.agreement.from_chief(is_due):
      self._last_start = now
      self._evaluation.run()


def _evaluate_new_checkpoints(
  evaluation: _Evaluation, train_spec: TrainSpec, eval_spec: EvalSpec
) -> tuple[dict[str, Any] | None, list[str | None]]:
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
    waited = time.monotonic() - start
    time.sleep(max(eval_spec.throttle_secs - waited, 1))
