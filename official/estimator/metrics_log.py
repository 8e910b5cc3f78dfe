"""`metrics.jsonl`: what a run measured, one JSON object a line.

Each line has `kind` (`train` or `eval`), `step`, `time` (seconds since 1970),
for evaluations `name`, and the scalars by their names.
"""

import json
import math
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from official.estimator import files

FILE_NAME = 'metrics.jsonl'
_KEYS = {'kind', 'step', 'time'}  # of every line
_LINE = re.compile(rb'\{"kind": "\w+", "step": (\d+), "time": [\d.]+[,}]')
_EVAL = b'eval"'  # in every line of an evaluation, hardly in others
_BLOCK = 256 * 1024  # bytes looked through at a time
_MANY = 64  # letters in a block that lead nowhere
_END = 64  # bytes by which a file is known again


class MetricsLog:
  """The `metrics.jsonl` of a directory.

  A run of millions of steps has a file of hundreds of megabytes. The lines of
  evaluations are kept in memory, those of steps are not, and what was looked
  through once is not looked through again.

  Args:
    directory: made on the first line written.
  """

  def __init__(self, directory: str):
    self.path = os.path.join(directory, FILE_NAME)
    self._forget()

  def append(
    self,
    kind: str,
    step: int,
    values: Mapping[str, Any],
    name: str | None = None,
  ) -> None:
    """Adds a line; values that JSON cannot tell are left out.

    Args:
      kind: `'train'` or `'eval'`.
      step: the global step.
      values: name to scalar.
      name: which evaluation, where there are several.
    """
    line = json.dumps(_record(kind, step, values, name)).encode() + b'\n'
    os.makedirs(os.path.dirname(self.path), exist_ok=True)
    with open(self.path, 'ab+') as f:
      # What a killed process left half written must not spoil this line.
      f.write(line if _ends_whole(f) else b'\n' + line)

  def append_once(
    self,
    kind: str,
    step: int,
    values: Mapping[str, Any],
    name: str | None = None,
  ) -> None:
    """As `append`, unless this very line is there, at whatever time."""
    record = _record(kind, step, values, name)
    known = self.read(kind, name)
    if all(record | {'time': other['time']} != other for other in known):
      self.append(kind, step, values, name)

  def read(
    self, kind: str | None = None, name: str | None = None
  ) -> list[dict[str, Any]]:
    """The lines of a kind and name, in order; a torn line is passed over."""
    records = self.evaluations() if kind == 'eval' else self.records()
    return [
      record
      for record in records
      if kind in (None, record['kind']) and record.get('name') == name
    ]

  def records(self) -> Iterator[dict[str, Any]]:
    """Every line in order, one at a time; a torn line is passed over."""
    try:
      with open(self.path, 'rb') as f:
        yield from filter(None, map(_parse, f))
    except FileNotFoundError:
      return

  def evaluations(self) -> list[dict[str, Any]]:
    """The lines of every evaluation, whatever its name, in order."""
    try:
      with open(self.path, 'rb', buffering=0) as f:
        torn = self._look_through(f)
    except FileNotFoundError:
      self._forget()
      return []
    return [dict(record) for record in [*self._evaluations, *torn]]

  def go_back(
    self, step: int, evaluations: Iterable[Mapping[str, Any]]
  ) -> None:
    """Makes the log that of a run at `step`, as its checkpoint remembers it.

    Lines of later steps go: a resumed run writes them again. So does what a
    killed run left half written. Evaluations at `step` itself stay.

    Args:
      step: the global step of the checkpoint.
      evaluations: lines that the checkpoint knows; those that were lost come
        back.
    """
    known = {_text(record) for record in self.evaluations()}
    lost = [dict(record) for record in evaluations]
    lost = [record for record in lost if _text(record) not in known]
    self._forget()
    try:
      with open(self.path, 'rb') as f:
        end, is_mixed = _kept(f, step)
        if not lost and not is_mixed:
          if end < os.path.getsize(self.path):
            os.truncate(self.path, end)
            files.sync(self.path)
          return
        f.seek(0)
        files.write_whole(self.path, _merged(f, step, lost))
    except FileNotFoundError:
      if lost:
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        files.write_whole(self.path, _merged((), step, lost))

  def _forget(self) -> None:
    self._evaluations: list[dict[str, Any]] = []
    self._file: tuple[int, int] | None = None  # That was looked through:
    self._offset = 0  # up to here,
    self._end = b''  # where it had these bytes.

  def _look_through(self, f: BinaryIO) -> list[dict[str, Any]]:
    """Notes the evaluations that are new; returns one without a line's end."""
    status = os.fstat(f.fileno())
    file = (status.st_dev, status.st_ino)
    f.seek(max(self._offset - len(self._end), 0))
    if file != self._file or f.read(len(self._end)) != self._end:
      self._forget()
      self._file = file
    f.seek(self._offset)
    for buffer, length in _blocks(f):
      records = map(_parse, _evaluation_lines(buffer, length))
      found = [r for r in records if r and r['kind'] == 'eval']
      if not buffer.endswith(b'\n', 0, length):
        return found  # Perhaps it is still being written.
      self._evaluations += found
      self._offset += length
      self._end = bytes(buffer[max(length - _END, 0) : length])
    return []


