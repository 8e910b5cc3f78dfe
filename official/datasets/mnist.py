"""MNIST, which comes with the package, or any set in the same IDX form."""

import hashlib
import os
from typing import Any

import numpy as np

from official.datasets import in_memory
from official.datasets.files import idx, inventory
from official.datasets.image_dataset import ImageDataset
from official.errors import DataError

EMBEDDED = os.path.join(os.path.dirname(__file__), 'mnist_data')

# Hashes of the unpacked files, since gzip writes the same content in many ways.
_SHA256 = {
  ('train', 'images'): (
    'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db'
  ),
  ('train', 'labels'): (
    '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5'
  ),
  ('test', 'images'): (
    '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7'
  ),
  ('test', 'labels'): (
    'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2'
  ),
}


def load(data_dir: str | None = None, **options: Any) -> ImageDataset:
  """Reads the embedded MNIST, or the IDX files of a folder, gzipped or not.

  Fashion-MNIST, KMNIST and EMNIST come in the same form. The number of
  classes is that of the labels; the images may have any size.

  Args:
    data_dir: The folder; None for the embedded MNIST.
    **options: See `in_memory.dataset`.

  Raises:
    DataError: A file is missing, damaged or does not fit the others.
  """
  arrays = read(data_dir)
  splits = {
    split: in_memory.Split(
      arrays[split, 'images'][..., np.newaxis],
      arrays[split, 'labels'].astype(np.int32),
    )
    for split in ('train', 'test')
  }
  name = (
    'MNIST' if data_dir is None else os.path.basename(os.path.abspath(data_dir))
  )
  return in_memory.dataset(name, splits, **options)


def read(data_dir: str | None) -> dict[idx.Key, np.ndarray]:
  """Returns `(split, kind)` to the array of that file; see `load`.

  Images are uint8 [N, H, W], labels uint8 [N].

  Raises:
    DataError: See `load`.
  """
  directory = data_dir or EMBEDDED
  files = idx.find(directory)
  if not files:
    raise DataError(f'{directory} holds no IDX files')
  if data_dir is not None:
    used = list(files.values())
    inventory.warn(data_dir, len(used), inventory.unused(data_dir, used))
  arrays = {}
  for (split, kind), path in files.items():
    content = idx.read_bytes(path)
    if data_dir is None:
      _verify(content, path, _SHA256[split, kind])
    arrays[split, kind] = idx.parse(content, path, 3 if kind == 'images' else 1)
  return arrays


def _verify(content: bytes, path: str, expected: str) -> None:
  actual = hashlib.sha256(content).hexdigest()
  if actual != expected:
    raise DataError(
      f'{path} is damaged: its SHA-256 unpacked is {actual}, '
      f'expected {expected}. Reinstall the package.'
    )
