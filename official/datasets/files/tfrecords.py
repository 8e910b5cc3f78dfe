"""TFRecord files, read in parts between their damaged records.

A record is its length (8 bytes), a checksum of the length (4), the data, and a
checksum of the data (4); see `tf.io.TFRecordWriter`. The lengths are enough to
find where each record begins, so counting reads only a few bytes of each.
"""

import os
import struct
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple

import tensorflow as tf

from official import tensorflow_errors
from official.errors import DataError

_LENGTH_BYTES = 8
_FRAME_BYTES = _LENGTH_BYTES + 4 + 4  # with the two checksums
_BUFFER_BYTES = 256 * 1024  # read at a time, as TFRecordDataset does

# A function of a record, string []; it raises where it cannot use the record.
Use = Callable[[tf.Tensor], object]


class Part(NamedTuple):
  """Records of a file, one after the other.

  Attributes:
    path: The path of the file.
    offset: Byte at which the first record begins.
    num_records: Number of records; -1 for all up to the end of the file.
  """

  path: str
  offset: int = 0
  num_records: int = -1


def read(parts: Sequence[Part]) -> tf.data.Dataset:
  """Returns a dataset of the records, string [], of parts in order."""
  return table(parts).flat_map(records)


def table(parts: Sequence[Part]) -> tf.data.Dataset:
  """Returns parts as a dataset of the arguments of `records`."""
  paths, offsets, counts = zip(*parts, strict=True) if parts else ((), (), ())
  return tf.data.Dataset.from_tensor_slices((
    tf.constant(paths, tf.string),
    tf.constant(offsets, tf.int64),
    tf.constant(counts, tf.int64),
  ))


def records(
  path: tf.Tensor, offset: tf.Tensor, num_records: tf.Tensor
) -> tf.data.Dataset:
  """Returns a dataset of the records, string [], of one part.

  It works only inside `flat_map`, `interleave` and the like: with an offset the
  op cannot be serialized, as the outer part of a pipeline must be.

  Args:
    path: String [], see `Part`.
    offset: int64 [].
    num_records: int64 [].
  """
  variant = tf.raw_ops.TFRecordDatasetV2(
    filenames=[path],
    compression_type='',
    buffer_size=tf.constant(_BUFFER_BYTES, tf.int64),
    byte_offsets=[offset],
  )
  spec = tf.TensorSpec([], tf.string)
  return tf.data.experimental.from_variant(variant, spec).take(num_records)


def offsets(path: str) -> list[int]:
  """Returns the byte at which each record of a file begins.

  Raises:
    DataError: The file cannot be read or ends inside a record.
  """
  starts: list[int] = []
  position = 0
  try:
    size = os.path.getsize(path)
    with open(path, 'rb') as f:
      while position < size:
        f.seek(position)
        (length,) = struct.unpack('<Q', f.read(_LENGTH_BYTES))
        starts.append(position)
        position += length + _FRAME_BYTES
  except (OSError, OverflowError, ValueError, struct.error) as e:
    raise DataError(f'{path} cannot be read: {e}') from e
  if position != size:
    raise DataError(
      f'{path} ends inside record {len(starts) - 1}: it was cut off or is '
      'not a TFRecord file'
    )
  return starts


def count_records(part: Part) -> int:
  """Returns how many records a part has.

  Raises:
    DataError: See `offsets`.
  """
  if part.num_records >= 0:
    return part.num_records
  return len(offsets(part.path))


def usable_parts(path: str, use: Use) -> tuple[list[Part], dict[int, str]]:
  """Finds the records of a file that are whole and can be used.

  TFRecordDataset ends at the first damaged record; here only that one is lost,
  since its neighbours can be found without it.

  Args:
    path: The path of the file.
    use: The function to try on each record.

  Returns:
    The parts with the usable records, and the number of each other record with
    the reason why it cannot be used.

  Raises:
    DataError: See `offsets`.
  """
  starts = offsets(path)
  reasons: dict[int, str] = {}
  first = 0
  while first < len(starts):
    try:
      for number, reason in _tried(path, starts, first, use):
        if reason is not None:
          reasons[number] = reason
        first = number + 1
      break
    except tf.errors.DataLossError as e:  # Of the record after those read.
      reasons[first] = tensorflow_errors.reason(e)
      first += 1
  return list(_parts_without(path, starts, reasons)), reasons


def _tried(
  path: str, starts: Sequence[int], first: int, use: Use
) -> Iterator[tuple[int, str | None]]:
  """Yields the number of each record from `first` on that is whole.

  Yields:
    The number, and the reason that the record cannot be used or None.

  Raises:
    tf.errors.DataLossError: The next record is damaged.
  """
  for number, record in read([Part(path, starts[first])]).enumerate(first):
    reason = None
    try:
      use(record)
    except tf.errors.OpError as e:
      reason = tensorflow_errors.reason(e)
    yield int(number), reason


def _parts_without(
  path: str, starts: Sequence[int], left_out: Collection[int]
) -> Iterator[Part]:
  """Yields the parts of a file between the records that are left out."""
  if not left_out:
    yield Part(path)
    return
  edges = [-1, *sorted(left_out), len(starts)]
  for before, after in zip(edges, edges[1:], strict=False):
    if after - before > 1:
      yield Part(path, starts[before + 1], after - before - 1)
