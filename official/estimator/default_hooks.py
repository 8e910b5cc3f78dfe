"""The hooks that every training has, and their order."""

from typing import Any

from official.estimator import hooks as hooks_lib
from official.estimator.spec import EstimatorSpec


def training_hooks(
  estimator: Any,
  spec: EstimatorSpec,
  hooks: list[hooks_lib.Hook],
  listeners: list[hooks_lib.CheckpointSaverListener],
) -> list[hooks_lib.Hook]:
  """The caller's, the guard, logs, the model_fn's, summaries, checkpoints.

  The guard against a loss that is no number, unless the caller brings one,
  stands before the checkpoints, so what such a step made of the weights is not
  saved.

  Raises:
    ValueError: there are listeners but nothing that saves.
  """
  config = estimator.config
  every = config.log_step_count_steps
  result = [*hooks]
  if not any(isinstance(hook, hooks_lib.NanTensorHook) for hook in hooks):
    result.append(hooks_lib.NanTensorHook())
  if every:
    result.append(hooks_lib.LoggingTensorHook(['loss'], every))
  result += spec.training_hooks
  if config.is_chief:
    sink = estimator.event_writer()
    if every:
      result.append(hooks_lib.StepCounterHook(every, sink=sink))
    if config.save_summary_steps:
      result.append(hooks_lib.SummarySaverHook(sink, config.save_summary_steps))
  given = [h for h in result if isinstance(h, hooks_lib.CheckpointSaverHook)]
  interval = {
    'save_secs': config.save_checkpoints_secs or None,
    'save_steps': config.save_checkpoints_steps or None,
  }
  if any(interval.values()) and not given:
    # Every worker has it: reading the variables takes all of them.
    result.append(
      hooks_lib.CheckpointSaverHook(**interval, listeners=listeners)
    )
  elif listeners:
    raise ValueError(
      'There should be a CheckpointSaverHook to use saving_listeners: '
      'checkpoints are turned off, or a hook of your own makes them.'
    )
  if config.is_chief:
    result += spec.training_chief_hooks
  return result
