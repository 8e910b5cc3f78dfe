"""IDX files, the format of MNIST and of the data sets made in its image.

The format is described at http://yann.lecun.com/exdb/mnist/: two zero bytes,
the type of the numbers, the number of dimensions, the size of each dimension as
a big-endian 32-bit number, and the numbers.
"""

import gzip
import math
import os
import re
import zlib

import numpy as np

from official.datasets.limits import (
  MAX_BYTES_IN_MEMORY,
  MAX_GIBIBYTES_IN_MEMORY,
)
from official.errors import DataError

_UNSIGNED_BYTE = 0x08
_MAX_DIMENSIONS = 3
_MAGIC_BYTES = _SIZE_BYTES = 4
_LONGEST_HEADER = _MAGIC_BYTES + _SIZE_BYTES * _MAX_DIMENSIONS
_GZIP = b'\x1f\x8b'

Key = tuple[str, str]  # split `train` or `test`, kind `images` or `labels`
_KEYS: tuple[Key, ...] = (
  ('train', 'images'),
  ('train', 'labels'),
  ('test', 'images'),
  ('test', 'labels'),
)

# `emnist-digits-train-images-idx3-ubyte.gz`, `t10k-labels.idx1-ubyte`, ...
_NAME = re.compile(
  r'(?P<set>.*?)(?P<split>train|t10k|test)-(?P<kind>images|labels)'
  r'[.-]idx[13]-ubyte(\.gz)?$'
)


def find(directory: str) -> dict[Key, str]:
  """Finds the IDX files of a folder.

  Returns:
    `(split, kind)` to path: split `'train'` or `'test'`, kind `'images'` or
    `'labels'`; empty where there are none.

  Raises:
    DataError: Some files are missing, there are several of one kind, or they
      belong to several data sets.
  """
  names_of: dict[Key, list[str]] = {}
  sets = set()
  for name in sorted(os.listdir(directory)):
    match = _NAME.match(name)
    if match and not name.startswith('.'):  # macOS writes a `._name` for each.
      split = 'train' if match['split'] == 'train' else 'test'
      names_of.setdefault((split, match['kind']), []).append(name)
      sets.add(match['set'])
  if not names_of:
    return {}
  for split, kind in _KEYS:
    names = names_of.get((split, kind), [])
    if len(names) != 1:
      raise DataError(
        f'{directory} must hold one file of {split} {kind} '
        f'(such as {_example(split, kind)}, .gz or not), found: '
        f'{", ".join(names) or "none"}'
      )
  if len(sets) > 1:
    all_names = ', '.join(names_of[key][0] for key in _KEYS)
    raise DataError(
      f'{directory} must hold the files of one set, found: {all_names}'
    )
  paths = {key: os.path.join(directory, names_of[key][0]) for key in _KEYS}
  for path in paths.values():
    if not os.path.isfile(path):  # Reading a pipe would wait for ever.
      raise DataError(f'{path} is not a file')
  return paths


def read_bytes(path: str) -> bytes:
  """Returns the content of a file, unpacked if it is gzipped.

  At most one byte more is read than its header promises. So a few bytes cannot
  become gigabytes, and a file that is too long is still noticed.

  Raises:
    DataError: The file cannot be read or unpacked, or its header promises too
      many bytes.
  """
  try:
    with open(path, 'rb') as f:
      is_packed = f.read(len(_GZIP)) == _GZIP
    with (gzip.open if is_packed else open)(path, 'rb') as f:
      head = f.read(_LONGEST_HEADER)
      rest = max(_promised_bytes(head, path) - len(head), 0) + 1
      return head + f.read(rest)
  except (OSError, EOFError, zlib.error) as e:
    raise DataError(f'{path} cannot be read: {e}') from e


def _promised_bytes(head: bytes, path: str) -> int:
  """Returns the length of the file by its header; 0 where that is not one.

  Raises:
    DataError: The length is more than the memory should hold.
  """
  if len(head) < _MAGIC_BYTES or head[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
    return 0
  header = _header_bytes(min(head[3], _MAX_DIMENSIONS))
  if len(head) < header:
    return 0
  promised = header + math.prod(_shape(head, header))
  if promised > MAX_BYTES_IN_MEMORY:
    raise DataError(
      f'{path}: its header promises {promised:,} bytes, more than '
      f'{MAX_GIBIBYTES_IN_MEMORY} GiB: it is damaged, or too large for memory'
    )
  return promised


def parse(content: bytes, path: str, dimensions: int) -> np.ndarray:
  """Returns the array in an IDX file.

  Args:
    content: The bytes of the file.
    path: The path of the file, for the error message.
    dimensions: The number of dimensions that the array must have.

  Returns:
    uint8 of the shape that the file declares; it shares memory with `content`.

  Raises:
    DataError: It is not an IDX file of unsigned bytes, has another number of
      dimensions, or has another length than its header says.
  """
  header = _header_bytes(dimensions)
  magic = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
  if content[:_MAGIC_BYTES] != magic:
    raise DataError(
      f'{path} is not an IDX file of {dimensions} dimensions of unsigned '
      f'bytes: it starts with {content[:_MAGIC_BYTES].hex() or "nothing"}, '
      f'expected {magic.hex()}'
    )
  if len(content) < header:
    raise DataError(f'{path} is truncated inside its header')
  shape = _shape(content, header)
  expected = header + math.prod(shape)
  if len(content) != expected:
    raise DataError(
      f'{path} has {len(content):,} bytes, but its header, shape {shape}, '
      f'says {expected:,}: it is truncated or damaged'
    )
  return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _header_bytes(dimensions: int) -> int:
  return _MAGIC_BYTES + _SIZE_BYTES * dimensions


def _shape(content: bytes, header: int) -> tuple[int, ...]:
  sizes = np.frombuffer(content[_MAGIC_BYTES:header], '>u4')
  return tuple(sizes.tolist())


def _example(split: str, kind: str) -> str:
  dimensions = 3 if kind == 'images' else 1
  prefix = 'train' if split == 'train' else 't10k'
  return f'{prefix}-{kind}-idx{dimensions}-ubyte'
