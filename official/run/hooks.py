"""The hooks of training that the settings of a run ask for."""

import math

from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.devices import Devices
from official.flags import Settings
from official.run.tensorboard import TensorBoardHook, hparams_of

_LONGEST_LOOP = 10  # steps; longer loops were not faster, and signals wait


def pace_hooks(settings: Settings) -> list[estimator_lib.Hook]:
  """The hook that sets the length of loops, unless `--steps_per_loop` does."""
  if settings.steps_per_loop:
    return []
  return [estimator_lib.PaceHook(longest_loop(settings))]


def longest_loop(settings: Settings) -> int:
  """The greatest number of steps between two turns of Python.

  Without `--steps_per_loop`, loops end where a line or a checkpoint is due.
  """
  return settings.steps_per_loop or math.gcd(
    _LONGEST_LOOP, settings.log_steps, settings.save_checkpoints_steps or 0
  )


def summary_hooks(
  settings: Settings, devices: Devices, dataset: ImageDataset
) -> list[estimator_lib.Hook]:
  """The hooks that write `--summaries`, on the chief.

  Args:
    settings: The settings of the run.
    devices: The devices of the run, which know whether this is the chief.
    dataset: The data set whose images are shown.
  """
  if not (devices.is_chief and settings.summaries):
    return []
  return [TensorBoardHook(settings.summaries, dataset, hparams_of(settings))]


def named_hooks(settings: Settings) -> list[estimator_lib.Hook]:
  """The hooks of `--hooks`, by the original's names in any case."""
  every = settings.log_steps
  makers = {
    'loggingtensorhook': lambda: estimator_lib.LoggingTensorHook(
      ['learning_rate', 'cross_entropy', 'train_accuracy'], every
    ),
    'profilerhook': lambda: estimator_lib.ProfilerHook(save_steps=1000),
    'examplespersecondhook': lambda: estimator_lib.ExamplesPerSecondHook(
      settings.batch_size, every, warm_steps=5
    ),
    'stepcounterhook': lambda: estimator_lib.StepCounterHook(every),
  }
  return [makers[name.lower()]() for name in settings.hooks]
