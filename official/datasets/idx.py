"""IDX files, the format of MNIST and of the sets made in its image."""

import gzip
import math
import os
import re
import zlib

import numpy as np

from official.errors import DataError

_UNSIGNED_BYTE = 0x08

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
    DataError: some are missing, or there are several of a kind.
  """
  found: dict[tuple[str, str], list[str]] = {}
  for name in sorted(os.listdir(directory)):
    match = _NAME.match(name)
    if match:
      split = 'train' if match['split'] == 'train' else 'test'
      found.setdefault((split, match['kind']), []).append(name)
  if not found:
    return {}
  wanted = [(s, k) for s in ('train', 'test') for k in ('images', 'labels')]
  for split, kind in wanted:
    names = found.get((split, kind), [])
    if len(names) != 1:
      raise DataError(
        f'{directory} must hold one file of {split} {kind} '
        f'(such as {_example(split, kind)}, .gz or not), found: '
        f'{", ".join(names) or "none"}'
      )
  return {key: os.path.join(directory, found[key][0]) for key in wanted}


def read_bytes(path: str) -> bytes:
  """The content of a file, unpacked if it is gzipped.

  Raises:
    DataError: it cannot be read or unpacked.
  """
  try:
    with open(path, 'rb') as f:
      content = f.read()
    if content[:2] == b'\x1f\x8b':
      content = gzip.decompress(content)
  except (OSError, EOFError, zlib.error) as e:
    raise DataError(f'{path} cannot be read: {e}') from e
  return content


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
