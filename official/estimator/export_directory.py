"""The directory of an export: it appears whole, by a rename, or not at all."""

import contextlib
import dataclasses
import fcntl
import os
import shutil
import time
from collections.abc import Iterator

from official.estimator import files

_TEMPORARY = 'temp-'  # TensorFlow Serving ignores names that are not integers.
_ATTEMPTS = 10


@dataclasses.dataclass(frozen=True)
class ExportDirectory:
  """The folders of an export while it is written.

  Attributes:
    temporary: The folder to write it to.
    final: The folder where it appears: `<base>/<seconds since 1970>`.
  """

  temporary: str
  final: str


@contextlib.contextmanager
def new(base: str) -> Iterator[ExportDirectory]:
  """A new directory in `base`: renamed at the end, removed after an error.

  It also removes the temporary folders of killed exports from `base`.

  Raises:
    RuntimeError: No free directory name was found in 10 tries.
  """
  is_new = not os.path.exists(base)
  os.makedirs(base, exist_ok=True)
  _remove_abandoned(base)
  directory = _make(base)
  # The lock shows other processes that this export is still being written. The
  # system releases it when the process ends, however it ends.
  descriptor = _lock(directory.temporary)
  try:
    yield directory
    _sync_tree(directory.temporary)
    os.rename(directory.temporary, directory.final)
    files.sync(base)
  except BaseException:
    shutil.rmtree(directory.temporary, ignore_errors=True)
    if is_new:
      with contextlib.suppress(OSError):  # Another export may be in it.
        os.rmdir(base)
    raise
  finally:
    if descriptor is not None:
      os.close(descriptor)


def _make(base: str) -> ExportDirectory:
  for _ in range(_ATTEMPTS):
    stamp = str(int(time.time()))
    final = os.path.join(base, stamp)
    temporary = os.path.join(base, _TEMPORARY + stamp)
    if not os.path.exists(final):
      with contextlib.suppress(FileExistsError):
        os.mkdir(temporary)
        return ExportDirectory(temporary, final)
    time.sleep(1)
  raise RuntimeError(
    'Failed to obtain a unique export directory name after '
    f'{_ATTEMPTS} attempts.'
  )


def _remove_abandoned(base: str) -> None:
  for name in os.listdir(base):
    if not name.startswith(_TEMPORARY):
      continue
    path = os.path.join(base, name)
    descriptor = _lock(path)
    if descriptor is not None:  # No process writes there any more.
      shutil.rmtree(path, ignore_errors=True)
      os.close(descriptor)


def _lock(path: str) -> int | None:
  """Locks a directory; returns the descriptor, None if another has the lock."""
  try:
    descriptor = os.open(path, os.O_RDONLY)
  except OSError:
    return None
  try:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
  except OSError:
    os.close(descriptor)
    return None
  return descriptor


def _sync_tree(directory: str) -> None:
  """Puts everything on the disk before the rename makes it visible."""
  for folder, _, names in os.walk(directory):
    for path in (folder, *(os.path.join(folder, name) for name in names)):
      files.sync(path)
