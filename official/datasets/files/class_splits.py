"""Classes of images divided into images to train and to test on."""

import os
from collections.abc import Mapping

from official.datasets.files.names import first_few, printable
from official.errors import DataError

_TEST_EVERY = 10
_MANY = 20  # names of classes that an error lists

Classes = dict[str, list[str]]  # name of a class to the paths of its images


def divide(data_dir: str, classes: Classes) -> dict[str, Classes]:
  """Takes every tenth image of each class to test on.

  The choice depends only on the order of names, so it is the same in every run
  on the same folder.

  Raises:
    DataError: A class has fewer than ten images.
  """
  small = [name for name, paths in classes.items() if len(paths) < _TEST_EVERY]
  if small:
    raise DataError(
      f'{printable(data_dir)}: class {printable(small[0])} has fewer than '
      f'{_TEST_EVERY} images, too few to test on some; add images, or make '
      'folders train and test'
    )
  return {
    'train': {
      name: [p for i, p in enumerate(paths) if (i + 1) % _TEST_EVERY]
      for name, paths in classes.items()
    },
    'test': {
      name: paths[_TEST_EVERY - 1 :: _TEST_EVERY]
      for name, paths in classes.items()
    },
  }


def check_several(folder: str, classes: Classes) -> None:
  """Checks that there are at least two classes.

  Raises:
    DataError: There are fewer than two.
  """
  if len(classes) < 2:
    names = first_few(classes) or 'none'
    raise DataError(
      f'{printable(folder)} must have a folder for each of two classes or more,'
      f' has: {names}; if the classes are one folder deeper, name that one'
    )


def check_same(
  data_dir: str, folders: Mapping[str, str], splits: Mapping[str, Classes]
) -> None:
  """Checks that both splits have the same classes.

  Args:
    data_dir: The data folder, for the error message.
    folders: `'train'` and `'test'` to the folder of the split.
    splits: `'train'` and `'test'` to the classes of the split.

  Raises:
    DataError: A class is missing in one of them.
  """
  train, test = (list(splits[split]) for split in ('train', 'test'))
  if train == test:
    return
  names = {split: os.path.basename(path) for split, path in folders.items()}
  only = {
    'train': [name for name in train if name not in test],
    'test': [name for name in test if name not in train],
  }
  raise DataError(
    f'{printable(data_dir)}: {names["train"]} has the classes '
    f'{first_few(train, _MANY)}, {names["test"]} {first_few(test, _MANY)}; '
    'they must be the same'
    + ''.join(
      f'; only in {names[split]}: {first_few(classes)}'
      for split, classes in only.items()
      if classes
    )
  )
