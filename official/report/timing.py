"""The duration of a run and of its steps, by the times in `metrics.jsonl`."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

Record = dict[str, Any]  # a line of `metrics.jsonl`

_PAUSE = 60  # seconds; with a longer gap between two steps, no process ran
_STRETCH = 50  # steps over which a mean time is taken


def seconds_until(
  steps: Sequence[Record], evaluations: Sequence[Record]
) -> list[float]:
  """The seconds that a run had worked by the end of each evaluation.

  The time between two processes of a run, in which it did not work, is left
  out.

  Args:
    steps: The lines of the training steps.
    evaluations: The lines of the evaluations, in the order of their steps and
      at most one for each step.
  """
  total, previous_time = 0.0, None
  result = []
  for record in _in_order([*steps, *evaluations]):
    is_evaluation = record['kind'] == 'eval'
    if previous_time is not None:
      gap = max(record['time'] - previous_time, 0)
      # An evaluation may take long, but a step does not. So during a long gap
      # before a step no process ran.
      if is_evaluation or gap < _PAUSE:
        total += gap
    previous_time = record['time']
    if is_evaluation:
      result.append(total)
  return result


def seconds_per_step(
  steps: Sequence[Record], evaluations: Sequence[Record]
) -> float:
  """The seconds that a training step takes; NaN where they are unknown.

  It is the median over stretches of steps, so that a while in which the
  machine was busy with something else does not count.

  Args:
    steps: The lines of the training steps.
    evaluations: The lines of the evaluations; the gaps next to them are not
      times of training.
  """
  records = _in_order([*steps, *evaluations])
  gaps = [
    gap
    for before, after in zip(records, records[1:], strict=False)
    if before['kind'] == after['kind'] == 'train'
    and 0 <= (gap := after['time'] - before['time']) < _PAUSE
  ]
  if not gaps:
    return math.nan
  # A loop on the device logs many steps at once: most gaps are 0 and a few are
  # long, so only the mean of many gaps gives the time of a step.
  stretches = max(len(gaps) // _STRETCH, 1)
  size = len(gaps) / stretches
  edges = [round(size * i) for i in range(stretches + 1)]
  return statistics.median(
    statistics.fmean(gaps[start:end])
    for start, end in zip(edges, edges[1:], strict=False)
  )


def _in_order(records: Sequence[Record]) -> list[Record]:
  """Sorts lines by their steps, with an evaluation after its step."""
  return sorted(records, key=lambda r: (r['step'], r['kind'] == 'eval'))
