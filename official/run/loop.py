"""The loop of a run, which trains and evaluates in turns."""

import math
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.devices import Devices
from official.errors import UsageError
from official.flags import Settings
from official.run.console import Console
from official.run.hooks import named_hooks, pace_hooks, summary_hooks
from official.run.plan import Plan
from official.run.threshold_stop import ThresholdStop


class TrainAndEvaluateLoop:
  """Carries out a plan with an Estimator.

  Args:
    estimator: The Estimator to train.
    dataset: The images to train and test on.
    devices: The devices to compute on.
    plan: The steps of the evaluations and of the end.
    console: The console that prints the progress.
    settings: The settings of the run.
    listeners: Listeners that are called at every checkpoint.
  """

  def __init__(
    self,
    estimator: estimator_lib.Estimator,
    dataset: ImageDataset,
    devices: Devices,
    plan: Plan,
    console: Console,
    settings: Settings,
    listeners: Iterable[estimator_lib.CheckpointSaverListener] = (),
  ):
    self._estimator = estimator
    self._dataset = dataset
    self._plan = plan
    self._console = console
    self._settings = settings
    self._listeners = list(listeners)
    self._replica_batch = settings.batch_size // devices.num_replicas
    self._hooks = [
      *pace_hooks(settings),
      estimator_lib.MetricsLogHook(),
      *console.training_hooks(settings.log_steps),
      *summary_hooks(settings, devices, dataset),
      *named_hooks(settings),
    ]

  def run(self) -> dict[str, Any]:
    """Does the training and the evaluations that are left.

    Returns:
      The metrics of the last evaluation.

    Raises:
      UsageError: There is nothing to train, and no checkpoint to evaluate.
    """
    step = self._trained_steps()
    if not step and not self._plan.evaluation_steps:
      raise UsageError(
        f'{self._estimator.model_dir} holds no checkpoint to evaluate; train '
        'first'
      )
    ends = [end for end in self._plan.evaluation_steps if end > step]
    if not ends:
      self._console.nothing_to_train(self._estimator, step)
      return self._evaluate()
    if self._had_reached_threshold(step):
      self._console.past_threshold(self._settings.stop_threshold)
      return self._evaluate()
    if self._settings.use_train_and_evaluate:
      return self._train_and_evaluate()
    return self._train_in_turns(step, ends)

  def _train_in_turns(self, step: int, ends: list[int]) -> dict[str, Any]:
    """Trains up to each of the steps `ends`, and evaluates there."""
    results: dict[str, Any] = {}
    if self._is_evaluation_due(step):  # The run was killed just before it.
      results = self._evaluate()
    for end in ends:
      if self._is_past_threshold(results):
        self._console.past_threshold(self._settings.stop_threshold)
        break
      self._estimator.train(
        self._train_input,
        self._hooks,
        max_steps=end,
        saving_listeners=self._listeners,
      )
      results = self._evaluate()
    return results

  def _train_and_evaluate(self) -> dict[str, Any]:
    stop = ThresholdStop(self._settings.stop_threshold)
    results, _ = estimator_lib.train_and_evaluate(
      self._estimator,
      estimator_lib.TrainSpec(
        self._train_input,
        self._plan.total_steps,
        [*self._hooks, stop],
        [*self._listeners, stop.listener],
      ),
      estimator_lib.EvalSpec(
        self._eval_input,
        steps=self._eval_batches_if_endless(),
        # A threshold must be checked at every checkpoint.
        throttle_secs=(
          estimator_lib.EvalSpec.throttle_secs if stop.threshold is None else 0
        ),
      ),
    )
    assert results is not None  # Training ends with a checkpoint.
    if stop.has_stopped:
      self._console.past_threshold(stop.threshold)
    self._console.evaluated(results)
    return results

  def _evaluate(self) -> dict[str, Any]:
    results = self._estimator.evaluate(
      self._eval_input,
      steps=self._eval_batches_if_endless(),
      hooks=self._console.evaluation_hooks(self._eval_batches),
    )
    self._console.evaluated(results)
    return results

  def _trained_steps(self) -> int:
    checkpoint = self._estimator.agreed_checkpoint()
    return estimator_lib.step_of(checkpoint) if checkpoint else 0

  def _evaluations_at(self, step: int) -> list[dict[str, Any]]:
    records = self._estimator.metrics_log.read('eval')
    return [record for record in records if record['step'] == step]

  # A worker may read an older state of the folder than the chief has written.
  # So the chief decides the next two questions for all workers; otherwise some
  # would train while others evaluate, and each would wait for the other.

  def _is_evaluation_due(self, step: int) -> bool:
    is_planned = step in self._plan.evaluation_steps
    is_due = is_planned and not self._evaluations_at(step)
    return bool(self._estimator.agreement.from_chief(is_due))

  def _had_reached_threshold(self, step: int) -> bool:
    """Whether an earlier call stopped at this step for its accuracy."""
    if self._settings.stop_threshold is None or not step:
      return False
    evaluations = self._evaluations_at(step)
    reached = bool(evaluations) and self._is_past_threshold(evaluations[-1])
    return bool(self._estimator.agreement.from_chief(reached))

  def _is_past_threshold(self, results: dict[str, Any]) -> bool:
    threshold = self._settings.stop_threshold
    if threshold is None or not results:
      return False
    return results['accuracy'] >= threshold

  @property
  def _eval_batches(self) -> int:
    return math.ceil(self._dataset.num_images['test'] / self._replica_batch)

  def _eval_batches_if_endless(self) -> int | None:
    """The number of batches to evaluate where the data have no end."""
    if not self._settings.use_synthetic_data:
      return None
    # As in the original: a benchmark of a few steps must not evaluate for
    # hours.
    limit = self._settings.max_train_steps
    return min(self._eval_batches, limit) if limit else self._eval_batches

  def _train_input(
    self, global_step: int, input_context: tf.distribute.InputContext
  ) -> tf.data.Dataset:
    return self._with_threads(
      self._dataset.input_fn(
        True,
        self._replica_batch,
        start_step=global_step,
        input_context=input_context,
      )
    )

  def _eval_input(
    self, input_context: tf.distribute.InputContext
  ) -> tf.data.Dataset:
    return self._with_threads(
      self._dataset.input_fn(
        False, self._replica_batch, input_context=input_context
      )
    )

  def _with_threads(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
    threads = self._settings.datasets_num_private_threads
    if threads is None:
      return dataset
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return dataset.with_options(options)
