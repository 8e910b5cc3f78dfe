"""Image files with labels, listed from one folder for each class.

Images that cannot be decoded are found and left out here, so that training does
not fail at one of them after hours.
"""

import os
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from official import tensorflow_errors
from official.datasets.bad_examples import BadExamples, find_unusable
from official.datasets.decoding import images, resizing
from official.datasets.files import class_folders, inventory
from official.datasets.files.names import printable
from official.errors import DataError

NUM_CHANNELS = 3


class LabelledFiles(NamedTuple):
  """The images of a split.

  Attributes:
    paths: The paths of the files, as bytes, since not every name is text.
    labels: int32, one for each path.
  """

  paths: list[bytes]
  labels: np.ndarray

  def without(self, numbers: Collection[int]) -> 'LabelledFiles':
    """Returns the other files."""
    kept = [i for i in range(len(self.paths)) if i not in numbers]
    return LabelledFiles([self.paths[i] for i in kept], self.labels[kept])

  def describe(self, reasons: Mapping[int, str]) -> list[str]:
    """Returns the name of each file of these numbers, with its reason."""
    return [
      f'{printable(os.fsdecode(self.paths[i]))}: {reason}'
      for i, reason in reasons.items()
    ]


class Listing(NamedTuple):
  """The images of a folder.

  Attributes:
    files: The files of `'train'` and `'test'`.
    class_names: The name of each class.
    reasons: The reason for each image that is left out because of its header.
  """

  files: dict[str, LabelledFiles]
  class_names: tuple[str, ...]
  reasons: list[str]


def list_folder(data_dir: str, bad: BadExamples) -> Listing:
  """Lists the images of both splits, and logs which other files there are.

  Raises:
    DataError: The header of an image shows that it cannot be used, and too few
      may be left out; also see `class_folders.find`.
  """
  folders = class_folders.find(data_dir)
  inventory.warn(
    data_dir, len(folders.used), folders.left_out, folders.unusable
  )
  reasons = [
    f'{printable(path)}: {reason}' for path, reason in folders.unusable.items()
  ]
  if not bad.are_allowed:
    bad.leave_out(reasons, are_all=False)  # None has been decoded yet.
  names = tuple(folders.splits['train'])
  files = {}
  for split, classes in folders.splits.items():
    counts = [len(classes[name]) for name in names]
    files[split] = LabelledFiles(
      [os.fsencode(path) for name in names for path in classes[name]],
      np.repeat(np.arange(len(names), dtype=np.int32), counts),
    )
  return Listing(files, tuple(map(printable, names)), reasons)


def decode_and_resize(
  files: LabelledFiles, size: int
) -> tuple[np.ndarray, LabelledFiles, list[str]]:
  """Decodes the images of a split.

  Args:
    files: The files of the images.
    size: Height and width in pixels to resize to.

  Returns:
    The images, uint8 [N, size, size, 3]; the files of these images; and the
    reason why each other file cannot be decoded.
  """
  shape = (size, size, NUM_CHANNELS)
  pixels = np.zeros([len(files.paths), *shape], np.uint8)
  reasons: dict[int, str] = {}
  for i, path in enumerate(files.paths):
    try:
      pixels[i] = resizing.decode_and_resize(shape, tf.io.read_file(path))
    except tf.errors.OpError as e:
      reasons[i] = tensorflow_errors.reason(e)
  pixels = np.delete(pixels, list(reasons), axis=0)
  return pixels, files.without(reasons), files.describe(reasons)


def decodable(files: LabelledFiles) -> tuple[LabelledFiles, list[str]]:
  """Returns the files that can be decoded, and the reasons for the others."""
  paths = tf.constant(files.paths)

  def decode(number: tf.Tensor) -> tf.Tensor:
    return images.decode(tf.io.read_file(paths[number]), NUM_CHANNELS)

  reasons = find_unusable(len(files.paths), decode)
  return files.without(reasons), files.describe(reasons)


def check_classes(
  data_dir: str,
  files: Mapping[str, LabelledFiles],
  class_names: tuple[str, ...],
) -> None:
  """Checks that each class still has images without those that were left out.

  Raises:
    DataError: A class has no image.
  """
  for split, (_, labels) in files.items():
    for number, name in enumerate(class_names):
      if number not in labels:
        raise DataError(
          f'{printable(data_dir)}: no image of class {name} to {split} on can '
          'be decoded'
        )
