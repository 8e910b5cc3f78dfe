"""`metrics.jsonl`: the measurements of a run, one JSON object on each line.

Each line has `kind` (`train` or `eval`), `step`, `time` (seconds since 1970),
the `name` of the evaluation if it has one, and the scalars by their names.
"""

import json
import math
import os
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO

from official.estimator import files, metric_values
from official.estimator.evaluation_search import (
  EvaluationSearch,
  Record,
  parse_line,
)

FILE_NAME = 'metrics.jsonl'
_LINE = re.compile(rb'\{"kind": "\w+", "step": (\d+), "time": [\d.]+[,}]')


class MetricsLog:
  """The `metrics.jsonl` of a directory.

  A run of millions of steps has a file of hundreds of megabytes, and
  evaluations are read often: by early stopping, and at each checkpoint. So the
  lines of evaluations are kept in memory, those of steps are not, and no part
  of the file is searched twice.

  Args:
    directory: The folder, made when the first line is written.

  Attributes:
    path: The path of the file.
  """

  def __init__(self, directory: str):
    self.path = os.path.join(directory, FILE_NAME)
    self._evaluations = EvaluationSearch(self.path)

  def append(
    self,
    kind: str,
    step: int,
    values: Mapping[str, Any],
    name: str | None = None,
  ) -> None:
    """Appends a line; values that JSON cannot express are left out.

    Args:
      kind: `'train'` or `'eval'`.
      step: The global step.
      values: The scalars by name.
      name: The name of the evaluation, if there are several.
    """
    line = json.dumps(_record(kind, step, values, name)).encode() + b'\n'
    os.makedirs(os.path.dirname(self.path), exist_ok=True)
    with open(self.path, 'ab+') as f:
      # A line that a killed process left half written must not spoil this one.
      f.write(line if _ends_whole(f) else b'\n' + line)

  def append_once(
    self,
    kind: str,
    step: int,
    values: Mapping[str, Any],
    name: str | None = None,
  ) -> None:
    """Like `append`, unless there is a line that differs only in its time."""
    record = _record(kind, step, values, name)
    others = self.read(kind, name)
    if all(record | {'time': other['time']} != other for other in others):
      self.append(kind, step, values, name)

  def read(
    self, kind: str | None = None, name: str | None = None
  ) -> list[Record]:
    """The lines of a kind and name, in order, except torn lines.

    Args:
      kind: `'train'` or `'eval'`; None for both.
      name: The name of the evaluation; None for lines without one.
    """
    records = self.evaluations() if kind == 'eval' else self.records()
    return [
      record
      for record in records
      if kind in (None, record['kind']) and record.get('name') == name
    ]

  def records(self) -> Iterator[Record]:
    """All lines in order, one at a time, except torn lines."""
    try:
      with open(self.path, 'rb') as f:
        yield from filter(None, map(parse_line, f))
    except FileNotFoundError:
      return

  def evaluations(self) -> list[Record]:
    """The lines of all evaluations, whatever their name, in order."""
    return self._evaluations.evaluations()

  def go_back(
    self, step: int, evaluations: Iterable[Mapping[str, Any]]
  ) -> None:
    """Makes the log what it was when a checkpoint was saved.

    Lines of later steps are removed, because the run that goes on from the
    checkpoint writes them again, and so is a line that a killed run left half
    written. Evaluations at `step` itself stay.

    Args:
      step: The global step of the checkpoint.
      evaluations: The lines that the checkpoint remembers; those that are not
        in the log are put back.
    """
    present = {_text(record) for record in self.evaluations()}
    lost = [dict(r) for r in evaluations if _text(r) not in present]
    self._evaluations = EvaluationSearch(self.path)
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


def _ends_whole(f: BinaryIO) -> bool:
  """Whether a file is empty or ends with the end of a line."""
  if not f.seek(0, os.SEEK_END):
    return True
  f.seek(-1, os.SEEK_END)
  return f.read(1) == b'\n'


def _kept(f: BinaryIO, step: int) -> tuple[int, bool]:
  """The offset at which to cut a file so that only lines up to a step are left.

  Returns:
    The end of the first lines that are all up to the step, and whether such
    lines follow later ones, so that a cut would lose them.
  """
  position = end = 0
  is_past = False
  for line in f:
    position += len(line)
    if _is_kept(line, step):
      if is_past or not line.endswith(b'\n'):
        return end, True
      end = position
    else:
      is_past = True
  return end, False


def _merged(
  lines: Iterable[bytes], step: int, lost: list[Record]
) -> Iterator[bytes]:
  """The lines up to `step`, with lost ones inserted in the order of steps."""
  lost = sorted(lost, key=lambda record: record['step'])
  for line in lines:
    if not _is_kept(line, step):
      continue
    while lost and lost[0]['step'] < (_step_of(line) or 0):
      yield json.dumps(lost.pop(0)).encode() + b'\n'
    yield line.rstrip(b'\n') + b'\n'
  for record in lost:
    yield json.dumps(record).encode() + b'\n'


def _is_kept(line: bytes, step: int) -> bool:
  line_step = _step_of(line)
  return line_step is not None and line_step <= step


def _step_of(line: bytes) -> int | None:
  """The step of a line; None for one that is torn."""
  match = _LINE.match(line)
  if match and line.endswith(
    b'}\n'
  ):  # A line as `append` writes it, which is faster to read without parsing.
    return int(match[1])
  record = parse_line(line)
  return record['step'] if record else None


def _text(record: Mapping[str, Any]) -> str:
  return json.dumps(record, sort_keys=True)


def _record(
  kind: str, step: int, values: Mapping[str, Any], name: str | None
) -> Record:
  record = {'kind': kind, 'step': step, 'time': round(time.time(), 3)}
  if name is not None:
    record['name'] = name
  for key, value in values.items():
    value = metric_values.as_json(value)
    if isinstance(value, (int, str, list)) or (
      isinstance(value, float) and math.isfinite(value)
    ):
      record.setdefault(key, value)
  return record
