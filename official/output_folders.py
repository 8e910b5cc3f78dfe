"""Folders for results, which are removed again if they stay empty."""

import contextlib
import os
from collections.abc import Iterator, Sequence

from official.errors import UsageError


@contextlib.contextmanager
def made(directory: str) -> Iterator[None]:
  """Makes a folder, and removes it after an exception if it is empty.

  The same is done with the folders above it that had to be made.
  """
  folders = _make(directory)
  try:
    yield
  except BaseException:
    _unmake(folders)
    raise


def check_writable(flag: str, directory: str) -> None:
  """Checks that files can be made in a folder, and leaves no trace.

  Args:
    flag: The name of the flag that names the folder.
    directory: The folder, which may be missing.

  Raises:
    UsageError: The folder cannot be made, or files cannot be written there.
  """
  folders: list[str] = []
  probe = os.path.join(directory, f'.write-probe-{os.getpid()}')
  try:
    folders = _make(directory)
    with open(probe, 'w', encoding='utf-8'):
      pass
    os.remove(probe)
  except OSError as e:
    raise UsageError(
      f'--{flag} {directory} cannot be written: {e.strerror or e}'
    ) from e
  finally:
    _unmake(folders)


def _make(directory: str) -> list[str]:
  """Makes a folder; returns those that were missing, the outermost first."""
  missing = []
  path = os.path.abspath(directory)
  while not os.path.isdir(path) and path not in missing:
    missing.append(path)
    path = os.path.dirname(path)
  folders: list[str] = []
  try:
    for path in reversed(missing):
      with contextlib.suppress(FileExistsError):  # Another process was faster.
        os.mkdir(path)
        folders.append(path)
    os.makedirs(directory, exist_ok=True)
  except OSError:
    _unmake(folders)
    raise
  return folders


def _unmake(folders: Sequence[str]) -> None:
  """Removes those folders that `_make` made and that are empty."""
  with contextlib.suppress(OSError):
    for path in reversed(folders):
      os.rmdir(path)
