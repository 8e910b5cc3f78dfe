"""What config.json tells of a run, besides what it may never change."""

import contextlib
import os
from collections.abc import Callable, Iterator
from typing import Any

from official import cli, environment
from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.errors import UsageError
from official.flags import parsing
from official.run import folder as run_folder

# Flags that say what to do with a run and where, not what it is.
OF_ONE_CALL = (
  *('clean', 'eval_only', 'export_dir', 'export_formats', 'model_dir'),
  *('image_bytes_as_serving_input', 'distribution_strategy', 'num_gpus'),
  *('worker_hosts', 'task_index', 'cluster_timeout', 'sync_batch_norm'),
  *('all_reduce_alg', 'num_packs', 'save_predictions', 'summaries'),
)


def config(flags_obj: Any, dataset: ImageDataset) -> dict[str, Any]:
  """Every flag, the data, the machine and how to do it again."""
  is_command = parsing.is_command_line(flags_obj)
  return parsing.value_dict(flags_obj) | {
    'class_names': dataset.class_names,
    'num_images': dict(dataset.num_images),
    'environment': environment.describe(),
    # What an export in another process needs.
    'main': cli.main_module() if is_command else None,
    'arguments': parsing.arguments(flags_obj, but=OF_ONE_CALL),
    'working_dir': os.getcwd(),
  }


def trains(flags_obj: Any) -> bool:
  """Whether the flags ask for training, and not for a look at what is there."""
  only_looks = flags_obj.eval_only or flags_obj.export_only
  return not only_looks and flags_obj.train_epochs > 0


class Recorder(estimator_lib.CheckpointSaverListener):
  """Writes `config.json`, once, when what it describes is there.

  So a command that cannot work does not leave its settings in the folder.

  Args:
    write: writes the file, given how many parameters the network has; None
      where it is not to be written.
  """

  def __init__(self, write: Callable[[int], None] | None = None):
    self._write = write

  def write(self, estimator: estimator_lib.Estimator) -> None:
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
  model_dir: str,
  flags_obj: Any,
  network: str,
  dataset: ImageDataset,
  is_chief: bool,
) -> Iterator[Recorder]:
  """The folder of a run, for what the flags want to do with it.

  Training locks it. An evaluation or an export alone makes, locks and deletes
  nothing.

  Args:
    model_dir: the folder.
    flags_obj: the parsed flags.
    network: its name.
    dataset: what it trains on.
    is_chief: else another process does all this.

  Yields:
    What writes the settings of the run.

  Raises:
    UsageError: the folder cannot be used so.
  """
  identity = {
    'network': network,
    'dataset': dataset.name,
    'num_classes': dataset.num_classes,
    'image_shape': list(dataset.image_shape),
  }
  only_reads = not trains(flags_obj)
  if only_reads and flags_obj.clean:
    raise UsageError('--clean would delete the run that is to be read')
  rest = None if only_reads else training(flags_obj)
  with contextlib.ExitStack() as stack:
    if is_chief and not only_reads:
      folder = stack.enter_context(run_folder.lock(model_dir))
      if flags_obj.clean:
        folder.clean()
    if is_chief:
      run_folder.check(model_dir, identity, training=rest)
    evaluates = only_reads and not flags_obj.export_only
    if is_chief and evaluates and os.path.isdir(model_dir):
      run_folder.check_writable('model_dir', model_dir)  # For its results.
    is_known = only_reads and run_folder.read_config(model_dir)
    if not is_chief or flags_obj.export_only or is_known:
      yield Recorder()
    else:
      settings = config(flags_obj, dataset)
      yield Recorder(
        # The report gets the parameters from here: to count them in a
        # checkpoint it would have to import TensorFlow.
        lambda parameters: run_folder.write_config(
          model_dir,
          identity,
          settings | {'parameters': parameters},
          training=rest,
        )
      )


def training(flags_obj: Any) -> dict[str, Any]:
  """What a run cannot go on without: its variables and its place in the data.

  Epochs, rate, decay and the like may change.
  """
  names = ('batch_size', 'enable_lars', 'fine_tune', 'optimizer', 'seed')
  return {name: getattr(flags_obj, name) for name in names} | {
    'loss_scale': 'dynamic' if flags_obj.loss_scale == 'dynamic' else 'fixed',
  }
