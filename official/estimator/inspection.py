"""The readable state of an Estimator: settings, folder, variables, graphs."""

import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from official.estimator import checkpoints
from official.estimator.agreement import Agreement
from official.estimator.metrics_log import MetricsLog
from official.estimator.model_function import ModelFunction
from official.estimator.program_set import ProgramSet
from official.estimator.run_config import RunConfig
from official.estimator.run_state import RunState
from official.estimator.spec import EstimatorSpec
from official.estimator.summary import EventWriter
from official.estimator.warm_start import WarmStartSettings


class InspectedEstimator:
  """The part of an `Estimator` that runs nothing.

  Args:
    model_function: The model_fn with its params and config.
    config: The settings, with `model_dir` filled in.
    model_dir: The folder of the run.
    warm_start: Initial values where the folder has no checkpoint.
  """

  def __init__(
    self,
    model_function: ModelFunction,
    config: RunConfig,
    model_dir: str,
    warm_start: WarmStartSettings | None,
  ):
    self._model_function = model_function
    self._config = config
    self._model_dir = model_dir
    self._state = RunState(config, model_dir, warm_start)
    self._store = self._state.store
    self._programs = ProgramSet(model_function, self._store, config)
    self._writers: dict[str, EventWriter] = {}

  @property
  def model_dir(self) -> str:
    """The folder of all that belongs to the run."""
    return self._model_dir

  @property
  def config(self) -> RunConfig:
    """The settings, with `model_dir` filled in."""
    return self._config

  @property
  def params(self) -> Any:
    """A copy of the hyper-parameters."""
    return self._model_function.params

  @property
  def model_fn(self) -> Callable[..., EstimatorSpec]:
    """The model_fn with `params` bound: `(features, labels, mode, config)`."""
    return self._model_function

  @property
  def agreement(self) -> Agreement:
    """Decisions together with the other workers of the cluster."""
    return self._state.agreement

  @property
  def metrics_log(self) -> MetricsLog:
    """The `metrics.jsonl` of the run."""
    return self._state.metrics_log

  @property
  def trace_counts(self) -> dict[str, int]:
    """The number of traces of each mode."""
    return self._programs.trace_counts()

  @property
  def trainable_parameters(self) -> int:
    """The number of trained numbers, over all variables; 0 before a trace."""
    return sum(
      v.shape.num_elements()
      for v in self._store.variables.values()
      if v.trainable
    )

  @property
  def variables(self) -> dict[str, tf.Variable]:
    """The variables by name, as they are now; none before the first trace."""
    return dict(self._store.variables)

  def graph(self, mode: str) -> tf.Graph | None:
    """The graph of the model_fn in a mode; None before it was traced."""
    return self._programs.graph(mode)

  def eval_dir(self, name: str | None = None) -> str:
    """The folder of the events of the evaluation with that name."""
    return os.path.join(self.model_dir, f'eval_{name}' if name else 'eval')

  def latest_checkpoint(self) -> str | None:
    """The prefix of the newest whole checkpoint; None if there is none."""
    return self._state.latest()

  def agreed_checkpoint(self) -> str | None:
    """`latest_checkpoint` as the chief sees it; every worker must call it."""
    return self._state.agreed()

  def get_variable_names(self) -> list[str]:
    """The names in the newest checkpoint, sorted.

    Raises:
      ValueError: There is no checkpoint.
    """
    prefix = self._trained(self.latest_checkpoint())
    reader = checkpoints.read(prefix)
    return sorted(reader.get_variable_to_shape_map())

  def get_variable_value(self, name: str) -> Any:
    """The value of a variable in the newest checkpoint, as a NumPy array.

    Raises:
      ValueError: There is no checkpoint, or it does not have the name.
    """
    prefix = self._trained(self.latest_checkpoint())
    reader = checkpoints.read(prefix)
    if not reader.has_tensor(name):
      raise ValueError(f'There is no variable {name!r} in {prefix}.')
    return reader.get_tensor(name)

  def save_checkpoint(self) -> str | None:
    """Saves the variables; returns None where another process does it."""
    return self._state.save()

  def event_writer(self, directory: str | None = None) -> EventWriter:
    """The writer of the event file in a directory, `model_dir` by default."""
    directory = directory or self.model_dir
    return self._writers.setdefault(directory, EventWriter(directory))

  def _trained(self, checkpoint: str | None) -> str:
    if checkpoint is None:
      raise ValueError(
        f'Could not find trained model in model_dir: {self.model_dir}.'
      )
    return checkpoint
