"""The cycles of a run: train for some epochs, evaluate, and again."""

import dataclasses
import math
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.devices import Devices
from official.errors import UsageError
from official.run import tensorboard, threshold_stop
from official.run.console import Report

_LONGEST_LOOP = 10  # steps, where they are short


@dataclasses.dataclass(frozen=True)
class Schedule:
  """When to evaluate and when to stop, in global steps from 0.

  Attributes:
    batch_size: images a step, over all replicas.
    steps_per_epoch: not always whole.
    evaluation_steps: the steps after which to evaluate; the last one ends the
      run.
    train_epochs: how many epochs that is.
  """

  batch_size: int
  steps_per_epoch: float
  evaluation_steps: tuple[int, ...]
  train_epochs: float

  @classmethod
  def of(cls, flags_obj: Any, num_images: int) -> 'Schedule':
    """The schedule that the flags ask for.

    An epoch that does not divide by the batch ends inside a step; that step
    counts to it.
    """
    epochs = 0 if flags_obj.eval_only else flags_obj.train_epochs
    every = flags_obj.epochs_between_evals
    ends = [*range(every, epochs, every), epochs] if epochs else []
    batch_size = flags_obj.batch_size
    steps = [math.ceil(end * num_images / batch_size) for end in ends]
    limit = flags_obj.max_train_steps
    if limit is not None and steps and limit < steps[-1]:
      steps = [step for step in steps if step < limit] + [limit]
    per_epoch = num_images / batch_size
    trained = min(epochs, steps[-1] / per_epoch) if steps else 0
    return cls(batch_size, per_epoch, tuple(steps), trained)

  @property
  def total_steps(self) -> int:
    """The global step at the end; 0 for an evaluation alone."""
    return self.evaluation_steps[-1] if self.evaluation_steps else 0


