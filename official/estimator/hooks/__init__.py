"""Hooks: what happens around the training loop."""

from official.estimator.hooks.base import (
  EstimatorCall,
  Hook,
  HookedEstimator,
  Timer,
)
from official.estimator.hooks.early_stopping import (
  EarlyStoppingHook,
  make_early_stopping_hook,
  stop_if_higher_hook,
  stop_if_lower_hook,
  stop_if_no_decrease_hook,
  stop_if_no_increase_hook,
)
from official.estimator.hooks.guards import (
  NanLossDuringTrainingError,
  NanTensorHook,
  StopAtStepHook,
)
from official.estimator.hooks.logging_hooks import (
  ExamplesPerSecondHook,
  LoggingTensorHook,
  StepCounterHook,
)
from official.estimator.hooks.pacing import PaceHook
from official.estimator.hooks.profiler import ProfilerHook
from official.estimator.hooks.saving import (
  CheckpointSaverHook,
  CheckpointSaverListener,
  MetricsLogHook,
  SummarySaverHook,
)

# The name that the migration guide gave it first, and that programs may use.
Run = EstimatorCall

__all__ = [
  'CheckpointSaverHook',
  'CheckpointSaverListener',
  'EarlyStoppingHook',
  'EstimatorCall',
  'ExamplesPerSecondHook',
  'Hook',
  'HookedEstimator',
  'LoggingTensorHook',
  'MetricsLogHook',
  'NanLossDuringTrainingError',
  'NanTensorHook',
  'PaceHook',
  'ProfilerHook',
  'Run',
  'StepCounterHook',
  'StopAtStepHook',
  'SummarySaverHook',
  'Timer',
  'make_early_stopping_hook',
  'stop_if_higher_hook',
  'stop_if_lower_hook',
  'stop_if_no_decrease_hook',
  'stop_if_no_increase_hook',
]
