"""Exports a checkpoint as a SavedModel of pixels and of encoded images."""

import functools
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence

from official import estimator as estimator_lib
from official import output_folders
from official.datasets.image_dataset import ImageDataset
from official.errors import UsageError
from official.export import formats, receivers
from official.flags import Settings

_Receiver = Callable[[], estimator_lib.TensorServingInputReceiver]


def check(settings: Settings) -> None:
  """Checks that `export` can work, before any long work starts.

  Raises:
    UsageError: The folder cannot be written, or a package is missing.
  """
  if settings.export_dir:
    output_folders.check_writable('export_dir', settings.export_dir)
    formats.check_installed(_formats(settings))


def export(
  estimator: estimator_lib.Estimator, dataset: ImageDataset, settings: Settings
) -> str:
  """Exports the newest checkpoint to `--export_dir`.

  Args:
    estimator: The Estimator of the network; its `model_dir` has the checkpoint.
    dataset: The data set that it was trained on, whose preprocessing and class
      names become a part of the export.
    settings: The settings of the run.

  Returns:
    The folder of the SavedModel.

  Raises:
    UsageError: There is no checkpoint, or a conversion to another format fails.
  """
  if settings.export_dir is None:
    raise ValueError('settings.export_dir must be given')
  if not estimator.latest_checkpoint():
    raise UsageError(
      f'{estimator.model_dir} holds no checkpoint to export; train first'
    )
  finish = functools.partial(
    formats.add,
    formats=_formats(settings),
    image_shape=dataset.image_shape,
  )
  with tempfile.TemporaryDirectory() as scratch:
    return estimator.export_saved_model(
      settings.export_dir,
      _receivers(dataset, settings.image_bytes_as_serving_input),
      {'class_names.txt': _class_names_file(dataset, scratch)},
      frozen=True,
      finish_fn=finish,
    )


def _receivers(
  dataset: ImageDataset, encoded_is_default: bool
) -> Mapping[str, _Receiver]:
  """The receiver of each signature; `''` is the default signature."""
  pixels = functools.partial(
    receivers.image_serving_input_fn, dataset.image_shape, dataset.preprocess
  )
  encoded = functools.partial(
    receivers.encoded_image_serving_input_fn,
    dataset.image_shape,
    dataset.preprocess,
    dataset.decode,
  )
  if encoded_is_default:
    return {'': encoded, 'pixels': pixels}
  return {'': pixels, 'image_bytes': encoded}


def _class_names_file(dataset: ImageDataset, folder: str) -> str:
  """Writes the names of the classes, one on each line; returns the path."""
  path = os.path.join(folder, 'class_names.txt')
  with open(path, 'w', encoding='utf-8') as f:
    f.writelines(f'{name}\n' for name in dataset.class_names)
  return path


def _formats(settings: Settings) -> Sequence[str]:
  return [name.lower() for name in settings.export_formats]
