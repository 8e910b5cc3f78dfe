"""`Retention`: which checkpoints of a folder are kept, which are removed."""

import itertools
import os
import time
from collections.abc import Iterator, Sequence

from official.estimator import manifests

# A checkpoint may be damaged on the disk without anybody seeing it, so pruning
# never leaves fewer whole ones than this, if there are as many.
_MIN_WHOLE = 2


class Retention:
  """Removes old checkpoints.

  Args:
    keep_max: Number of recent checkpoints to keep; None or 0 for all. Two of
      these (or one, if `keep_max` is 1) must be whole; otherwise older ones
      stay.
    keep_every_n_hours: The interval in hours at which one more is kept for
      good.
  """

  def __init__(self, keep_max: int | None, keep_every_n_hours: float):
    self._keep_max = keep_max
    self._keep_seconds = keep_every_n_hours * 3600
    self._last_kept: float | None = None

  def last_kept(self, prefixes: Sequence[str]) -> float:
    """When a checkpoint was last kept for good, in seconds since 1970.

    It is read from the manifests, so that a restart does not begin the interval
    again.

    Args:
      prefixes: All checkpoints of the folder.
    """
    if self._last_kept is None:
      contents = {prefix: manifests.read(prefix) for prefix in prefixes}
      times = [m['last_kept'] for m in contents.values() if 'last_kept' in m]
      times += [_time_of(p) for p, m in contents.items() if m.get('kept')]
      self._last_kept = max(times, default=time.time())
    return self._last_kept

  def prune(self, prefixes: Sequence[str]) -> list[str]:
    """Removes the checkpoints that are not to be kept.

    Args:
      prefixes: All checkpoints of the folder, the newest last.

    Returns:
      The prefixes of those that are left.
    """
    if not self._keep_max or len(prefixes) <= self._keep_max:
      return list(prefixes)  # Verifying checkpoints would take a while.
    old, recent = prefixes[: -self._keep_max], prefixes[-self._keep_max :]
    spared = self._spared(old, recent)
    left = [p for p in old if p in spared or self._is_kept(p, prefixes)]
    for prefix in old:
      if prefix not in left:
        # The index is removed first: without it the checkpoint does not exist,
        # so a kill in between leaves no damaged one.
        for path in manifests.files(prefix):
          os.remove(path)
    return [*left, *recent]

  def _is_kept(self, prefix: str, prefixes: Sequence[str]) -> bool:
    """Whether a checkpoint is kept for good; decides so if one is due."""
    content = manifests.read(prefix)
    if content.get('kept'):
      return True
    written = _time_of(prefix)
    if written - self.last_kept(prefixes) < self._keep_seconds:
      return False
    self._last_kept = written
    if content:  # A checkpoint that TensorFlow wrote has no manifest.
      manifests.write(prefix, content | {'kept': True})
    return True

  def _spared(self, old: Sequence[str], recent: Sequence[str]) -> list[str]:
    """Old checkpoints that stay because too few recent ones are whole."""
    at_least = min(self._keep_max or 0, _MIN_WHOLE)
    count = len(list(itertools.islice(whole(recent), at_least)))
    return list(itertools.islice(whole(old), at_least - count))


def whole(prefixes: Sequence[str]) -> Iterator[str]:
  """The checkpoints that are not damaged, the newest first.

  Args:
    prefixes: The prefixes of checkpoints, the newest last.
  """
  return (p for p in reversed(prefixes) if manifests.damage(p) is None)


def _time_of(prefix: str) -> float:
  """When a checkpoint was written, in seconds since 1970."""
  return os.path.getmtime(f'{prefix}.index')
