"""`metrics.jsonl`: what a run measured, one JSON object a line.

Each line has `kind` (`train` or `eval`), `step`, `time` (seconds since 1970),
for evaluations `name`, and the scalars by their names.
"""

import json
import math
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from official.estimator import files, metric_values

FILE_NAME = 'metrics.jsonl'
_KEYS = {'kind', 'step', 'time'}  # of every line


class MetricsLog:
  """The `metrics.jsonl` of a directory.

  Args:
    directory: made on the first line written.
  """

  def __init__(self, directory: str):
    self.path = os.path.join(directory, FILE_NAME)

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
    record = _record(kind, step, values, name)
    os.makedirs(os.path.dirname(self.path), exist_ok=True)
    with open(self.path, 'a', encoding='utf-8') as f:
      f.write(json.dumps(record) + '\n')

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
    return [
      record
      for record in self._records()
      if kind in (None, record['kind']) and record.get('name') == name
    ]

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
    kept = [record for record in self._records() if record['step'] <= step]
    known = [record for record in kept if record['kind'] == 'eval']
    lost = [dict(record) for record in evaluations if record not in known]
    if not kept and not lost and not os.path.exists(self.path):
      return
    kept = sorted(kept + lost, key=lambda record: record['step'])
    os.makedirs(os.path.dirname(self.path), exist_ok=True)
    text = ''.join(json.dumps(record) + '\n' for record in kept)
    files.write_whole(self.path, text)

  def evaluations(self) -> list[dict[str, Any]]:
    """The lines of every evaluation, whatever its name."""
    records = self._records(containing='"eval"')
    return [record for record in records if record['kind'] == 'eval']

  def _records(self, containing: str = '') -> list[dict[str, Any]]:
    try:
      with open(self.path, encoding='utf-8') as f:
        lines = [line for line in f if containing in line]
    except FileNotFoundError:
      return []
    return [record for record in map(_parse, lines) if record]


def _record(
  kind: str, step: int, values: Mapping[str, Any], name: str | None
) -> dict[str, Any]:
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


def _parse(line: str) -> dict[str, Any] | None:
  try:
    record = json.loads(line)
  except json.JSONDecodeError:
    return None
  whole = isinstance(record, dict) and _KEYS <= record.keys()
  return record if whole else None
