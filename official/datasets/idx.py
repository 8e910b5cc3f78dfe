"""IDX files, the format of MNIST and of the sets made in its image."""

import gzip
import math
import os
import re
import zlib

import numpy as np

from official.errors import DataError

_UNSIGNED_BYTE = 0x08
_LONGEST_HEADER = 4 + 4 * 3  # of three dimensions
_MAX_BYTES = 8 * 2**30

# `emnist-digits-train-images-idx3-ubyte.gz`, `t10k-labels.idx1-ubyte`, ...
_NAME = re.compile(
  r'(?P<set>.*?)(?P<split>train|t10k|test)-(?P<kind>images|labels)'
  r'[.-]idx[13]-ubyte(\.gz)?$'
)


def find(directory: str) -> dict[tuple[str, str], str]:
  """The IDX files of a folder.

  Returns:
    `(split, kind)` to path: split `'train'` or `'test'`, kind `'images'` or
    `'labels'`; empty where there are none.

  Raises:
    DataError: some are missing, there are several of a kind, or they are of
      several sets.
  """
  names_of: dict[tuple[str, str], list[str]] = {}
  sets = set()
  for name in sorted(os.listdir(directory)):
    match = _NAME.match(name)
    if match and not name.startswith('.'):  # `._name` is macOS's.
      split = 'train' if match['split'] == 'train' else 'test'
      names_of.setdefault((split, match['kind']), []).append(name)
      sets.add(match['set'])
  if not names_of:
    return {}
  wanted = [(s, k) for s in ('train', 'test') for k in ('images', 'labels')]
  for split, kind in wanted:
    names = names_of.get((split, kind), [])
    if len(names) != 1:
      raise DataError(
        f'{directory} must hold one file of {split} {kind} '
        f'(such as {_example(split, kind)}, .gz or not), found: '
        f'{", ".join(names) or "none"}'
      )
  if len(sets) > 1:
    names = (names_of[key][0] for key in wanted)
    raise DataError(
      f'{directory} must hold the files of one set, found: {", ".join(names)}'
    )
  paths = {key: os.path.join(directory, names_of[key][0]) for key in wanted}
  for path in paths.values():
    if not os.path.isfile(path):  # To read a pipe would wait for ever.
      raise DataError(f'{path} is not a file')
  return paths


def read_bytes(path: str) -> bytes:
  """The content of a file, unpacked if it is gzipped.

  No more of it than its header promises, so that few bytes cannot become
  gigabytes, and one byte more if there is one.

  Raises:
    DataError: it cannot be read or unpacked, or its header promises too much.
  """
  try:
    with open(path, 'rb') as f:
      is_packed = f.read(2) == b'\x1f\x8b'
    with (gzip.open if is_packed else open)(path, 'rb') as f:
      head = f.read(_LONGEST_HEADER)
      # No more than the header promises and a byte that should not be there.
      content = head + f.read(max(_promised(head, path) - len(head), 0) + 1)
  except (OSError, EOFError, zlib.error) as e:
    raise DataError(f'{path} cannot be read: {e}') from e
  return content


def _promised(head: bytes, path: str) -> int:
  """How many bytes the file has by its header; 0 if that is not one."""
  if len(head) < 4 or head[:3] != bytes([0, 0, _UNSIGNED_BYTE]):
    return 0
  dimensions = min(head[3], (_LONGEST_HEADER - 4) // 4)
  if len(head) < 4 + 4 * dimensions:
    return 0
  sizes = np.frombuffer(head[4 : 4 + 4 * dimensions], '>u4').tolist()
  promised = 4 + 4 * dimensions + math.prod(sizes)
  if promised > _MAX_BYTES:
    raise DataError(
      f'{path}: its header promises {promised:,} bytes, more than '
      f'{_MAX_BYTES // 2**30} GiB: it is damaged, or too large for memory'
    )
  return promised


def parse(content: bytes, path: str, dimensions: int) -> np.ndarray:
  """The array in an IDX file.

  Args:
    content: the bytes of the file.
    path: named in errors.
    dimensions: how many the array must have.

  Returns:
    uint8 of the shape that the file declares.

  Raises:
    DataError: no IDX file of unsigned bytes, other dimensions, or another
      length than its header says.
  """
  header = 4 + 4 * dimensions
  magic = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
  if content[:4] != magic:
    raise DataError(
      f'{path} is not an IDX file of {dimensions} dimensions of unsigned '
      f'bytes: it starts with {content[:4].hex() or "nothing"}, expected '
      f'{magic.hex()}'
    )
  if len(content) < header:
    raise DataError(f'{path} is truncated inside its header')
  shape = tuple(int(n) for n in np.frombuffer(content[4:header], '>u4'))
  expected = header + math.prod(shape)
  if len(content) != expected:
    raise DataError(
      f'{path} has {len(content):,} bytes, but its header, shape {shape}, '
      f'says {expected:,}: it is truncated or damaged'
    )
  return np.frombuffer(content, np.uint8, offset=header).reshape(shape)


def _example(split: str, kind: str) -> str:
  dimensions = 3 if kind == 'images' else 1
  prefix = 'train' if split == 'train' else 't10k'
  return f'{prefix}-{kind}-idx{dimensions}-ubyte'
