"""One run, made from settings, with its folder, Estimator and console."""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from typing import Any

from official import estimator as estimator_lib
from official.datasets import synthetic
from official.datasets.image_dataset import ImageDataset
from official.devices import Devices
from official.errors import UsageError
from official.export import saved_model
from official.flags import Settings
from official.optimizers import schedules
from official.run import (
  config,
  nan_recovery,
  predictions,
  progress,
  tensorboard,
  user_errors,
)
from official.run.console import Console
from official.run.hooks import longest_loop
from official.run.loop import TrainAndEvaluateLoop
from official.run.plan import Plan

_DEFAULT_LOSS_SCALE = '128'  # The original's for fp16.

ModelFn = Callable[..., estimator_lib.EstimatorSpec]


@contextlib.contextmanager
def opened(
  settings: Settings,
  model_fn: ModelFn,
  dataset: ImageDataset,
  network: str,
  learning_rate_fn: schedules.LearningRateFn,
  devices: Devices,
) -> Iterator['TrainingRun']:
  """A run, in a folder that only this process uses while it trains.

  Args:
    settings: The settings of the run. Those that depend on the data and the
      machine are settled here: `model_dir`, `data_format`, `loss_scale`.
    model_fn: See `TrainingRun`.
    dataset: The images to train and test on.
    network: The name of the network, for people and for `config.json`.
    learning_rate_fn: Function from the global step to the rate.
    devices: The devices to compute on.

  Yields:
    The run.

  Raises:
    UsageError: The settings, the folder or the machine do not fit together.
    UserError: Another error that the user can correct, in one line.
  """
  if settings.use_synthetic_data:
    dataset = synthetic.like(dataset)
  warm_start = _warm_start(settings)
  settings = _settled(settings, dataset, network, devices)
  if devices.is_chief:
    saved_model.check(settings)
  predictions.check(settings, devices)
  tensorboard.check(settings)
  plan = Plan.of(settings, dataset.num_images['train'])
  with (
    user_errors.converted(dataset, _paths(settings)),
    config.opened(settings, network, dataset, devices.is_chief) as recorder,
  ):
    run = TrainingRun(
      settings,
      model_fn,
      dataset,
      nan_recovery.HalvedRate(learning_rate_fn),
      devices,
      warm_start,
      plan,
      Console(network, dataset, devices, plan, settings),
      recorder,
    )
    halvings = nan_recovery.halvings_of(run.estimator)
    if halvings:
      run.use_rate(run.rate.halved(halvings))
    yield run
    # A worker that ended now would end the others, which may still be working.
    run.estimator.agreement.from_chief(0)


