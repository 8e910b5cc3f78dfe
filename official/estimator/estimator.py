"""`Estimator`: trains, evaluates, predicts with and exports a `model_fn`."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
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
)
from official.estimator.annotations import DatasetIterator, InputFn
from official.estimator.hooks.base import EstimatorCall, Hook
from official.estimator.hooks.saving import CheckpointSaverListener
from official.estimator.inspection import InspectedEstimator
from official.estimator.model_function import ModelFunction
from official.estimator.receivers import ReceiverFns
from official.estimator.run_config import RunConfig
from official.estimator.run_state import VariablesChangeHook
from official.estimator.spec import EstimatorSpec, ModeKeys
from official.estimator.variables import GLOBAL_STEP
from official.estimator.warm_start import WarmStartSettings, settings_of

logger = logging.getLogger(__name__)


class Estimator(InspectedEstimator):
  """Runs a `model_fn(features, labels, mode, params, config)`.

  The model_fn is called once for each mode, while a `tf.function` is traced,
  and returns an `EstimatorSpec`; the trace is kept for the life of the
  Estimator. All state is in `model_dir`: each call goes on from its newest
  checkpoint.

  Args:
    model_fn: A function of `features` and any of `labels`, `mode`, `params`
      and `config`.
    model_dir: The folder of checkpoints, events and metrics; None for that of
      `config`, or for a new temporary directory.
    config: The settings; None for `RunConfig()`.
    params: Hyper-parameters for `model_fn`, copied.
    warm_start_from: A path or `WarmStartSettings` that gives the initial values
      where `model_dir` has no checkpoint.

  Raises:
    ValueError: An argument is wrong, or `model_fn` has other arguments.
  """

  def __init__(
    self,
    model_fn: Callable[..., EstimatorSpec],
    model_dir: str | os.PathLike[str] | None = None,
    config: RunConfig | None = None,
    params: Any = None,
    warm_start_from: str | os.PathLike[str] | WarmStartSettings | None = None,
  ):
    names = arguments.check_model_fn(model_fn, params)
    warm_start = settings_of(warm_start_from)
    config, folder = arguments.settle_config(config, model_dir)
    super().__init__(
      ModelFunction(model_fn, names, params, config), config, folder, warm_start
    )

  def train(
    self,
    input_fn: InputFn,
    hooks: Iterable[Hook] | None = None,
    steps: int | None = None,
    max_steps: int | None = None,
    saving_listeners: Iterable[CheckpointSaverListener] | None = None,
  ) -> 'Estimator':
    """Trains from the newest checkpoint on, or from initial values.

    Args:
      input_fn: Returns `(features, labels)`; see `inputs.make_dataset`. It may
        take any of `mode`, `params`, `config`, `input_context` and
        `global_step`, the step that training goes on from.
      hooks: Hooks around the loop.
      steps: Number of further steps to train.
      max_steps: The global step to train to; at or past it, nothing is done.
      saving_listeners: Listeners that are called at every checkpoint.

    Returns:
      Self.

    Raises:
      ValueError: An argument is wrong, there is no training batch at all,
        model_fn breaks the contract, or there are several workers without
        their strategy.
      NanLossDuringTrainingError: The loss became NaN or infinite.
      WorkerLostError: Another worker of the cluster has ended.
    """
    arguments.check_steps(steps, max_steps)
    hooks = arguments.checked_list(hooks, Hook, 'hooks')
    listeners = arguments.checked_list(
      saving_listeners, CheckpointSaverListener, 'saving_listeners'
    )
    arguments.check_can_train(self._config, self.agreement.is_shared)
    checkpoint = self.agreed_checkpoint()
    start = checkpoints.step_of(checkpoint) if checkpoint else 0
    if max_steps is not None and start >= max_steps:
      logger.info('Skipping training since max_steps has already saved.')
      return self
    last = start + steps if steps is not None else max_steps
    tensors = {name for hook in hooks for name in hook.tensors}
    iterator = self._iterator(input_fn, ModeKeys.TRAIN, start)
    program = self._programs.for_training(iterator, tensors)
    self._state.go_back(checkpoint)
    all_hooks = [
      VariablesChangeHook(self._state),
      *default_hooks.training_hooks(self, program.spec, hooks, listeners),
    ]
    per_loop = self._config.steps_per_loop
    call = EstimatorCall(self, ModeKeys.TRAIN, start, last, per_loop)
    step = self._store.global_step
    loop = loops.TrainingLoop(
      program, iterator, call, all_hooks, step, self.agreement
    )
    with self._state.training():
      loop.run()
    return self

  def evaluate(
    self,
    input_fn: InputFn,
    steps: int | None = None,
    hooks: Iterable[Hook] | None = None,
    checkpoint_path: str | None = None,
    name: str | None = None,
  ) -> dict[str, Any]:
    """Evaluates a checkpoint on all of the data.

    Args:
      input_fn: Returns `(features, labels)`.
      steps: Number of batches at most; None for all of the data.
      hooks: Hooks around the loop.
      checkpoint_path: A checkpoint prefix; None for the newest.
      name: The name of this evaluation, if there are several.

    Returns:
      The metrics by name, `loss` (the mean over examples) and `global_step`.

    Raises:
      ValueError: An argument is wrong, or there is no checkpoint or no batch.
      WorkerLostError: Another worker of the cluster has ended.
    """
    arguments.check_steps(steps)
    hooks = arguments.checked_list(hooks, Hook, 'hooks')
    checkpoint = checkpoint_path or self._trained(self.agreed_checkpoint())
    with self.agreement.guard():
      iterator = self._iterator(input_fn, ModeKeys.EVAL)
      program = self._programs.for_evaluation(iterator)
      self._state.load(checkpoint)
      self._store.reset_metrics()
      step = int(self._store.global_step.numpy())
      last = loops.last_batch(
        program.update,
        iterator,
        EstimatorCall(self, ModeKeys.EVAL, step),
        [*hooks, *program.spec.evaluation_hooks],
        steps,
      )
      return self._report(program.results(last), step, name)

  def predict(
    self,
    input_fn: InputFn,
    predict_keys: Iterable[str] | str | None = None,
    hooks: Iterable[Hook] | None = None,
    checkpoint_path: str | None = None,
    yield_single_examples: bool = True,
  ) -> Iterator[Any]:
    """Yields the predictions for the features of `input_fn`, lazily.

    Args:
      input_fn: Returns features, or `(features, labels)`, whose labels are
        dropped.
      predict_keys: The keys of the predictions to yield; None for all.
      hooks: Hooks around the loop.
      checkpoint_path: A checkpoint prefix; None for the newest.
      yield_single_examples: Whether to yield one example at a time, not whole
        batches.

    Yields:
      NumPy values, or dicts of them, in the structure of the predictions.

    Raises:
      ValueError: There is no checkpoint or no such key, or the predictions are
        of unequal length. Nothing runs, and so raises, before the first `next`.
    """
    hooks = arguments.checked_list(hooks, Hook, 'hooks')
    checkpoint = checkpoint_path or self._trained(self.latest_checkpoint())
    iterator = self._iterator(input_fn, ModeKeys.PREDICT)
    program = self._programs.for_prediction(iterator)
    self._state.load(checkpoint)
    step = int(self._store.global_step.numpy())
    for batch in loops.batches(
      program.predict,
      iterator,
      EstimatorCall(self, ModeKeys.PREDICT, step),
      [*hooks, *program.spec.prediction_hooks],
    ):
      batch = predictions.select_keys(batch, predict_keys)
      batch = tf.nest.map_structure(lambda t: t.numpy(), batch)
      if yield_single_examples:
        yield from predictions.single_examples(batch)
      else:
        yield batch
      # Training may have gone on while the caller used what was yielded.
      self._state.load(checkpoint, thorough=False)

  def export_saved_model(
    self,
    export_dir_base: str | os.PathLike[str],
    serving_input_receiver_fn: ReceiverFns | None,
    assets_extra: Mapping[str, str] | None = None,
    checkpoint_path: str | None = None,
    *,
    frozen: bool = False,
    finish_fn: Callable[[str], None] | None = None,
  ) -> str:
    """Writes a SavedModel to a new `<export_dir_base>/<seconds since 1970>`.

    The directory appears whole, by a rename, or not at all. The model runs on
    any device, whatever it was trained on.

    Args:
      export_dir_base: The folder of exports, made if it does not exist.
      serving_input_receiver_fn: Function that returns a
        `ServingInputReceiver`; or a dict of these, whose key `''` gives the
        signatures of `export_outputs` and whose other keys each give one more
        signature, with the default outputs.
      assets_extra: Files to copy, destination under `assets.extra` to source.
      checkpoint_path: A checkpoint prefix; None for the newest.
      frozen: Whether to put the variables' values, and all that depends only on
        them, into the graph as constants. Such a model is faster to serve, but
        a warm start finds no variables in it.
      finish_fn: Function that is called with the directory before it gets its
        final name. It may add files; if it raises, there is no export.

    Returns:
      The path of the new directory.

    Raises:
      ValueError: There is no receiver function or no checkpoint, or the
        checkpoint lacks variables.
      RuntimeError: No free directory name was found in 10 tries.
    """
    if serving_input_receiver_fn is None:
      raise ValueError('An input_receiver_fn must be defined.')
    base = files.local_path('export_dir_base', export_dir_base)
    checkpoint = checkpoint_path or self.latest_checkpoint()
    if checkpoint is None:
      raise ValueError(f"Couldn't find trained model at {self.model_dir}.")
    return export.export_saved_model(
      base,
      self._model_function,
      serving_input_receiver_fn,
      checkpoint,
      assets_extra or {},
      frozen,
      finish_fn,
    )

  def _report(
    self, results: Mapping[str, Any], step: int, name: str | None
  ) -> dict[str, Any]:
    """Writes the results of an evaluation; returns them with the step."""
    plain = {k: metric_values.plain(v) for k, v in sorted(results.items())}
    if self._config.reports:
      writer = self.event_writer(self.eval_dir(name))
      writer.write(plain, step)
      writer.flush()
      self.metrics_log.append_once('eval', step, plain, name)
    logger.info('Evaluation at step %d: %s', step, plain)
    return plain | {GLOBAL_STEP: step}

  def _iterator(
    self, input_fn: InputFn, mode: str, step: int = 0
  ) -> DatasetIterator:
    # Predictions are for one process, which gets all of them on one device.
    is_distributed = mode != ModeKeys.PREDICT
    return inputs.make_iterator(
      input_fn,
      self._config.train_distribute if is_distributed else None,
      self._config.tf_random_seed,
      mode=mode,
      params=self.params,
      config=self._config,
      global_step=step,
    )
