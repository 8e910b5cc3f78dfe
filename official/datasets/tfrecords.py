"""TFRecord files: counted, read in parts, and their damaged records found."""

import os
import struct
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import tensorflow as tf

from official.datasets.bad_examples import first_line
from official.errors import DataError

_FRAME = 16  # bytes: length, its checksum, the data's checksum
_BUFFER = 256 * 1024  # bytes read at a time, as TFRecordDataset does


class Part(NamedTuple):
  """Records of a file, one after the other.

  Attributes:
    path: the file.
    offset: byte of the first one.
    count: how many; -1 for all that follow.
  """

  path: str
  offset: int = 0
  count: int = -1


def read(parts: Sequence[Part]) -> tf.data.Dataset:
  """The records, string [], of parts in order."""
  return table(parts).flat_map(records)


def table(parts: Sequence[Part]) -> tf.data.Dataset:
  """Parts as a dataset of what `records` takes."""
  paths, offsets, counts = zip(*parts, strict=True) if parts else ((), (), ())
  return tf.data.Dataset.from_tensor_slices((
    tf.constant(paths, tf.string),
    tf.constant(offsets, tf.int64),
    tf.constant(counts, tf.int64),
  ))


def records(
  path: tf.Tensor, offset: tf.Tensor, count: tf.Tensor
) -> tf.data.Dataset:
  """The records, string [], of one part; for `flat_map` and the like alone.

  The op cannot be serialized with an offset, as a whole pipeline is.
  """
  variant = tf.raw_ops.TFRecordDatasetV2(
    filenames=[path],
    compression_type='',
    buffer_size=tf.constant(_BUFFER, tf.int64),
    byte_offsets=[offset],
  )
  spec = tf.TensorSpec([], tf.string)
  return tf.data.experimental.from_variant(variant, spec).take(count)


def offsets(path: str) -> list[int]:
  """Where each record of a file begins, by their lengths alone.

  Raises:
    DataError: the file cannot be read or ends inside a record.
  """
  found, position = [], 0
  try:
    size = os.path.getsize(path)
    with open(path, 'rb') as f:
      while position < size:
        f.seek(position)
        (length,) = struct.unpack('<Q', f.read(8))
        found.append(position)
        position += length + _FRAME
  except (OSError, OverflowError, ValueError, struct.error) as e:
    raise DataError(f'{path} cannot be read: {e}') from e
  if position != size:
    raise DataError(
      f'{path} ends inside record {len(found) - 1}: it was cut off or is no '
      'TFRecord file'
    )
  return found


def count_records(path: str) -> int:
  """How many records a file has; see `offsets`."""
  return len(offsets(path))


def usable(
  path: str, use: Callable[[tf.Tensor], tf.Tensor]
) -> tuple[list[Part], dict[int, str]]:
  """The parts of a file whose records are whole and can be used.

  Args:
    path: the file.
    use: a record, string [], to any tensor; it raises where it cannot.

  Returns:
    The parts, and the numbers of the other records with what is wrong.

  Raises:
    DataError: see `offsets`.
  """
  starts = offsets(path)
  reasons: dict[int, str] = {}
  first = 0
  while first < len(starts):
    try:
      for number in _used(path, starts, first, use, reasons):
        first = number + 1
      break
    except tf.errors.DataLossError as e:
      reasons[first] = first_line(e)
      first += 1
  return list(_parts(path, starts, reasons)), reasons


def _used(path, starts, first, use, reasons) -> Iterable[int]:
  """Yields the numbers of whole records; notes those that cannot be used."""
  numbered = read([Part(path, starts[first])]).enumerate(first)
  for number, record in numbered:
    number = int(number)
    try:
      use(record)
    except tf.errors.OpError as e:
      reasons[number] = first_line(e)
    yield number


def _parts(
  path: str, starts: list[int], reasons: dict[int, str]
) -> Iterable[Part]:
  if not reasons:
    yield Part(path)
    return
  edges = [-1, *sorted(reasons), len(starts)]
  for before, after in zip(edges, edges[1:], strict=False):
    if after - before > 1:
      yield Part(path, starts[before + 1], after - before - 1)
