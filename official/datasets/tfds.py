"""Image-classification sets of TensorFlow Datasets, by name or folder."""

import contextlib
import os
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from official.datasets import found, in_memory
from official.datasets.bad_examples import first_line
from official.datasets.image_dataset import ImageDataset
from official.errors import DataError

_MAX_BYTES = 8 * 2**30


def is_tfds_folder(directory: str) -> bool:
  """Whether it is the folder of one prepared version of a set."""
  return os.path.exists(os.path.join(directory, 'dataset_info.json'))


def load(
  name: str | None, data_dir: str | None, **options: Any
) -> ImageDataset:
  """A set with splits `train` and `test` (or `validation`), in memory.

  Args:
    name: of the set, such as `'kmnist'`; None where `data_dir` is the folder
      of a prepared version.
    data_dir: where prepared sets are; None for TFDS's own.
    **options: see `in_memory.dataset`.

  Raises:
    DataError: no such set, no `image` and `label`, images of several shapes,
      or more than 8 GiB of them.
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
  if name is None:
    _tell(builder, data_dir, ('train', test))
  splits = {
    'train': _read(builder, 'train'),
    'test': _read(builder, test),
  }
  return in_memory.dataset(
    builder.name,
    splits,
    class_names=tuple(getattr(features['label'], 'names', None) or ()) or None,
    **options,
  )


def _tell(builder: Any, data_dir: str, splits: Iterable[str]) -> None:
  """Which files of a prepared version are used, and what else is there."""
  names = {
    name for split in splits for name in builder.info.splits[split].filenames
  }
  used = [
    os.path.join(data_dir, name)
    for name in sorted(os.listdir(data_dir))
    if name in names
    or name in ('dataset_info.json', 'features.json')
    or name.endswith('.labels.txt')
  ]
  found.tell(data_dir, len(used), found.others(data_dir, used))


def _builder(name: str | None, data_dir: str | None) -> Any:
  import tensorflow_datasets as tfds  # Slow to import, and seldom needed.

  try:
    if name is None:
      return tfds.builder_from_directory(data_dir)
    builder = tfds.builder(name, data_dir=data_dir)
    with _undone_on_error(builder):
      builder.download_and_prepare()
  except BrokenPipeError:  # `| head` has seen enough of what is printed.
    raise
  except Exception as e:  # TFDS raises many kinds, from the network's too.
    first_line = str(e).strip().splitlines()[0] if str(e).strip() else repr(e)
    raise DataError(
      f'TensorFlow Datasets cannot give {name or data_dir!r}: {first_line}'
    ) from e
  return builder


@contextlib.contextmanager
def _undone_on_error(builder: Any) -> Iterator[None]:
  """Whatever ends the preparation of a set, what it made goes again."""
  root = os.path.expanduser(str(builder.data_dir_root))
  tops = [os.path.join(root, name) for name in ('downloads', builder.name)]
  # The folder itself, too.
  before = {root} if os.path.isdir(root) else set()
  for top in tops:
    before.update(_all_below(top))
  try:
    yield
  except BaseException:
    for path in [*map(_all_below, tops)]:
      for made in reversed(path):
        if made not in before:
          _remove(made)
    if root not in before:
      _remove(root)
    raise


def _all_below(top: str) -> list[str]:
  """A folder and all in it, each before what it holds; [] if it is not."""
  found = []
  for folder, folders, names in os.walk(top):
    links = [n for n in folders if os.path.islink(os.path.join(folder, n))]
    found += [folder, *(os.path.join(folder, n) for n in [*names, *links])]
  return found


def _remove(path: str) -> None:
  """Removes a file, or a folder if it is empty."""
  with contextlib.suppress(OSError):
    if os.path.isdir(path) and not os.path.islink(path):
      os.rmdir(path)
    else:
      os.remove(path)


def _named(examples: Iterable[Any], name: str) -> Iterator[Any]:
  """The same; an error in the files tells whose they are."""
  try:
    yield from examples
  except tf.errors.OpError as e:
    raise DataError(f'{name} cannot be read: {first_line(e)}') from e


def _read(builder: Any, split: str) -> in_memory.Split:
  import tensorflow_datasets as tfds

  info = builder.info
  shape = info.features['image'].shape
  count = info.splits[split].num_examples
  if None in shape:
    raise DataError(
      f'{info.full_name} has images of several sizes, {shape}; only sets of '
      'one size can be used'
    )
  if count * int(np.prod(shape)) > _MAX_BYTES:
    raise DataError(
      f'{info.full_name} {split} has {count:,} images of {shape}, more than '
      f'{_MAX_BYTES // 2**30} GiB: too many for memory'
    )
  images = np.empty([count, *shape], np.uint8)
  labels = np.empty([count], np.int32)
  examples = tfds.as_numpy(builder.as_dataset(split=split, batch_size=1024))
  position = 0
  for example in _named(examples, f'{info.full_name} {split}'):
    end = position + len(example['label'])
    images[position:end] = example['image']
    labels[position:end] = example['label']
    position = end
  if position != count:  # The rest of the arrays would be any numbers.
    raise DataError(
      f'{info.full_name} {split} has {position:,} images in its files, but '
      f'{count:,} by its description'
    )
  return in_memory.Split(images, labels)