def _blocks(f: BinaryIO) -> Iterator[tuple[bytearray, int]]:
  """The rest of a file, unbuffered, in whole lines; the last one may be torn.

  Yields:
    A buffer, the same one again and again, for a new one each time takes longer
    than to read into it; and how many bytes of it are lines.
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
  wanted, before = b'v', _EVAL.index(b'v')  # One rare letter is found fastest,
  others = end = 0
  while (found := buffer.find(wanted, end, length)) >= 0:
    end = found + 1
    if buffer.startswith(_EVAL, max(found - before, 0), length):
      end = buffer.find(b'\n', end, length) + 1 or length
      yield bytes(buffer[buffer.rfind(b'\n', 0, found) + 1 : end])
    elif (others := others + 1) == _MANY:
      wanted, before = _EVAL, 0  # unless other names have it.


def _ends_whole(f: BinaryIO) -> bool:
  """Whether a file is empty or its last line has an end."""
  if not f.seek(0, os.SEEK_END):
    return True
  f.seek(-1, os.SEEK_END)
  return f.read(1) == b'\n'


def _kept(f: BinaryIO, step: int) -> tuple[int, bool]:
  """Up to where the lines are those up to a step, and if more of these follow.

  Where more follow, cutting the file there does not do.
  """
  position = end = 0
  is_end_known = False
  for line in f:
    position += len(line)
    if _is_kept(line, step):
      if is_end_known or not line.endswith(b'\n'):
        return end, True
      end = position
    else:
      is_end_known = True
  return end, False


def _merged(
  lines: Iterable[bytes], step: int, lost: list[dict[str, Any]]
) -> Iterator[bytes]:
  """The lines up to `step`, and the lost ones where their steps belong."""
  lost = sorted(lost, key=lambda record: record['step'])
  for line in lines:
    if not _is_kept(line, step):
      continue
    while lost and lost[0]['step'] < _step_of(line):
      yield json.dumps(lost.pop(0)).encode() + b'\n'
    yield line.rstrip(b'\n') + b'\n'
  for record in lost:
    yield json.dumps(record).encode() + b'\n'


def _is_kept(line: bytes, step: int) -> bool:
  found = _step_of(line)
  return found is not None and found <= step


def _step_of(line: bytes) -> int | None:
  """The step of a line; None for one that is torn."""
  match = _LINE.match(line)
  if match and line.endswith(b'}\n'):  # As we write it: no need to parse.
    return int(match[1])
  record = _parse(line)
  return record['step'] if record else None


def _text(record: Mapping[str, Any]) -> str:
  return json.dumps(record, sort_keys=True)


def _record(
  kind: str, step: int, values: Mapping[str, Any], name: str | None
) -> dict[str, Any]:
  record = {'kind': kind, 'step': step, 'time': round(time.time(), 3)}
  if name is not None:
    record['name'] = name
  for key, value in values.items():
    if isinstance(value, (int, str)) or (
      isinstance(value, float) and math.isfinite(value)
    ):
      record.setdefault(key, value)
  return record


def _parse(line: bytes) -> dict[str, Any] | None:
  try:
    record = json.loads(line)
  except ValueError:  # Not JSON, or not UTF-8.
    return None
  whole = isinstance(record, dict) and _KEYS <= record.keys()
  return record if whole else None
