"""Which checkpoints a folder holds, found without TensorFlow."""

import logging
import os
import re
from collections.abc import Sequence

from official.estimator import manifests

logger = logging.getLogger(__name__)

PREFIX = 'model.ckpt'
_INDEX = re.compile(rf'{re.escape(PREFIX)}-(\d+)\.index$')


def prefix(directory: str, step: int) -> str:
  """The path of a checkpoint, without the endings of its files' names."""
  return os.path.join(directory, f'{PREFIX}-{step}')


def step_in_name(checkpoint: str) -> int:
  """The global step at which a checkpoint was saved, by its prefix."""
  return int(checkpoint.rpartition('-')[2])


def all_in(directory: str) -> list[str]:
  """Prefixes of the checkpoints in a folder, the newest last, unverified."""
  try:
    names = os.listdir(directory)
  except FileNotFoundError:
    return []
  steps = sorted(int(m[1]) for m in map(_INDEX.match, names) if m)
  return [prefix(directory, step) for step in steps]


def latest(directory: str) -> str | None:
  """The newest whole checkpoint of a folder; see `newest_whole`."""
  return newest_whole(all_in(directory))


def newest_whole(checkpoints: Sequence[str]) -> str | None:
  """The prefix of the newest whole checkpoint; None if there is none.

  A warning names each newer one that is not whole.

  Args:
    checkpoints: Their prefixes, the newest last.
  """
  for checkpoint in reversed(checkpoints):
    damage = manifests.damage(checkpoint)
    if damage is None:
      return checkpoint
    logger.warning('Checkpoint %s is passed over: %s.', checkpoint, damage)
  return None
