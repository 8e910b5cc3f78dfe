"""The TFRecord files of ImageNet."""

import os
from collections.abc import Mapping, Sequence

from official.datasets import imagenet_examples
from official.datasets.bad_examples import BadExamples
from official.datasets.files import inventory, shards, tfrecords
from official.datasets.files.names import printable
from official.datasets.files.tfrecords import Part
from official.errors import DataError

# The numbers of ImageNet (Russakovsky et al. 2015) in its usual form. The
# images of other sets are counted, which reads from every file.
NUM_IMAGES = {'train': 1_281_167, 'test': 50_000}
_NUM_FILES = {'train': 1024, 'test': 128}
# Images divided by files, rounded down and up: some tools put one image more
# into the first files, and some do not.
_IN_FIRST_FILE = {'train': (1251, 1252), 'test': (390, 391)}

_FILE_PREFIXES = {'train': 'train', 'test': 'validation'}


def exist(directory: str) -> bool:
  """Returns whether a folder holds any of these files."""
  return any(
    shards.exist(directory, prefix) for prefix in _FILE_PREFIXES.values()
  )


def find(data_dir: str) -> dict[str, list[str]]:
  """Finds the files of `'train'` and `'test'`, and logs which others there are.

  Raises:
    DataError: A file is missing, is empty or holds something else.
  """
  files = {
    split: shards.find(data_dir, prefix)
    for split, prefix in _FILE_PREFIXES.items()
  }
  for split, paths in files.items():
    if not paths:
      raise DataError(
        f'{printable(data_dir)} holds no TFRecords of the {split} split, '
        f'{_FILE_PREFIXES[split]}-00000-of-...'
      )
  used = [path for paths in files.values() for path in paths]
  for path in used:
    if not os.path.isfile(path):  # Reading a pipe would wait for ever.
      raise DataError(f'{path} is not a file')
    if not os.path.getsize(path):
      raise DataError(f'{path} is empty')
  inventory.warn(data_dir, len(used), inventory.unused(data_dir, used))
  for paths in files.values():
    imagenet_examples.check_first_record(paths[0])
  return files


def num_images(split: str, parts: Sequence[Part]) -> int:
  """Returns the number of images of a split.

  They are counted unless the files are those of ImageNet.
  """
  is_imagenet = (
    len(parts) == _NUM_FILES[split]
    and all(part.num_records < 0 for part in parts)
    and tfrecords.count_records(parts[0]) in _IN_FIRST_FILE[split]
  )
  if is_imagenet:
    return NUM_IMAGES[split]
  return sum(map(tfrecords.count_records, parts))


def count_share(parts: Sequence[Part], data_dir: str) -> int:
  """Returns the number of records in one worker's share of the files.

  Args:
    parts: The parts of the files of this worker.
    data_dir: The folder, for the error message.

  Raises:
    DataError: The share has no file.
  """
  if not parts:
    raise DataError(
      f'{data_dir} has fewer training files than there are workers, each of '
      'which needs one'
    )
  return sum(map(tfrecords.count_records, parts))


def whole(files: Mapping[str, list[str]]) -> dict[str, list[Part]]:
  """Returns the files with all their records, none of them tried."""
  return {split: list(map(Part, paths)) for split, paths in files.items()}


def usable(
  files: Mapping[str, list[str]],
  labels: imagenet_examples.Labels,
  bad: BadExamples,
) -> dict[str, list[Part]]:
  """Tries every record; returns the files without the records that failed.

  Args:
    files: The files of `'train'` and `'test'`.
    labels: The numbering of the classes by the labels.
    bad: The counter of records that are left out.

  Raises:
    DataError: More records than `bad` allows cannot be used.
  """
  use = imagenet_examples.trial(labels)
  parts: dict[str, list[Part]] = {split: [] for split in files}
  for split, paths in files.items():
    for path in paths:
      of_file, reasons = tfrecords.usable_parts(path, use)
      bad.leave_out(
        f'{path} record {number}: {reason}'
        for number, reason in reasons.items()
      )
      parts[split] += of_file
  return parts
