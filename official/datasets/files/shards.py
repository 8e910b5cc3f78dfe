"""Sets of numbered files, `train-00000-of-00004` to `train-00003-of-00004`."""

import os
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from official.datasets.files.names import first_few, printable
from official.errors import DataError

_NAME = re.compile(
  r'(?P<split>.+?)-(?P<number>\d+)-of-(?P<total>\d+)(?P<ending>(\.(tfrec(ord)?s?|records?))?)'
)
_MAX_TOTAL = 100_000  # A larger number in a name does not count files.
# Endings that an archiver or an interrupted copy adds to a name.
_ENDINGS_OF_TWINS = ('.gz', '.zip', '.bak', '.tmp', '.part')


class _Set(NamedTuple):
  """The common parts of the names of the files of one set.

  Attributes:
    split: The first part of the names.
    total: Number of files.
    digits: Number of digits of the numbers in the names.
    ending: The end of the names, such as `.tfrecord`; may be empty.
  """

  split: str
  total: int
  digits: int
  ending: str

  def name(self, number: int) -> str:
    """Returns the name of a file."""
    return (
      f'{self.split}-{number:0{self.digits}}-of-'
      f'{self.total:0{self.digits}}{self.ending}'
    )

  def pattern(self) -> str:
    """Returns the names of all files with a `*` for the number."""
    total = f'{self.total:0{self.digits}}'
    return f'{self.split}-*-of-{total}{self.ending}'


def find(directory: str, split: str) -> list[str]:
  """Finds the files of the one set of a split.

  Returns:
    Their paths in the order of their numbers; empty where there is no set.

  Raises:
    DataError: There are several sets, or files of the set are missing.
  """
  sets = _sets(directory, split)
  if not sets:
    return []
  if len(sets) > 1:
    names = first_few(
      sorted(name for files in sets.values() for name in files.values())
    )
    raise DataError(
      f'{printable(directory)} has {len(sets)} sets of {split} files, of which '
      f'one is meant: {"; ".join(key.pattern() for key in sets)} ({names})'
    )
  ((key, files),) = sets.items()
  missing = [key.name(i) for i in range(key.total) if i not in files]
  beyond = [name for number, name in files.items() if number >= key.total]
  if missing or beyond:
    raise DataError(
      f'{printable(directory)} has {len(files):,} of {key.total:,} {split} '
      f'files{_missing(directory, missing)}{_beyond(beyond)}'
    )
  return [os.path.join(directory, files[number]) for number in range(key.total)]


def exist(directory: str, split: str) -> bool:
  """Returns whether there is any file of such a set."""
  return bool(_sets(directory, split))


def _sets(directory: str, split: str) -> Mapping[_Set, dict[int, str]]:
  """Returns each set of a split with the names of its files by number."""
  sets: dict[_Set, dict[int, str]] = {}
  for name in sorted(os.listdir(directory)):
    match = _NAME.fullmatch(name)
    if match and match['split'] == split and int(match['total']) <= _MAX_TOTAL:
      key = _Set(
        split, int(match['total']), len(match['number']), match['ending']
      )
      sets.setdefault(key, {})[int(match['number'])] = name
  return sets


def _missing(directory: str, names: Sequence[str]) -> str:
  if not names:
    return ''
  twins = [
    name + ending
    for name in names
    for ending in _ENDINGS_OF_TWINS
    if os.path.exists(os.path.join(directory, name + ending))
  ]
  hint = f' (but {first_few(twins)} is there)' if twins else ''
  return f'; missing: {first_few(names)}{hint}'


def _beyond(names: Sequence[str]) -> str:
  return f'; beyond the last one: {first_few(names)}' if names else ''