@dataclasses.dataclass
class TrainingRun:
  """The parts of a run, and what a main does with them; `opened` makes one.

  Attributes:
    settings: The settings of the run, all settled.
    model_fn: The model_fn. Its `params` are the settings by name, with `dtype`
      a `tf.DType` and `loss_scale` a float or `'dynamic'`, and `num_classes`
      and `learning_rate_fn`.
    dataset: The images to train and test on.
    rate: The learning rate, with the halvings of `--on_nan restore`.
    devices: The devices to compute on.
    warm_start: The source of the first weights; None for random ones.
    plan: The steps of the evaluations and of the end.
    console: The console that prints the progress.
    recorder: The recorder that writes `config.json`.
    estimator: The Estimator on the folder of the run, with the present rate.
  """

  settings: Settings
  model_fn: ModelFn
  dataset: ImageDataset
  rate: nan_recovery.HalvedRate
  devices: Devices
  warm_start: estimator_lib.WarmStartSettings | None
  plan: Plan
  console: Console
  recorder: config.Recorder
  estimator: estimator_lib.Estimator = dataclasses.field(init=False)

  def __post_init__(self) -> None:
    self.use_rate(self.rate)

  def use_rate(self, rate: nan_recovery.HalvedRate) -> None:
    """Changes the rate by a new Estimator, since the traced step holds it."""
    self.rate = rate
    scale = self.settings.loss_scale
    params = self.settings.as_dict() | {
      'dtype': self.devices.dtype,
      'loss_scale': scale if scale == 'dynamic' else float(scale or 1),
      'num_classes': self.dataset.num_classes,
      'learning_rate_fn': self.rate,
    }
    self.estimator = estimator_lib.Estimator(
      self.model_fn,
      self.settings.model_dir,
      _run_config(self.settings, self.devices),
      params,
      self.warm_start,
    )

  def train_and_evaluate(self) -> dict[str, Any]:
    """Trains as planned; after a NaN again with half the rate, if asked for.

    Returns:
      The metrics of the last evaluation.
    """
    while True:
      try:
        results = TrainAndEvaluateLoop(
          self.estimator,
          self.dataset,
          self.devices,
          self.plan,
          self.console,
          self.settings,
          [self.recorder],
        ).run()
      except estimator_lib.NanLossDuringTrainingError as e:
        is_last = self.rate.halvings >= nan_recovery.MOST_HALVINGS
        if self.settings.on_nan == 'stop' or is_last:
          raise
        nan_recovery.remember(self.estimator, self.rate.halvings + 1)
        self.console.halved_rate(str(e))
        self.use_rate(self.rate.halved())
      else:
        self.recorder.write(self.estimator)
        return results

  def save_predictions(self) -> None:
    """Writes the predictions for every test image."""
    path = predictions.save(
      self.estimator, self.dataset, self.settings.batch_size
    )
    self.console.predicted(path)

  def export(self) -> None:
    """Writes a SavedModel, on the chief."""
    if self.devices.is_chief:
      with progress.working('exporting'):
        path = saved_model.export(self.estimator, self.dataset, self.settings)
      self.console.exported(path)

  def finish(self, results: dict[str, Any]) -> None:
    """Prints the result, the time and memory, and commands to try next."""
    self.console.finish(self.estimator.model_dir, results)


def default_model_dir(dataset_name: str, network: str) -> str:
  """`runs/DATA-NETWORK`, one folder for each network and data set."""
  name = f'{dataset_name}-{network}'.lower().replace(' ', '-')
  return os.path.join('runs', name)


def _settled(
  settings: Settings, dataset: ImageDataset, network: str, devices: Devices
) -> Settings:
  """The settings, with those that depend on the data and the machine."""
  scale = settings.loss_scale
  if scale is None and devices.dtype.name == 'float16':
    scale = _DEFAULT_LOSS_SCALE
  return settings.replace(
    model_dir=settings.model_dir or default_model_dir(dataset.name, network),
    data_format=devices.data_format,
    loss_scale=scale,
  )


def _paths(settings: Settings) -> list[str | None]:
  """The files and folders that the user named."""
  return [
    settings.model_dir,
    settings.export_dir,
    settings.data_dir,
    settings.pretrained_model_checkpoint_path,
  ]


def _run_config(
  settings: Settings, devices: Devices
) -> estimator_lib.RunConfig:
  run_config = devices.cluster.replace(
    tf_random_seed=settings.seed,
    save_summary_steps=settings.log_steps,
    log_step_count_steps=settings.log_steps,
    keep_checkpoint_max=settings.keep_checkpoint_max,
    steps_per_loop=longest_loop(settings),
    train_distribute=devices.strategy,
    jit_compile=settings.enable_xla,
  )
  if settings.save_checkpoints_steps:
    return run_config.replace(
      save_checkpoints_steps=settings.save_checkpoints_steps
    )
  return run_config


def _warm_start(
  settings: Settings,
) -> estimator_lib.WarmStartSettings | None:
  path = settings.pretrained_model_checkpoint_path
  if not path:
    return None
  try:
    estimator_lib.find_checkpoint(path)
  except estimator_lib.WarmStartError as e:
    raise UsageError(f'--pretrained_model_checkpoint_path: {e}') from e
  # Moving statistics are loaded too; the original's string pattern left them
  # out.
  return estimator_lib.WarmStartSettings(
    path, [r'^(?!.*dense)'], complete=settings.fine_tune
  )
