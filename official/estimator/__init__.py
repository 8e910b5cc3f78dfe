"""tf.estimator's contract on today's TensorFlow; see README.md beside this.

Each name is imported when it is first used (PEP 562). TensorFlow takes seconds
to import, and some modules of this package work without it: a program that
reads `metrics.jsonl` or lists checkpoints does not wait for it.
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

# Type checkers and editors cannot see what `__getattr__` returns, so they get
# imports, which never run. A test compares these imports with `_NAMES`.
# mypy: implicit-reexport
# ruff: noqa: F401, F403
if TYPE_CHECKING:
  from official.estimator.agreement import WorkerLostError
  from official.estimator.checkpoint_folder import (
    Checkpoints,
    CheckpointWriteError,
  )
  from official.estimator.checkpoints import (
    IncompatibleCheckpointError,
    remember,
    state_of,
    step_of,
  )
  from official.estimator.estimator import Estimator
  from official.estimator.export_output import (
    ClassificationOutput,
    ExportOutput,
    PredictOutput,
    RegressionOutput,
  )
  from official.estimator.exporters import (
    BestExporter,
    Exporter,
    FinalExporter,
    LatestExporter,
  )
  from official.estimator.hooks import *
  from official.estimator.numpy_inputs import numpy_input_fn
  from official.estimator.receivers import (
    ServingInputReceiver,
    TensorServingInputReceiver,
    build_parsing_serving_input_receiver_fn,
    build_raw_serving_input_receiver_fn,
    build_tensor_serving_input_receiver_fn,
  )
  from official.estimator.run_config import RunConfig
  from official.estimator.spec import EstimatorSpec, ModeKeys
  from official.estimator.training import (
    EvalSpec,
    TrainSpec,
    train_and_evaluate,
  )
  from official.estimator.warm_start import (
    IncompleteWarmStartError,
    WarmStartError,
    WarmStartSettings,
    find_checkpoint,
  )

# Module of this package -> the public names that it defines.
_NAMES: dict[str, tuple[str, ...]] = {
  'agreement': ('WorkerLostError',),
  'checkpoint_folder': ('CheckpointWriteError', 'Checkpoints'),
  'checkpoints': (
    'IncompatibleCheckpointError',
    'remember',
    'state_of',
    'step_of',
  ),
  'estimator': ('Estimator',),
  'export_output': (
    'ClassificationOutput',
    'ExportOutput',
    'PredictOutput',
    'RegressionOutput',
  ),
  'exporters': (
    'BestExporter',
    'Exporter',
    'FinalExporter',
    'LatestExporter',
  ),
  'hooks': (
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
  ),
  'numpy_inputs': ('numpy_input_fn',),
  'receivers': (
    'ServingInputReceiver',
    'TensorServingInputReceiver',
    'build_parsing_serving_input_receiver_fn',
    'build_raw_serving_input_receiver_fn',
    'build_tensor_serving_input_receiver_fn',
  ),
  'run_config': ('RunConfig',),
  'spec': ('EstimatorSpec', 'ModeKeys'),
  'training': ('EvalSpec', 'TrainSpec', 'train_and_evaluate'),
  'warm_start': (
    'IncompleteWarmStartError',
    'WarmStartError',
    'WarmStartSettings',
    'find_checkpoint',
  ),
}
_MODULE_OF = {
  name: module for module, names in _NAMES.items() for name in names
}

__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
  """Imports a public name, or a module of this package, when it is asked for.

  Raises:
    AttributeError: There is no such name.
  """
  if name in _MODULE_OF:
    module = importlib.import_module(f'{__name__}.{_MODULE_OF[name]}')
    value = getattr(module, name)
    globals()[name] = value  # The next use does not come here.
    return value
  module_name = f'{__name__}.{name}'
  if name.startswith('__') or importlib.util.find_spec(module_name) is None:
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
  return importlib.import_module(module_name)


def __dir__() -> list[str]:
  """The public names too, whether they have been imported or not."""
  return sorted({*globals(), *__all__})
