"""`Estimator`: trains, evaluates, predicts with and exports a `model_fn`."""

import copy
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from official.estimator import (
  arguments,
  checkpoints,
  default_hooks,
  export,
  files,
  inputs,
  loops,
  metric_values,
  predictions,
  random_seeds,
)
from official.estimator import hooks as hooks_lib
from official.estimator import warm_start as warm_start_lib
from official.estimator.agreement import Agreement
from official.estimator.metrics_log import MetricsLog
from official.estimator.program_set import ProgramSet
from official.estimator.run_config import RunConfig
from official.estimator.run_state import RunState
from official.estimator.spec import EstimatorSpec, ModeKeys
from official.estimator.summary import EventWriter
from official.estimator.variables import GLOBAL_STEP

logger = logging.getLogger(__name__)

InputFn = Callable[..., Any]


class Estimator:
  """Runs a `model_fn(features, labels, mode, params, config)`.

  The model_fn is called once a mode, while a `tf.function` is traced, and
  returns an `EstimatorSpec`; the trace is kept for the life of the Estimator.
  All state is in `model_dir`: each call goes on from its newest checkpoint.

  Args:
    model_fn: a function of `features` and any of `labels`, `mode`, `params`
      and `config`.
    model_dir: where checkpoints, events and metrics go; None takes that of
      `config`, or a new temporary directory.
    config: a `RunConfig`.
    params: hyper-parameters for `model_fn`, copied.
    warm_start_from: a path or `WarmStartSettings`: initial values for a
      `model_dir` without a checkpoint.

  Raises:
    ValueError: an argument is wrong, or `model_fn` takes others.
  """

  def __init__(
    self,
    model_fn: Callable[..., EstimatorSpec],
    model_dir: str | os.PathLike | None = None,
    config: RunConfig | None = None,
    params: Any = None,
    warm_start_from: Any = None,
  ):
    self._model_fn_args = arguments.check_model_fn(model_fn, params)
    self._model_fn = model_fn
    self._params = copy.deepcopy(params if params is not None else {})
    warm_start = warm_start_lib.settings_of(warm_start_from)
    self._config = arguments.settle_config(config, model_dir)
    self._state = RunState(self._config, warm_start)
    self._store = self._state.store
    self._programs = ProgramSet(
      self._call_model_fn,
      self._store,
      steps_per_loop=self._config.steps_per_loop,
      jit_compile=self._config.jit_compile,
    )
    self._writers: dict[str, EventWriter] = {}

  @property
  def model_dir(self) -> str:
    """Where everything of the run is."""
    return self._config.model_dir

  @property
  def config(self) -> RunConfig:
    """The settings, with `model_dir` filled in."""
    return self._config

  @property
  def params(self) -> Any:
    """A copy of the hyper-parameters."""
    return copy.deepcopy(self._params)

  @property
  def model_fn(self) -> Callable[..., EstimatorSpec]:
    """The model_fn with `params` bound: `(features, labels, mode, config)`."""
    return lambda features, labels, mode, config: self._call_model_fn(
      features, labels, mode, config
    )

  @property
  def agreement(self) -> Agreement:
    """With the other workers of the cluster."""
    return self._state.agreement

  @property
  def metrics_log(self) -> MetricsLog:
    """The `metrics.jsonl` of the run."""
    return self._state.metrics_log

  @property
  def trace_counts(self) -> dict[str, int]:
    """How often each mode was traced."""
    return self._programs.trace_counts()

  @property
  def trainable_parameters(self) -> int:
    """Numbers in the trainable variables; 0 before the first trace."""
    return sum(
      v.shape.num_elements()
      for v in self._store.variables.values()
      if v.trainable
    )

  @property
  def variables(self) -> dict[str, tf.Variable]:
    """By name, as they are now; none before the first trace."""
    return dict(self._store.variables)

  def graph(self, mode: str) -> tf.Graph | None:
    """That of the model_fn in a mode; None before it was traced."""
    return self._programs.graph(mode)

  def eval_dir(self, name: str | None = None) -> str:
    """Where the events of the evaluation of that name go."""
    return os.path.join(self.model_dir, f'eval_{name}' if name else 'eval')

  def latest_checkpoint(self) -> str | None:
    """Prefix of the newest whole checkpoint; None where there is none."""
    return self._state.latest()

  def agreed_checkpoint(self) -> str | None:
    """`latest_checkpoint` as the chief sees it; every worker must ask."""
    return self._state.agreed()

  def get_variable_names(self) -> list[str]:
    """Names in the newest checkpoint.

    Raises:
      ValueError: there is none.
    """
    reader = checkpoints.read(self._trained(self.latest_checkpoint()))
    return sorted(reader.get_variable_to_shape_map())

  def get_variable_value(self, name: str) -> Any:
    """The value of a variable in the newest checkpoint, as a numpy array.

    Raises:
      ValueError: there is none, or not this name in it.
    """
    prefix = self._trained(self.latest_checkpoint())
    reader = checkpoints.read(prefix)
    if not reader.has_tensor(name):
      raise ValueError(f'There is no variable {name!r} in {prefix}.')
    return reader.get_tensor(name)

  def train(
    self,
    input_fn: InputFn,
    hooks: Iterable[hooks_lib.Hook] | None = None,
    steps: int | None = None,
    max_steps: int | None = None,
    saving_listeners: Iterable[hooks_lib.CheckpointSaverListener] | None = None,
  ) -> 'Estimator':
    """Trains from the newest checkpoint on, or from initial values.

    Args:
      input_fn: gives `(features, labels)`; see `inputs.make_dataset`. It may
        take any of `mode`, `params`, `config`, `input_context` and
        `global_step` (the step that training goes on from, so that data can be
        a function of the step).
      hooks: run around the loop.
      steps: train so many more steps.
      max_steps: train up to this global step; at or past it, do nothing.
      saving_listeners: told of every checkpoint.

    Returns:
      self.

    Raises:
      ValueError: wrong arguments, no training batch at all, a model_fn that
        breaks the contract, or several workers without their strategy.
      NanLossDuringTrainingError: the loss became NaN or infinite.
      WorkerLostError: another worker of the cluster has ended.
    """
    arguments.check_steps(steps, max_steps)
    hooks = arguments.check_all(hooks, hooks_lib.Hook, 'hooks')
    listeners = arguments.check_all(
      saving_listeners, hooks_lib.CheckpointSaverListener, 'saving_listeners'
    )
    if self._config.task_type == 'ps':
      raise ValueError('Parameter servers are not supported.')
    if self._config.task_type == 'evaluator':
      raise ValueError(
        'Train has been called wrong configuration. Please use '
        'train_and_evaluate, which calls proper API according to the task '
        f'type, given: {self._config.task_type}'
      )
    if self._config.num_worker_replicas > 1 and not self.agreement.is_shared:
      raise ValueError(
        f'TF_CONFIG names {self._config.num_worker_replicas} workers, each of '
        'which would train alone: RunConfig.train_distribute must be a '
        'tf.distribute.MultiWorkerMirroredStrategy.'
      )
    checkpoint = self.agreed_checkpoint()
    start = checkpoints.step_of(checkpoint) if checkpoint else 0
    if max_steps is not None and start >= max_steps:
      logger.info('Skipping training since max_steps has already saved.')
      return self
    last = start + steps if steps is not None else max_steps

    names = {name for hook in hooks for name in hook.tensors}
    iterator = self._iterator(input_fn, ModeKeys.TRAIN, start)
    program = self._traced(
      ModeKeys.TRAIN, iterator, tf.constant(1), fetches=names
    )
    self._state.go_back(checkpoint)
    all_hooks = [
      _VariablesChangeHook(self._state),
      *default_hooks.training_hooks(self, program.spec, hooks, listeners),
    ]
    with self._state.training():
      loops.train(
        program,
        iterator,
        hooks_lib.Run(
          self, ModeKeys.TRAIN, start, last, self._config.steps_per_loop
        ),
        all_hooks,
        self._store.global_step,
        self.agreement,
      )
    return self

  def evaluate(
    self,
    input_fn: InputFn,
    steps: int | None = None,
    hooks: Iterable[hooks_lib.Hook] | None = None,
    checkpoint_path: str | None = None,
    name: str | None = None,
  ) -> dict[str, Any]:
    """Evaluates a checkpoint on all of the data.

    Args:
      input_fn: gives `(features, labels)`.
      steps: stop after so many batches; None for the whole data.
      hooks: run around the loop.
      checkpoint_path: a checkpoint prefix; None for the newest.
      name: keeps several evaluations apart.

    Returns:
      The metrics by name, `loss` (the mean over examples) and `global_step`.

    Raises:
      ValueError: wrong arguments, no checkpoint, or no batch at all.
      WorkerLostError: another worker of the cluster has ended.
    """
    arguments.check_steps(steps)
    hooks = arguments.check_all(hooks, hooks_lib.Hook, 'hooks')
    checkpoint = checkpoint_path or self._trained(self.agreed_checkpoint())
    with self.agreement.guard():
      return self._evaluate(input_fn, steps, hooks, checkpoint, name)

  def _evaluate(
    self,
    input_fn: InputFn,
    steps: int | None,
    hooks: list[hooks_lib.Hook],
    checkpoint: str,
    name: str | None,
  ) -> dict[str, Any]:
    iterator = self._iterator(input_fn, ModeKeys.EVAL)
    program = self._traced(ModeKeys.EVAL, iterator)
    self._state.load(checkpoint)
    self._store.reset_metrics()
    step = int(self._store.global_step.numpy())
    run = hooks_lib.Run(self, ModeKeys.EVAL, step)
    last = None
    for last in loops.batches(  # noqa: B007 - the last one counts
      program,
      iterator,
      run,
      [*hooks, *program.spec.evaluation_hooks],
      steps,
    ):
      pass
    if last is None and run.stop_requested:
      raise ValueError('A hook stopped the evaluation before its first batch.')
    if last is None:
      raise ValueError(
        'Evaluation had no batch: the dataset of its input_fn is empty.'
      )
    return self._report(program.results(last), step, checkpoint, name)

  def predict(
    self,
    input_fn: InputFn,
    predict_keys: Iterable[str] | str | None = None,
    hooks: Iterable[hooks_lib.Hook] | None = None,
    checkpoint_path: str | None = None,
    yield_single_examples: bool = True,
  ) -> Iterator[Any]:
    """Yields the predictions for the features of `input_fn`, lazily.

    Args:
      input_fn: gives features, or `(features, labels)`, whose labels are
        dropped.
      predict_keys: which keys of the predictions to yield.
      hooks: run around the loop.
      checkpoint_path: a checkpoint prefix; None for the newest.
      yield_single_examples: one example at a time, or else whole batches.

    Yields:
      Numpy values, or dicts of them, as the predictions are.

    Raises:
      ValueError: no checkpoint, no such key, or predictions of unequal length
        (on the first `next`, as nothing runs before it).
    """
    hooks = arguments.check_all(hooks, hooks_lib.Hook, 'hooks')
    checkpoint = checkpoint_path or self._trained(self.latest_checkpoint())
    iterator = self._iterator(input_fn, ModeKeys.PREDICT)
    program = self._traced(ModeKeys.PREDICT, iterator)
    self._state.load(checkpoint)
    step = int(self._store.global_step.numpy())
    for batch in loops.batches(
      program,
      iterator,
      hooks_lib.Run(self, ModeKeys.PREDICT, step),
      [*hooks, *program.spec.prediction_hooks],
    ):
      batch = predictions.select_keys(batch, predict_keys)
      batch = tf.nest.map_structure(lambda t: t.numpy(), batch)
      if yield_single_examples:
        yield from predictions.single_examples(batch)
      else:
        yield batch
      # Training may have gone on in the meantime.
      self._state.load(checkpoint, thorough=False)

  def export_saved_model(
    self,
    export_dir_base: str | os.PathLike,
    serving_input_receiver_fn: Any,
    assets_extra: dict[str, str] | None = None,
    checkpoint_path: str | None = None,
    *,
    frozen: bool = False,
    finish_fn: Callable[[str], None] | None = None,
  ) -> str:
    """Writes a SavedModel to a new `<export_dir_base>/<seconds since 1970>`.

    The directory appears whole, by a rename, or not at all. The model runs on
    any device, whatever it was trained on.

    Args:
      export_dir_base: made if need be.
      serving_input_receiver_fn: function that returns a
        `ServingInputReceiver`; or a dict of these, whose key `''` gives the
        signatures of `export_outputs` and whose other keys each give one more
        signature, with the default outputs.
      assets_extra: files to copy, destination under `assets.extra` to source.
      checkpoint_path: a checkpoint prefix; None for the newest.
      frozen: put the variables' values into the graph, with all that can be
        computed from these alone: faster to serve, but no warm start finds
        variables in it.
      finish_fn: called with the directory before it gets its final name; it
        may add files to it, and if it raises there is no export.

    Returns:
      The path of the new directory.

    Raises:
      ValueError: no receiver function, no checkpoint, or variables that the
        checkpoint does not have.
      RuntimeError: no free directory name in 10 tries.
    """
    if serving_input_receiver_fn is None:
      raise ValueError('An input_receiver_fn must be defined.')
    base = files.local_path('export_dir_base', export_dir_base)
    checkpoint = checkpoint_path or self.latest_checkpoint()
    if checkpoint is None:
      raise ValueError(f"Couldn't find trained model at {self.model_dir}.")
    return export.export_saved_model(
      base,
      self._call_model_fn,
      serving_input_receiver_fn,
      checkpoint,
      assets_extra or {},
      frozen,
      finish_fn,
    )

  def save_checkpoint(self) -> str | None:
    """Saves the variables as they are; None where another process does it."""
    return self._state.save()

  def event_writer(self, directory: str | None = None) -> EventWriter:
    """The writer of the event file in a directory, `model_dir` by default."""
    directory = directory or self.model_dir
    return self._writers.setdefault(directory, EventWriter(directory))

  def _report(
    self, results: dict[str, Any], step: int, checkpoint: str, name: str | None
  ) -> dict[str, Any]:
    results = {
      key: metric_values.plain(value) for key, value in sorted(results.items())
    }
    if self._config.reports:
      writer = self.event_writer(self.eval_dir(name))
      writer.write(results, step)
      writer.flush()
      self.metrics_log.append_once('eval', step, results, name)
    logger.info('Evaluation at step %d: %s', step, results)
    return results | {GLOBAL_STEP: step}

  def _trained(self, checkpoint: str | None) -> str:
    if checkpoint is None:
      raise ValueError(
        f'Could not find trained model in model_dir: {self.model_dir}.'
      )
    return checkpoint

  def _iterator(self, input_fn: InputFn, mode: str, step: int = 0) -> Any:
    distributed = mode != ModeKeys.PREDICT
    # In tf.estimator the graph had the seed: so does what has none of its own.
    with random_seeds.of_tensorflow(self._config.tf_random_seed):
      dataset = inputs.make_dataset(
        input_fn,
        self._config.train_distribute if distributed else None,
        mode=mode,
        params=self.params,
        config=self._config,
        global_step=step,
      )
      return iter(dataset)

  def _traced(
    self, mode: str, iterator: Any, *args: Any, fetches: Iterable[str] = ()
  ) -> Any:
    program = self._programs.get(mode, iterator, fetches)
    with random_seeds.of_tensorflow(self._config.tf_random_seed):
      program.trace(iterator, *args)
    return program

  def _call_model_fn(
    self, features: Any, labels: Any, mode: str, config: RunConfig | None = None
  ) -> EstimatorSpec:
    arguments = {
      'labels': labels,
      'mode': mode,
      'params': self.params,
      'config': config or self._config,
    }
    if labels is not None and 'labels' not in self._model_fn_args:
      raise ValueError(
        'model_fn does not take labels, but input_fn returns labels.'
      )
    spec = self._model_fn(
      features,
      **{k: v for k, v in arguments.items() if k in self._model_fn_args},
    )
    if not isinstance(spec, EstimatorSpec):
      raise ValueError('model_fn should return an EstimatorSpec.')
    return spec


class _VariablesChangeHook(hooks_lib.Hook):
  """From the next step on the variables are those of no checkpoint."""

  def __init__(self, state: RunState):
    self._state = state

  def before_run(self, run: hooks_lib.Run) -> None:
    self._state.change()
