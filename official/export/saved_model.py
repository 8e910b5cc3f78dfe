"""What a run of images exports: signatures for pixels and encoded images."""

import functools
import os
import tempfile
from typing import Any

from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.errors import UsageError
from official.export import formats, receivers
from official.run import folder as run_folder
from official.run import progress


def check(flags_obj: Any) -> None:
  """Whether `export` can work, before any long work starts.

  Raises:
    UsageError: the folder cannot be written, or a package is missing.
  """
  if flags_obj.export_dir:
    run_folder.check_writable('export_dir', flags_obj.export_dir)
    formats.check_installed(_formats(flags_obj))


def export(
  estimator: estimator_lib.Estimator, dataset: ImageDataset, flags_obj: Any
) -> str:
  """Exports the newest checkpoint to `--export_dir`; returns the folder.

  Raises:
    UsageError: there is no checkpoint.
  """
  if not estimator.latest_checkpoint():
    raise UsageError(
      f'{estimator.model_dir} holds no checkpoint to export; train first'
    )
  pixels = functools.partial(
    receivers.image_serving_input_fn, dataset.image_shape, dataset.preprocess
  )
  encoded = functools.partial(
    receivers.encoded_image_serving_input_fn,
    dataset.image_shape,
    dataset.preprocess,
    dataset.decode,
  )
  signatures = {'': pixels, 'image_bytes': encoded}
  if flags_obj.image_bytes_as_serving_input:
    signatures = {'': encoded, 'pixels': pixels}
  with tempfile.TemporaryDirectory() as scratch:
    names = os.path.join(scratch, 'class_names.txt')
    with open(names, 'w', encoding='utf-8') as f:
      f.writelines(f'{name}\n' for name in dataset.class_names)
    with progress.working('exporting'):
      return estimator.export_saved_model(
        flags_obj.export_dir,
        signatures,
        {'class_names.txt': names},
        frozen=True,
        finish_fn=functools.partial(
          formats.add,
          formats=_formats(flags_obj),
          image_shape=dataset.image_shape,
        ),
      )


def _formats(flags_obj: Any) -> list[str]:
  return [name.lower() for name in flags_obj.export_formats]
