"""The folders to train and to test on, `train` and `test`."""

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from official.datasets.files import file_kinds, image_search
from official.datasets.files.inventory import LeftOut, list_folder
from official.datasets.files.names import first_few, printable
from official.errors import DataError

# Names of the folders of a split, in any case. Where there are several to test
# on, the one that comes first here is used.
_TRAIN = ('train', 'training')
_TEST = ('test', 'testing', 'validation', 'valid', 'val')


class SplitFolders(NamedTuple):
  """The folders to train and to test on, and what lies beside them."""

  train: str
  test: str
  left_out: list[LeftOut]


def is_named_as_split(folder: str) -> bool:
  """Returns whether a folder has the name of a split."""
  return os.path.basename(folder).lower() in _TRAIN + _TEST


def find(data_dir: str) -> SplitFolders | None:
  """Finds the folders of the splits; None where the classes lie side by side.

  Raises:
    DataError: There is only one split, or several folders to train on.
  """
  folders, files = list_folder(data_dir)
  trains, tests = _named(folders, _TRAIN), _named(folders, _TEST)
  if not tests and not any(map(has_folders, trains)):
    return None  # A class may be called train.
  where = printable(data_dir)
  if not trains:
    raise DataError(
      f'{where} has {_base_names(tests)} but no train; each class must have '
      'a folder in train and in test'
    )
  if len(trains) > 1:
    raise DataError(
      f'{where} must have one folder to train on, has: {_base_names(trains)}'
    )
  tests_with_classes = list(filter(has_folders, tests))
  if not tests_with_classes:
    raise DataError(
      f'{where} has {_base_names(trains)} but no test (or validation, or val) '
      'with a folder for each class'
    )
  train, test = trains[0], tests_with_classes[0]
  left_out = [
    LeftOut.folder(path, 'folders beside those that are used')
    for path in folders
    if path not in (train, test)
  ]
  left_out += image_search.beside(files, 'files beside the folders')
  return SplitFolders(train, test, left_out)


def _named(folders: Iterable[str], names: tuple[str, ...]) -> list[str]:
  """Returns the folders of these names in any case, in the order of `names`."""
  return [
    folder
    for name in names
    for folder in folders
    if os.path.basename(folder).lower() == name
  ]


def _base_names(paths: Iterable[str]) -> str:
  return first_few(map(os.path.basename, paths))


def has_folders(folder: str) -> bool:
  """Returns whether there are folders in it that may hold data."""
  return any(visible_folders(folder))


def visible_folders(folder: str) -> Iterator[str]:
  """Returns the paths of the folders in it that may hold data."""
  folders, _ = list_folder(folder)
  return (
    path
    for path in folders
    if not file_kinds.kind_of_folder(os.path.basename(path))
  )
