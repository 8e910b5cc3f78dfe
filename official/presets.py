"""Presets of experiments: TOML files that list the networks to train.

A preset is a file `presets/NAME.toml` in a package beside `official`, so that
the package of a network brings its presets along:

    description = 'one line, for --help'

    [[training]]
    name = 'net'                # how the folders of its runs begin
    main = 'net.mnist_main'     # the module of the main
    flags = ['--net_size=18']   # of the main; may be left out
    epochs = [1, 3]             # one run for each number of epochs
    epoch_seconds = 50          # roughly, to estimate the time left
"""

import dataclasses
import glob
import os
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from official.errors import UsageError

_NAME = re.compile(r'[A-Za-z0-9][A-Za-z0-9._-]*')
_KEYS = {'name', 'main', 'flags', 'epochs', 'epoch_seconds'}


@dataclasses.dataclass(frozen=True)
class Training:
  """A network and how long to train it.

  Attributes:
    name: The first part of the names of the folders of its runs.
    main: The module of the main, such as `'net.mnist_main'`.
    flags: The flags of the main, besides those that the experiment gives.
    epochs: Number of epochs.
    epoch_seconds: Seconds that an epoch takes, roughly.
  """

  name: str
  main: str
  flags: tuple[str, ...]
  epochs: int
  epoch_seconds: float


@dataclasses.dataclass(frozen=True)
class Preset:
  """The networks that an experiment trains.

  Attributes:
    description: A description of one line, for people.
    trainings: The trainings, at least one.
  """

  description: str
  trainings: tuple[Training, ...]


def find() -> dict[str, str]:
  """The files of the presets beside `official`, by their names.

  Of two files with the same name the one with the first path is taken.
  """
  beside_official = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
  pattern = os.path.join(glob.escape(beside_official), '*', 'presets', '*.toml')
  files: dict[str, str] = {}
  for path in sorted(glob.glob(pattern)):
    name = os.path.basename(path).removesuffix('.toml')
    files.setdefault(name, path)
  return dict(sorted(files.items()))


def descriptions() -> str:
  """`name (description)` of each preset that was found, for a flag's help."""
  parts = []
  for name, path in find().items():
    try:
      parts.append(f'{name} ({read(path).description})')
    except UsageError:
      # The error is reported when the preset is chosen; --help must still work.
      parts.append(name)
  return ', '.join(parts)


def load(name_or_path: str) -> Preset:
  """Reads the preset of this name, or the file at this path.

  Raises:
    UsageError: There is no such preset or file, or the file is not a preset.
  """
  files = find()
  if name_or_path in files:
    return read(files[name_or_path])
  path = os.path.expanduser(name_or_path)
  if not os.path.exists(path):
    raise UsageError(
      f'there is no preset {name_or_path}; give {", ".join(files)} or the path '
      'of a TOML file'
    )
  return read(path)


def read(path: str) -> Preset:
  """Reads the file of a preset.

  Raises:
    UsageError: The file cannot be read, or is not a preset.
  """
  try:
    with open(path, 'rb') as f:
      content = tomllib.load(f)
  except OSError as e:
    raise UsageError(f'{path}: {e.strerror}') from e
  except ValueError as e:  # Not TOML, or not UTF-8.
    raise UsageError(f'{path} is not TOML: {e}') from e
  try:
    return _preset(content)
  except ValueError as e:
    raise UsageError(f'{path}: {e}') from e


def _preset(content: Mapping[str, Any]) -> Preset:
  tables = content.get('training')
  if not isinstance(content.get('description'), str):
    raise ValueError("it needs a line description = '...'")
  if not isinstance(tables, list) or not tables:
    raise ValueError('it needs one or more [[training]]')
  trainings = []
  for number, table in enumerate(tables, start=1):
    try:
      trainings += _trainings(table)
    except ValueError as e:
      raise ValueError(f'[[training]] number {number}: {e}') from e
  folders = [(training.name, training.epochs) for training in trainings]
  if len(set(folders)) < len(folders):
    raise ValueError('two trainings have the same name and number of epochs')
  return Preset(' '.join(content['description'].split()), tuple(trainings))


def _trainings(table: Any) -> list[Training]:
  """One training for each number of epochs.

  Raises:
    ValueError: A key is unknown or missing, or has a value of another kind.
  """
  if not isinstance(table, dict):
    raise ValueError('it must be a table')
  unknown_keys = sorted(table.keys() - _KEYS)
  if unknown_keys:
    raise ValueError(
      f'{unknown_keys[0]} is not one of {", ".join(sorted(_KEYS))}'
    )
  name, main = table.get('name'), table.get('main')
  flags, epochs = table.get('flags', []), table.get('epochs')
  epoch_seconds = table.get('epoch_seconds')
  if not isinstance(name, str) or not _NAME.fullmatch(name):
    raise ValueError(f'name must be letters, digits and ._-, given: {name}')
  if not isinstance(main, str) or not main:
    raise ValueError(f'main must name a module, given: {main}')
  if not _is_list_of(str, flags):
    raise ValueError(f'flags must be a list of strings, given: {flags}')
  if not epochs or not _is_list_of(int, epochs) or min(epochs) < 1:
    raise ValueError(
      f'epochs must be a list of whole numbers of 1 or more, given: {epochs}'
    )
  if not isinstance(epoch_seconds, int | float) or not epoch_seconds > 0:
    raise ValueError(f'epoch_seconds must be positive, given: {epoch_seconds}')
  return [
    Training(name, main, tuple(flags), number, epoch_seconds)
    for number in epochs
  ]


def _is_list_of(kind: type, value: Any) -> bool:
  return isinstance(value, list) and all(type(item) is kind for item in value)