class Cycles:
  """Runs a schedule with an Estimator.

  Args:
    estimator: what to train.
    dataset: what on.
    devices: what with.
    schedule: how long.
    report: told of everything.
    flags_obj: the other settings.
    listeners: told of every checkpoint.
  """

  def __init__(
    self,
    estimator: estimator_lib.Estimator,
    dataset: ImageDataset,
    devices: Devices,
    schedule: Schedule,
    report: Report,
    flags_obj: Any,
    listeners: Iterable[estimator_lib.CheckpointSaverListener] = (),
  ):
    self._listeners = list(listeners)
    self._estimator = estimator
    self._dataset = dataset
    self._schedule = schedule
    self._report = report
    self._flags = flags_obj
    self._replica_batch = flags_obj.batch_size // devices.num_replicas
    self._hooks = [
      *_pace(flags_obj),
      estimator_lib.MetricsLogHook(),
      report.start_hook(),
      *report.progress_hooks(flags_obj.log_steps),
      *_summaries(flags_obj, devices, dataset),
      *train_hooks(flags_obj.hooks, flags_obj),
    ]

  def run(self) -> dict[str, Any]:
    """Trains and evaluates what is left to do.

    Returns:
      The metrics of the last evaluation.

    Raises:
      UsageError: there is nothing to train and nothing trained.
    """
    step = self._trained_steps()
    if not step and not self._schedule.evaluation_steps:
      raise UsageError(
        f'{self._estimator.model_dir} holds no checkpoint to evaluate; train '
        'first'
      )
    left = [end for end in self._schedule.evaluation_steps if end > step]
    if not left:
      self._report.nothing_to_train(step)
      return self._evaluate()
    if self._had_reached_threshold(step):
      self._report.past_threshold(self._flags.stop_threshold)
      return self._evaluate()
    if self._flags.use_train_and_evaluate:
      return self._train_and_evaluate()
    results = {}
    if self._is_evaluation_due(step):  # A run that was killed just before it.
      results = self._evaluate()
    for end in left:
      if self._is_past_threshold(results):
        self._report.past_threshold(self._flags.stop_threshold)
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
    stop = threshold_stop.ThresholdStop(self._flags.stop_threshold)
    results, _ = estimator_lib.train_and_evaluate(
      self._estimator,
      estimator_lib.TrainSpec(
        self._train_input,
        self._schedule.total_steps,
        [*self._hooks, stop],
        [*self._listeners, stop.listener],
      ),
      estimator_lib.EvalSpec(
        self._eval_input,
        steps=self._eval_batches_if_endless(),
        # Looking for a threshold, every checkpoint counts.
        **({} if stop.threshold is None else {'throttle_secs': 0}),
      ),
    )
    if stop.has_stopped:
      self._report.past_threshold(stop.threshold)
    self._report.evaluated(results)
    return results

  def _evaluate(self) -> dict[str, Any]:
    results = self._estimator.evaluate(
      self._eval_input,
      steps=self._eval_batches_if_endless(),
      hooks=self._report.evaluation_hooks(self._eval_batches),
    )
    self._report.evaluated(results)
    return results

  def _trained_steps(self) -> int:
    checkpoint = self._estimator.agreed_checkpoint()
    return estimator_lib.step_of(checkpoint) if checkpoint else 0

  def _is_evaluation_due(self, step: int) -> bool:
    done = {r['step'] for r in self._estimator.metrics_log.read('eval')}
    is_due = step in self._schedule.evaluation_steps and step not in done
    return bool(self._estimator.agreement.from_chief(is_due))

  def _had_reached_threshold(self, step: int) -> bool:
    """Whether an earlier call stopped at this step for its accuracy."""
    if self._flags.stop_threshold is None or not step:
      return False
    done = [
      record
      for record in self._estimator.metrics_log.read('eval')
      if record['step'] == step
    ]
    reached = bool(done) and self._is_past_threshold(done[-1])
    return bool(self._estimator.agreement.from_chief(reached))

  def _is_past_threshold(self, results: dict[str, Any]) -> bool:
    threshold = self._flags.stop_threshold
    if threshold is None or not results:
      return False
    return results['accuracy'] >= threshold

  @property
  def _eval_batches(self) -> int:
    return math.ceil(self._dataset.num_images['test'] / self._replica_batch)

  def _eval_batches_if_endless(self) -> int | None:
    if not self._flags.use_synthetic_data:
      return None
    # As the original: a benchmark of a few steps does not evaluate for hours.
    return min(self._eval_batches, self._flags.max_train_steps or math.inf)

  def _train_input(
    self, global_step: int, input_context: tf.distribute.InputContext
  ) -> tf.data.Dataset:
    return self._with_options(
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
    return self._with_options(
      self._dataset.input_fn(
        False, self._replica_batch, input_context=input_context
      )
    )

  def _with_options(self, dataset: tf.data.Dataset) -> tf.data.Dataset:
    threads = self._flags.datasets_num_private_threads
    if threads is None:
      return dataset
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    return dataset.with_options(options)


def longest_loop(flags_obj: Any) -> int:
  """Steps between turns of Python, at most.

  Without `--steps_per_loop` as many as end where a line or a checkpoint is due.
  """
  return flags_obj.steps_per_loop or math.gcd(
    _LONGEST_LOOP, flags_obj.log_steps, flags_obj.save_checkpoints_steps or 0
  )


def _summaries(
  flags_obj: Any, devices: Devices, dataset: ImageDataset
) -> list[estimator_lib.Hook]:
  if not (devices.is_chief and flags_obj.summaries):
    return []
  hparams = tensorboard.hparams_of_flags(flags_obj)
  return [tensorboard.TensorBoardHook(flags_obj.summaries, dataset, hparams)]


def _pace(flags_obj: Any) -> list[estimator_lib.Hook]:
  if flags_obj.steps_per_loop:
    return []
  return [estimator_lib.PaceHook(longest_loop(flags_obj))]


def train_hooks(names: list[str], flags_obj: Any) -> list[estimator_lib.Hook]:
  """The hooks of `--hooks`, by the original's names in any case.

  Raises:
    ValueError: an unknown name, or a string in place of the list.
  """
  if isinstance(names, str):
    raise ValueError(f'hook names must be a list, given: {names!r}')
  every = flags_obj.log_steps
  makers = {
    'loggingtensorhook': lambda: estimator_lib.LoggingTensorHook(
      ['learning_rate', 'cross_entropy', 'train_accuracy'], every
    ),
    'profilerhook': lambda: estimator_lib.ProfilerHook(save_steps=1000),
    'examplespersecondhook': lambda: estimator_lib.ExamplesPerSecondHook(
      flags_obj.batch_size, every, warm_steps=5
    ),
    'stepcounterhook': lambda: estimator_lib.StepCounterHook(every),
  }
  unknown = [name for name in names if name.lower() not in makers]
  if unknown:
    raise ValueError(f'unknown hooks {unknown}; known: {sorted(makers)}')
  return [makers[name.lower()]() for name in names]
