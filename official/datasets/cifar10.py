"""CIFAR-10 in its binary form (https://www.cs.toronto.edu/~kriz/cifar.html)."""

import os
from typing import Any

import numpy as np

from official.datasets import in_memory
from official.datasets.files import inventory
from official.datasets.files.names import first_few
from official.datasets.image_dataset import ImageDataset
from official.errors import DataError

FOLDER = 'cifar-10-batches-bin'
FILES = {
  'train': tuple(f'data_batch_{i}.bin' for i in range(1, 6)),
  'test': ('test_batch.bin',),
}
CLASS_NAMES = (
  'airplane', 'automobile', 'bird', 'cat', 'deer', 'dog', 'frog', 'horse',
  'ship', 'truck',
)  # fmt: skip

NUM_IMAGES = {'train': 50_000, 'test': 10_000}
HEIGHT = WIDTH = 32
NUM_CHANNELS = 3
# A record is the label, then the red, the green and the blue plane.
RECORD_BYTES = 1 + HEIGHT * WIDTH * NUM_CHANNELS


def find(directory: str) -> str | None:
  """Finds the folder of the binary files; None where there is none.

  Args:
    directory: The folder itself, or one that holds what the archive unpacks to.
  """
  for folder in (directory, os.path.join(directory, FOLDER)):
    if any(
      os.path.exists(os.path.join(folder, name))
      for names in FILES.values()
      for name in names
    ):
      return folder
  return None


def load(
  data_dir: str, *, above: str | None = None, **options: Any
) -> ImageDataset:
  """Reads CIFAR-10 from its binary files.

  Args:
    data_dir: The folder that `find` returned.
    above: The folder in which `find` looked; None where it is `data_dir`.
    **options: See `in_memory.dataset`.

  Raises:
    DataError: A file is missing or damaged.
  """
  names = [name for of_split in FILES.values() for name in of_split]
  used = [os.path.join(data_dir, name) for name in names]
  missing = [path for path in used if not os.path.isfile(path)]
  if missing:
    raise DataError(
      f'{data_dir} does not hold all files of CIFAR-10; missing: '
      f'{first_few(map(os.path.basename, missing), len(names))}'
    )
  left_out = list(inventory.unused(data_dir, used))
  if above and not os.path.samefile(above, data_dir):
    left_out += inventory.unused(above, [os.path.join(above, FOLDER)])
  inventory.warn(above or data_dir, len(used), left_out)
  splits = {}
  for split, of_split in FILES.items():
    parts = [read(os.path.join(data_dir, name)) for name in of_split]
    splits[split] = in_memory.Split(
      np.concatenate([part.images for part in parts]),
      np.concatenate([part.labels for part in parts]),
    )
  return in_memory.dataset(
    'CIFAR-10', splits, class_names=CLASS_NAMES, **options
  )


def read(path: str) -> in_memory.Split:
  """Reads the images, uint8 [N, 32, 32, 3], and labels of one file.

  Raises:
    DataError: The file cannot be read, or does not hold whole records only.
  """
  try:
    content = np.fromfile(path, np.uint8)
  except OSError as e:
    raise DataError(f'{path} cannot be read: {e.strerror or e}') from e
  if not content.size or content.size % RECORD_BYTES:
    raise DataError(
      f'{path} has {content.size:,} bytes, expected a multiple of '
      f'{RECORD_BYTES:,}: it is not CIFAR-10 or was cut off'
    )
  records = content.reshape([-1, RECORD_BYTES])
  labels = records[:, 0].astype(np.int32)
  planes = records[:, 1:].reshape([-1, NUM_CHANNELS, HEIGHT, WIDTH])
  return in_memory.Split(planes.transpose([0, 2, 3, 1]), labels)
