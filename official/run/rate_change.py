"""Reports that a resumed run has another learning rate than before."""

import json
import math
import os
from typing import Any

import tensorflow as tf

from official.optimizers import schedules

_BLOCK = 2**16  # bytes of the log to read first; some hundred steps


def line(
  metrics_path: str, step: int, learning_rate_fn: schedules.LearningRateFn
) -> str | None:
  """The line that reports a change of the schedule of a resumed run.

  For example, more epochs move the step at which the rate falls, so the rate
  jumps back up.

  Args:
    metrics_path: The path of the run's `metrics.jsonl`.
    step: The global step from which the run goes on.
    learning_rate_fn: Function from the global step to the rate from now on.

  Returns:
    A line with both rates; None where the schedule has not changed, or the old
    one is unknown.
  """
  before = _rate_of(metrics_path, step)
  if before is None:
    return None
  # Step n has the rate of the global step before it, n - 1.
  same_step, now = (
    float(learning_rate_fn(tf.constant(n, tf.int64))) for n in (step - 1, step)
  )
  if math.isclose(same_step, before, rel_tol=1e-3, abs_tol=1e-9):
    return None
  direction = 'back up' if now > before else 'down'
  return (
    f'the learning rate goes from {before:.4g} at step {step:,} {direction} to '
    f'{now:.4g}: its schedule is not the one that the run had so far'
  )


def _rate_of(metrics_path: str, step: int) -> float | None:
  """The rate of a step, by the log."""
  if step < 1:
    return None
  size = _BLOCK
  while True:
    lines, is_whole = _tail(metrics_path, size)
    for text in reversed(lines):
      record = _parse(text)
      if record.get('kind') != 'train' or record.get('step', 0) > step:
        continue
      is_that_step = record['step'] == step
      return record.get('learning_rate') if is_that_step else None
    if is_whole:
      return None
    size *= 4


def _tail(path: str, size: int) -> tuple[list[bytes], bool]:
  """The last lines of a file, and whether these are all lines."""
  try:
    with open(path, 'rb') as f:
      start = max(f.seek(0, os.SEEK_END) - size, 0)
      f.seek(start)
      lines = f.read().splitlines()
  except FileNotFoundError:
    return [], True
  return lines[1:] if start else lines, not start


def _parse(text: bytes) -> dict[str, Any]:
  try:
    record = json.loads(text)
  except ValueError:
    return {}
  return record if isinstance(record, dict) else {}
