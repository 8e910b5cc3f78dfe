"""config.json of a run: what it records, and when it is written."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from official import environment, output_folders
from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.errors import UsageError
from official.estimator.hooks.base import HookedEstimator
from official.flags import (
  BatchNormSettings,
  Settings,
  SettingsForPhotographs,
  SettingsForSmallImages,
)
from official.flags.declaration import settings_in
from official.run import folder as run_folder

# Settings that say what one command does and where, not what the run is.
OF_ONE_CALL = frozenset(
  name
  for settings_class in (
    SettingsForPhotographs,
    SettingsForSmallImages,
    BatchNormSettings,
  )
  for name, setting in settings_in(settings_class).items()
  if setting.of_one_call
)


def content(settings: Settings, dataset: ImageDataset) -> dict[str, Any]:
  """Every setting, the data, the machine and how to do it again."""
  invocation = settings.invocation
  return settings.as_dict() | {
    'class_names': dataset.class_names,
    'num_images': dict(dataset.num_images),
    'environment': environment.describe(),
    # What an export in another process needs.
    'main': invocation.main if invocation else None,
    'arguments': invocation.arguments(OF_ONE_CALL) if invocation else [],
    'working_dir': os.getcwd(),
  }


class Recorder(estimator_lib.CheckpointSaverListener):
  """Writes `config.json`, once, when what it describes is there.

  So a command that cannot work does not leave its settings in the folder.

  Args:
    write: Writes the file, given the number of parameters of the network; None
      where it is not to be written.
  """

  def __init__(self, write: Callable[[int], None] | None = None):
    self._write = write

  def write(self, estimator: HookedEstimator) -> None:
    """A checkpoint was read into the network, or has been written from it."""
    if self._write is not None:
      self._write(estimator.trainable_parameters)
      self._write = None

  def begin(self, run: estimator_lib.Run) -> None:
    """See the base class."""
    if self._write is not None and run.estimator.latest_checkpoint():
      self.write(run.estimator)

  def after_save(self, run: estimator_lib.Run, step: int) -> None:
    """See the base class."""
    self.write(run.estimator)


@contextlib.contextmanager
def opened(
  settings: Settings,
  network: str,
  dataset: ImageDataset,
  is_chief: bool,
) -> Iterator[Recorder]:
  """The folder of a run, ready for what the settings want to do with it.

  Training locks it. An evaluation or an export alone makes, locks and deletes
  nothing.

  Args:
    settings: Of the run; `model_dir` is its folder.
    network: Its name.
    dataset: The images it trains on.
    is_chief: Whether this process takes care of the folder.

  Yields:
    What writes `config.json`.

  Raises:
    UsageError: The folder cannot be used so.
  """
  identity = {
    'network': network,
    'dataset': dataset.name,
    'num_classes': dataset.num_classes,
    'image_shape': list(dataset.image_shape),
  }
  if settings.clean and not settings.trains:
    raise UsageError('--clean would delete the run that is to be read')
  if not is_chief:
    yield Recorder()
    return
  model_dir = settings.model_dir
  assert model_dir is not None  # It is settled by now.
  fixed = fixed_settings(settings) if settings.trains else None
  with contextlib.ExitStack() as stack:
    if settings.trains:
      folder = stack.enter_context(run_folder.lock(model_dir))
      if settings.clean:
        folder.clean()
    run_folder.check(model_dir, identity, training=fixed)
    evaluates_only = not settings.trains and not settings.export_only
    if evaluates_only and os.path.isdir(model_dir):
      output_folders.check_writable('model_dir', model_dir)  # For its results.
    yield _recorder(settings, model_dir, identity, dataset, fixed)


def _recorder(
  settings: Settings,
  model_dir: str,
  identity: dict[str, Any],
  dataset: ImageDataset,
  fixed: dict[str, Any] | None,
) -> Recorder:
  """Of training; or of an evaluation, if nothing is recorded yet."""
  is_recorded = not settings.trains and run_folder.read_config(model_dir)
  if settings.export_only or is_recorded:
    return Recorder()
  recorded = content(settings, dataset)
  return Recorder(
    # The report gets the parameters from here: to count them in a checkpoint
    # it would have to import TensorFlow.
    lambda parameters: run_folder.write_config(
      model_dir,
      identity,
      recorded | {'parameters': parameters},
      training=fixed,
    )
  )


def fixed_settings(settings: Settings) -> dict[str, Any]:
  """What training cannot go on without: its variables, its place in the data.

  Epochs, rate, decay and the like may change.
  """
  names = ('batch_size', 'enable_lars', 'fine_tune', 'optimizer', 'seed')
  return {name: getattr(settings, name) for name in names} | {
    'loss_scale': 'dynamic' if settings.loss_scale == 'dynamic' else 'fixed',
  }
