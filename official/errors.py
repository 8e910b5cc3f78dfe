"""Errors whose message, alone, is all that the user needs to see."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator


class UserError(Exception):
  """Something the user gave cannot work; the message says what and why.

  Commands print the message as one line and exit with `exit_code`.
  """

  exit_code = 1


class UsageError(UserError):
  """A flag, or a combination of flags, that cannot work."""

  exit_code = 2


class DataError(UserError, ValueError):
  """A data file that is missing, damaged or of another kind."""


# The disk, or a limit of the machine, whichever file it is.
_OF_MACHINE = frozenset(
  getattr(errno, name)
  for name in ('ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO', 'ESTALE', 'EMFILE')
  if hasattr(errno, name)
)
# A place: the user's where it is in a folder of his, else the program's.
_OF_PLACE = frozenset({
  *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR),
  *(errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG, errno.ELOOP),
})


@contextlib.contextmanager
def told_of_files(folders: Iterable[str | None]) -> Iterator[None]:
  """Within it an error about the user's files is one line.

  Args:
    folders: That the user named; see `is_of_files`.

  Raises:
    UserError: There was such an error.
  """
  try:
    yield
  except OSError as e:
    named = [folder for folder in folders if folder]
    if is_of_output(e) or not is_of_files(e, named):
      raise
    raise UserError(line_of(e, named)) from e


def line_of(error: OSError, folders: Iterable[str] = ()) -> str:
  """`run/metrics.jsonl: Permission denied`."""
  name = error.filename or ' or '.join(folders)
  return f'{name}: {error.strerror or error}' if name else str(error)


def is_of_output(error: OSError) -> bool:
  """Whether it is what the command prints that could not be written."""
  if error.filename is not None:
    return False
  try:
    sys.stdout.flush()  # What was not written is still there.
    os.write(sys.stdout.fileno(), b'')  # Unless Python does not keep it.
  except io.UnsupportedOperation:  # It is no file: in a notebook, say.
    return False
  except OSError:
    return True
  return False


def is_of_files(error: OSError, folders: Iterable[str | None]) -> bool:
  """Whether an error is about the user's disk and folders, and no bug.

  A pipe that nobody reads any more, an address, or a file that the program
  itself should have known, are not.

  Args:
    error: The error.
    folders: That the user named.
  """
  if error.errno in _OF_MACHINE:
    return True
  names = [error.filename, error.filename2]
  paths = [os.path.abspath(n) for n in names if isinstance(n, str)]
  places = [os.path.abspath(folder) for folder in folders if folder]
  return error.errno in _OF_PLACE and any(
    os.path.commonpath([path, place]) == place
    for path in paths
    for place in places
  )
