"""Which checkpoints a directory holds; TensorFlow is not needed to tell."""

import logging
import os
import re

from official.estimator import manifests

logger = logging.getLogger(__name__)

PREFIX = 'model.ckpt'
_INDEX = re.compile(rf'{re.escape(PREFIX)}-(\d+)\.index$')


def prefix(directory: str, step: int) -> str:
  """The path of the checkpoint at a step, without the ends of its files."""
  return os.path.join(directory, f'{PREFIX}-{step}')


def step_in_name(checkpoint: str) -> int:
  """The global step at which a checkpoint was saved, by its prefix."""
  return int(checkpoint.rpartition('-')[2])


def all_in(directory: str) -> list[str]:
  """Prefixes of the checkpoints in a directory, the newest last, unverified."""
  try:
    names = os.listdir(directory)
  except FileNotFoundError:
    return []
  steps = sorted(int(m[1]) for m in map(_INDEX.match, names) if m)
  return [prefix(directory, step) for step in steps]


def latest(directory: str) -> str | None:
  """Prefix of the newest whole checkpoint; None where there is none.

  Each newer one that is not whole is named in a warning.
  """
  for checkpoint in reversed(all_in(directory)):
    damage = manifests.damage(checkpoint)
    if damage is None:
      return checkpoint
    logger.warning('Checkpoint %s is passed over: %s.', checkpoint, damage)
  return None
