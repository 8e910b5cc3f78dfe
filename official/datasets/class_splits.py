"""Classes of images in two splits: cut from one, and checked."""

import os

from official.datasets.found import first_few, shown
from official.errors import DataError

_TEST_EVERY = 10


def cut(
  data_dir: str, every: dict[str, list[str]]
) -> dict[str, dict[str, list[str]]]:
  """Every tenth image of a class is to test on."""
  few = [name for name, paths in every.items() if len(paths) < _TEST_EVERY]
  if few:
    raise DataError(
      f'{shown(data_dir)}: class {shown(few[0])} has fewer than {_TEST_EVERY} '
      'images, too few to test on some; add images, or make folders train and '
      'test'
    )
  return {
    'train': {
      name: [p for i, p in enumerate(paths) if (i + 1) % _TEST_EVERY]
      for name, paths in every.items()
    },
    'test': {
      name: paths[_TEST_EVERY - 1 :: _TEST_EVERY]
      for name, paths in every.items()
    },
  }


def check_several(folder: str, classes: dict[str, list[str]]) -> None:
  """Whether there are two classes or more."""
  if len(classes) < 2:
    names = first_few(classes) or 'none'
    raise DataError(
      f'{shown(folder)} must have a folder for each of two classes or more, '
      f'has: {names}; if the classes are one folder deeper, name that one'
    )


def check_same(
  data_dir: str,
  train: str,
  test: str,
  splits: dict[str, dict[str, list[str]]],
) -> None:
  """Whether both splits have the same classes."""
  ours, theirs = (list(splits[split]) for split in ('train', 'test'))
  if ours == theirs:
    return
  raise DataError(
    f'{shown(data_dir)}: {os.path.basename(train)} has the classes '
    f'{first_few(ours, 20)}, {os.path.basename(test)} {first_few(theirs, 20)}; '
    'they must be the same'
    + ''.join(
      f'; only in {os.path.basename(folder)}: {first_few(only)}'
      for folder, only in (
        (train, [name for name in ours if name not in theirs]),
        (test, [name for name in theirs if name not in ours]),
      )
      if only
    )
  )
