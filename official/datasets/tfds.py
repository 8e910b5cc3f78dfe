"""Image-classification sets of TensorFlow Datasets, by name or folder."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from official import tensorflow_errors
from official.datasets import in_memory
from official.datasets.files import inventory
from official.datasets.image_dataset import ImageDataset
from official.datasets.limits import (
  MAX_BYTES_IN_MEMORY,
  MAX_GIBIBYTES_IN_MEMORY,
)
from official.errors import DataError

_DESCRIPTION = 'dataset_info.json'
_BATCH = 1024  # images read at a time


def is_tfds_folder(directory: str) -> bool:
  """Returns whether a folder is that of one prepared version of a set."""
  return os.path.exists(os.path.join(directory, _DESCRIPTION))


def load(
  name: str | None, data_dir: str | None, **options: Any
) -> ImageDataset:
  """Reads a set with splits `train` and `test` (or `validation`) into memory.

  Args:
    name: The name of the set, such as `'kmnist'`; None where `data_dir` is the
      folder of a prepared version.
    data_dir: The folder of prepared sets; None for the default of TensorFlow
      Datasets.
    **options: See `in_memory.dataset`.

  Raises:
    DataError: There is no such set, it has no `image` and `label`, or its
      images have several shapes or take more than 8 GiB.
  """
  builder = _builder(name, data_dir)
  features = builder.info.features
  if not {'image', 'label'} <= features.keys():
    raise DataError(
      f'{builder.info.full_name} is not an image-classification set: it has '
      f'{sorted(features.keys())}, expected image and label'
    )
  available = builder.info.splits
  test = next((s for s in ('test', 'validation') if s in available), None)
  if 'train' not in available or test is None:
    raise DataError(
      f'{builder.info.full_name} has splits {sorted(available)}, expected '
      'train and test (or validation)'
    )
  if data_dir is not None and name is None:
    _warn_of_other_files(builder, data_dir, ('train', test))
  splits = {
    'train': _read(builder, 'train'),
    'test': _read(builder, test),
  }
  class_names = getattr(features['label'], 'names', None)
  return in_memory.dataset(
    builder.name,
    splits,
    class_names=tuple(class_names) if class_names else None,
    **options,
  )


def _warn_of_other_files(
  builder: Any, data_dir: str, splits: Iterable[str]
) -> None:
  """Logs what the folder of a prepared version holds besides these splits."""
  names = {
    name for split in splits for name in builder.info.splits[split].filenames
  }
  used = [
    os.path.join(data_dir, name)
    for name in sorted(os.listdir(data_dir))
    if name in names
    or name in (_DESCRIPTION, 'features.json')
    or name.endswith('.labels.txt')
  ]
  inventory.warn(data_dir, len(used), inventory.unused(data_dir, used))


def _builder(name: str | None, data_dir: str | None) -> Any:
  """Returns the builder of a set that is prepared.

  Raises:
    DataError: TensorFlow Datasets does not know it or cannot prepare it.
  """
  import tensorflow_datasets as tfds  # Slow to import, and seldom needed.

  try:
    if name is None:
      return tfds.builder_from_directory(data_dir)
    builder = tfds.builder(name, data_dir=data_dir)
    with _undone_on_error(builder):
      builder.download_and_prepare()
  except BrokenPipeError:  # `| head` has seen enough of what is printed.
    raise
  except Exception as e:  # It raises many kinds, those of the network too.
    text = str(e).strip()
    line = text.splitlines()[0] if text else repr(e)
    raise DataError(
      f'TensorFlow Datasets cannot give {name or data_dir!r}: {line}'
    ) from e
  return builder


@contextlib.contextmanager
def _undone_on_error(builder: Any) -> Iterator[None]:
  """Removes what the preparation of a set made if an exception ends it."""
  root = os.path.expanduser(str(builder.data_dir_root))
  folders = [os.path.join(root, name) for name in ('downloads', builder.name)]
  before = {root} if os.path.isdir(root) else set()
  for folder in folders:
    before.update(_all_below(folder))
  try:
    yield
  except BaseException:
    made = [path for folder in folders for path in reversed(_all_below(folder))]
    for path in [*made, root]:
      if path not in before:
        _remove(path)
    raise


def _all_below(top: str) -> list[str]:
  """Lists a folder and everything below it, each folder before its content.

  The list is empty where there is no such folder.
  """
  paths = []
  for folder, folders, files in os.walk(top):
    links = [n for n in folders if os.path.islink(os.path.join(folder, n))]
    paths += [folder, *(os.path.join(folder, n) for n in [*files, *links])]
  return paths


def _remove(path: str) -> None:
  """Removes a file, or a folder if it is empty."""
  with contextlib.suppress(OSError):
    if os.path.isdir(path) and not os.path.islink(path):
      os.rmdir(path)
    else:
      os.remove(path)


def _read(builder: Any, split: str) -> in_memory.Split:
  """Reads a split into memory.

  Raises:
    DataError: The images have several sizes, are too many, cannot be read, or
      differ in number from the set's description.
  """
  import tensorflow_datasets as tfds

  info = builder.info
  shape = info.features['image'].shape
  count = info.splits[split].num_examples
  if None in shape:
    raise DataError(
      f'{info.full_name} has images of several sizes, {shape}; only sets of '
      'one size can be used'
    )
  if count * int(np.prod(shape)) > MAX_BYTES_IN_MEMORY:
    raise DataError(
      f'{info.full_name} {split} has {count:,} images of {shape}, more than '
      f'{MAX_GIBIBYTES_IN_MEMORY} GiB: too many for memory'
    )
  images = np.empty([count, *shape], np.uint8)
  labels = np.empty([count], np.int32)
  examples = tfds.as_numpy(builder.as_dataset(split=split, batch_size=_BATCH))
  position = 0
  for example in _readable(examples, f'{info.full_name} {split}'):
    end = position + len(example['label'])
    images[position:end] = example['image']
    labels[position:end] = example['label']
    position = end
  if position != count:  # The rest of the arrays was never written.
    raise DataError(
      f'{info.full_name} {split} has {position:,} images in its files, but '
      f'{count:,} by its description'
    )
  return in_memory.Split(images, labels)


def _readable(examples: Iterable[Any], name: str) -> Iterator[Any]:
  """Yields the examples.

  Raises:
    DataError: The files cannot be read; the message names the set.
  """
  try:
    yield from examples
  except tf.errors.OpError as e:
    reason = tensorflow_errors.reason(e)
    raise DataError(f'{name} cannot be read: {reason}') from e
