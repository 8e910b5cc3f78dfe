"""The lines of evaluations in a long `metrics.jsonl`, found fast."""

import io
import json
import os
from collections.abc import Iterator
from typing import Any, TypeAlias

#: The content of a line.
Record: TypeAlias = dict[str, Any]

_KEYS = {'kind', 'step', 'time'}  # of every line
_EVAL = b'eval"'  # in every line of an evaluation, hardly in others
_BLOCK = 256 * 1024  # bytes searched at a time
_MAX_MISSES = 64  # wrong hits in a block before another search is used
_END = 64  # bytes before an offset that show whether a file is the same


class EvaluationSearch:
  """Searches a file that grows, each part of it once.

  Args:
    path: The path of the file.
  """

  def __init__(self, path: str):
    self._path = path
    self._evaluations: list[Record] = []
    # What was searched: the device and the inode of the file, the number of
    # bytes, and the last of these, which show whether the file is the same.
    self._file: tuple[int, int] | None = None
    self._offset = 0
    self._end = b''

  def evaluations(self) -> list[Record]:
    """All lines of evaluations, in order, except torn lines."""
    try:
      with open(self._path, 'rb', buffering=0) as f:
        status = os.fstat(f.fileno())
        file = (status.st_dev, status.st_ino)
        if file != self._file or not self._is_same(f):
          self._begin(file)
        unfinished = self._search(f)
    except FileNotFoundError:
      self._begin(None)
      return []
    return [dict(record) for record in [*self._evaluations, *unfinished]]

  def _begin(self, file: tuple[int, int] | None) -> None:
    """Starts at the beginning of a file."""
    self._evaluations = []
    self._file, self._offset, self._end = file, 0, b''

  def _is_same(self, f: io.FileIO) -> bool:
    """Whether the part that was searched is unchanged."""
    f.seek(self._offset - len(self._end))
    return f.read(len(self._end)) == self._end

  def _search(self, f: io.FileIO) -> list[Record]:
    """Notes new evaluations; returns one whose line has no end yet."""
    f.seek(self._offset)
    for buffer, length in _blocks(f):
      records = map(parse_line, _evaluation_lines(buffer, length))
      evaluations = [r for r in records if r and r['kind'] == 'eval']
      if not buffer.endswith(b'\n', 0, length):
        return evaluations  # It may still be being written.
      self._evaluations += evaluations
      self._offset += length
      self._end = bytes(buffer[max(length - _END, 0) : length])
    return []


def parse_line(line: bytes) -> Record | None:
  """The object of a line; None for a line that is torn."""
  try:
    record = json.loads(line)
  except ValueError:  # Not JSON, or not UTF-8.
    return None
  whole = isinstance(record, dict) and _KEYS <= record.keys()
  return record if whole else None


def _blocks(f: io.FileIO) -> Iterator[tuple[bytearray, int]]:
  """The rest of a file in blocks of whole lines; the last may have no end.

  Yields:
    A buffer, and how many of its bytes are lines. It is the same buffer each
    time, because making a buffer takes longer than reading into it.
  """
  buffer, rest = bytearray(_BLOCK), 0
  while added := f.readinto(memoryview(buffer)[rest:]):
    length = rest + added
    cut = buffer.rfind(b'\n', 0, length) + 1
    if cut:
      yield buffer, cut
    rest = length - cut
    buffer[:rest] = buffer[cut:length]
    if rest == len(buffer):  # A very long line.
      buffer = buffer + bytearray(len(buffer))
  if rest:
    yield buffer, rest


def _evaluation_lines(buffer: bytearray, length: int) -> Iterator[bytes]:
  """The lines that may be of evaluations, found fast among many others."""
  # Searching for one letter is fastest, and few names of metrics have a v. If
  # some do, the whole word is searched for instead.
  pattern, before = b'v', _EVAL.index(b'v')
  misses = end = 0
  while (position := buffer.find(pattern, end, length)) >= 0:
    end = position + 1
    if buffer.startswith(_EVAL, max(position - before, 0), length):
      end = buffer.find(b'\n', end, length) + 1 or length
      yield bytes(buffer[buffer.rfind(b'\n', 0, position) + 1 : end])
    elif (misses := misses + 1) == _MAX_MISSES:
      pattern, before = _EVAL, 0
