"""Sets of numbered files, `train-00000-of-00004` to `train-00003-of-00004`."""

import os
import re

from official.datasets.found import first_few, shown
from official.errors import DataError

_NAME = re.compile(
  r'(?P<split>.+?)-(?P<number>\d+)-of-(?P<total>\d+)(?P<ending>(\.(tfrec(ord)?s?|records?))?)'
)
_MOST = 100_000  # files of a set


def find(directory: str, split: str) -> list[str]:
  """The files of the one set of a split, in order; none where there is none.

  Raises:
    DataError: there are several sets, or some of its files are missing.
  """
  sets = _sets(directory, split)
  if not sets:
    return []
  if len(sets) > 1:
    names = first_few(
      sorted(name for s in sets.values() for name in s.values())
    )
    raise DataError(
      f'{shown(directory)} has {len(sets)} sets of {split} files, of which one '
      f'is meant: {"; ".join(_described(split, key) for key in sets)} ({names})'
    )
  ((key, files),) = sets.items()
  total = key[0]
  missing = [number for number in range(total) if number not in files]
  beyond = [name for number, name in files.items() if number >= total]
  if missing or beyond:
    raise DataError(_incomplete(directory, split, key, files, missing, beyond))
  return [os.path.join(directory, files[number]) for number in range(total)]


def is_there(directory: str, split: str) -> bool:
  """Whether there is a file of such a set."""
  return bool(_sets(directory, split))


# Number of files, digits of their numbers and ending of a set.
_Key = tuple[int, int, str]


def _sets(directory: str, split: str) -> dict[_Key, dict[int, str]]:
  """Each set of a split: number to name."""
  sets: dict[_Key, dict[int, str]] = {}
  for name in sorted(os.listdir(directory)):
    match = _NAME.fullmatch(name)
    if match and match['split'] == split and int(match['total']) <= _MOST:
      key = (int(match['total']), len(match['number']), match['ending'])
      sets.setdefault(key, {})[int(match['number'])] = name
  return sets


def _named(split: str, key: _Key, number: int) -> str:
  total, digits, ending = key
  return f'{split}-{number:0{digits}}-of-{total:0{digits}}{ending}'


def _described(split: str, key: _Key) -> str:
  total, digits, ending = key
  return f'{split}-*-of-{total:0{digits}}{ending}'


def _incomplete(directory, split, key, files, missing, beyond) -> str:
  text = f'{shown(directory)} has {len(files):,} of {key[0]:,} {split} files'
  if missing:
    names = [_named(split, key, number) for number in missing]
    text += f'; missing: {first_few(names)}'
    packed = [
      name + ending
      for name in names
      for ending in ('.gz', '.zip', '.bak', '.tmp', '.part')
      if os.path.exists(os.path.join(directory, name + ending))
    ]
    if packed:
      text += f' (but {first_few(packed)} is there)'
  if beyond:
    text += f'; beyond the last one: {first_few(beyond)}'
  return text
