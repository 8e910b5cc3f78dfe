"""The config.json of a run: its content, and when it is written."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from official import environment, output_folders
from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.errors import UsageError
from official.estimator.hooks.base import HookedEstimator
from official.flags import Settings
from official.flags.settings import every_setting
from official.run import folder as run_folder

# Settings that concern one command and its outputs, not the run itself.
OF_ONE_CALL = frozenset(
  name for name, setting in every_setting().items() if setting.of_one_call
)


def content(settings: Settings, dataset: ImageDataset) -> dict[str, Any]:
  """Every setting, the data, the machine, and the command to run it again."""
  invocation = settings.invocation
  return settings.as_dict() | {
    'class_names': dataset.class_names,
    'num_images': dict(dataset.num_images),
    'environment': environment.describe(),
    # An export in another process runs this main.
    'main': invocation.main if invocation else None,
    'arguments': invocation.arguments(OF_ONE_CALL) if invocation else [],
    'working_dir': os.getcwd(),
  }


class Recorder(estimator_lib.CheckpointSaverListener):
  """Writes `config.json` once, when the network that it describes exists.

  So a command that cannot work does not leave its settings in the folder.

  Args:
    write: Function of the number of parameters of the network that writes the
      file; None where it must not be written.
  """

  def __init__(self, write: Callable[[int], None] | None = None):
    self._write = write

  def write(self, estimator: HookedEstimator) -> None:
    """Writes the file, after a checkpoint was read or written."""
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
  """Opens the folder of a run as the settings need it.

  Training locks it. A command that only evaluates or exports makes, locks and
  deletes nothing.

  Args:
    settings: The settings of the run; `model_dir` is its folder.
    network: The name of the network.
    dataset: The images to train on.
    is_chief: Whether this process writes to the folder.

  Yields:
    The recorder that writes `config.json`.

  Raises:
    UsageError: The folder cannot be used in this way.
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
  assert model_dir is not None  # `training_run.opened` has settled it.
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
  """The recorder of training; of an evaluation only if nothing is recorded."""
  is_recorded = not settings.trains and run_folder.read_config(model_dir)
  if settings.export_only or is_recorded:
    return Recorder()
  recorded = content(settings, dataset)
  return Recorder(
    # The report reads the number of parameters from here, because counting them
    # in a checkpoint would take the import of TensorFlow.
    lambda parameters: run_folder.write_config(
      model_dir,
      identity,
      recorded | {'parameters': parameters},
      training=fixed,
    )
  )


def fixed_settings(settings: Settings) -> dict[str, Any]:
  """The settings that must stay the same for training to go on.

  They decide the variables and the order of the data. Epochs, rate, decay and
  the like may change.
  """
  names = ('batch_size', 'enable_lars', 'fine_tune', 'optimizer', 'seed')
  return {name: getattr(settings, name) for name in names} | {
    'loss_scale': 'dynamic' if settings.loss_scale == 'dynamic' else 'fixed',
  }
