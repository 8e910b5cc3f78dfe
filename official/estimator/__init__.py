"""tf.estimator's contract on today's TensorFlow; see README.md beside this."""

from official.estimator.agreement import WorkerLostError
from official.estimator.checkpoints import (
  Checkpoints,
  CheckpointWriteError,
  IncompatibleCheckpointError,
  remember,
  state_of,
  step_of,
)
from official.estimator.estimator import Estimator
from official.estimator.export import (
  ServingInputReceiver,
  TensorServingInputReceiver,
  build_parsing_serving_input_receiver_fn,
  build_raw_serving_input_receiver_fn,
  build_tensor_serving_input_receiver_fn,
)
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
from official.estimator.hooks import *  # noqa: F403
from official.estimator.hooks import __all__ as _hooks
from official.estimator.numpy_inputs import numpy_input_fn
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

__all__ = [
  'BestExporter',
  'CheckpointWriteError',
  'Checkpoints',
  'ClassificationOutput',
  'Estimator',
  'EstimatorSpec',
  'EvalSpec',
  'ExportOutput',
  'Exporter',
  'FinalExporter',
  'IncompatibleCheckpointError',
  'IncompleteWarmStartError',
  'LatestExporter',
  'ModeKeys',
  'PredictOutput',
  'RegressionOutput',
  'RunConfig',
  'ServingInputReceiver',
  'TensorServingInputReceiver',
  'TrainSpec',
  'WarmStartError',
  'WarmStartSettings',
  'WorkerLostError',
  'build_parsing_serving_input_receiver_fn',
  'build_raw_serving_input_receiver_fn',
  'build_tensor_serving_input_receiver_fn',
  'find_checkpoint',
  'numpy_input_fn',
  'remember',
  'state_of',
  'step_of',
  'train_and_evaluate',
  *_hooks,
]
