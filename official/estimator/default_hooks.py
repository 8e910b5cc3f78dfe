"""The hooks of every training, in their order."""

from collections.abc import Sequence

from official.estimator.hooks.base import Hook, HookedEstimator
from official.estimator.hooks.guards import NanTensorHook
from official.estimator.hooks.logging_hooks import (
  LoggingTensorHook,
  StepCounterHook,
)
from official.estimator.hooks.saving import (
  CheckpointSaverHook,
  CheckpointSaverListener,
  SummarySaverHook,
)
from official.estimator.run_config import RunConfig
from official.estimator.spec import EstimatorSpec


def training_hooks(
  estimator: HookedEstimator,
  spec: EstimatorSpec,
  hooks: Sequence[Hook],
  listeners: Sequence[CheckpointSaverListener],
) -> list[Hook]:
  """All hooks of a call of `train`.

  They are the caller's, the guard against NaN, logs, the model_fn's, summaries,
  checkpoints, and the model_fn's for the chief. The guard comes before the
  checkpoints, so that the weights after a step without a finite loss are not
  saved.

  Args:
    estimator: The Estimator that trains.
    spec: The spec that its model_fn returned.
    hooks: The caller's hooks; one of them may be the guard.
    listeners: Listeners that are called at every checkpoint.

  Raises:
    ValueError: There are listeners, but no hook saves checkpoints.
  """
  config = estimator.config
  log_interval = config.log_step_count_steps
  result = [*hooks]
  if not any(isinstance(hook, NanTensorHook) for hook in hooks):
    result.append(NanTensorHook())
  if log_interval:
    result.append(LoggingTensorHook(['loss'], log_interval))
  result += spec.training_hooks
  if config.is_chief:
    sink = estimator.event_writer()
    if log_interval:
      result.append(StepCounterHook(log_interval, sink=sink))
    if config.save_summary_steps:
      result.append(SummarySaverHook(sink, config.save_summary_steps))
  result += _saver_hooks(config, result, listeners)
  if config.is_chief:
    result += spec.training_chief_hooks
  return result


def _saver_hooks(
  config: RunConfig,
  hooks: Sequence[Hook],
  listeners: Sequence[CheckpointSaverListener],
) -> list[Hook]:
  """The hook that saves checkpoints, unless there is one or none is wanted."""
  save_secs = config.save_checkpoints_secs or None
  save_steps = config.save_checkpoints_steps or None
  has_one = any(isinstance(hook, CheckpointSaverHook) for hook in hooks)
  if (save_secs or save_steps) and not has_one:
    # Every worker has it, though only the chief writes: each must note what
    # its variables hold, and listeners evaluate, which all workers do together.
    return [CheckpointSaverHook(save_secs, save_steps, listeners)]
  if listeners:
    raise ValueError(
      'There should be a CheckpointSaverHook to use saving_listeners: '
      'checkpoints are turned off, or a hook of your own makes them.'
    )
  return []
