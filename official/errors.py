"""Errors whose message is all that the user needs to see."""

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator


class UserError(Exception):
  """An input of the user that cannot work; the message says which and why.

  Commands print the message as one line and exit with `exit_code`.
  """

  exit_code = 1


class UsageError(UserError):
  """A flag, or a combination of flags, that cannot work."""

  exit_code = 2


class DataError(UserError, ValueError):
  """A data file that is missing, damaged or of another kind."""


# Errors of the disk, or of a limit of the machine, whichever file it is.
_OF_MACHINE = frozenset(
  getattr(errno, name)
  for name in ('ENOSPC', 'EDQUOT', 'EFBIG', 'EROFS', 'EIO', 'ESTALE', 'EMFILE')
  if hasattr(errno, name)
)
# Errors of a place: the user's if it is in a folder that the user named,
# otherwise the program's.
_OF_PLACE = frozenset({
  *(errno.ENOENT, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR),
  *(errno.EEXIST, errno.ENOTEMPTY, errno.ENAMETOOLONG, errno.ELOOP),
})


@contextlib.contextmanager
def file_errors_as_user_errors(folders: Iterable[str | None]) -> Iterator[None]:
  """Turns errors about the user's files into a `UserError` of one line.

  Args:
    folders: The folders that the user named; see `is_of_files`.

  Raises:
    UserError: There was such an error within the context.
  """
  try:
    yield
  except OSError as e:
    named = [folder for folder in folders if folder]
    if is_of_output(e) or not is_of_files(e, named):
      raise
    raise UserError(line_of(e, named)) from e


def line_of(error: OSError, folders: Iterable[str] = ()) -> str:
  """Returns a line such as `run/metrics.jsonl: Permission denied`."""
  name = error.filename or ' or '.join(folders)
  return f'{name}: {error.strerror or error}' if name else str(error)


def is_of_output(error: OSError) -> bool:
  """Returns whether the output of the command could not be written."""
  if error.filename is not None:
    return False
  try:
    sys.stdout.flush()  # Text that was not written is still in the buffer.
    os.write(sys.stdout.fileno(), b'')  # For output without a buffer.
  except io.UnsupportedOperation:  # Not a file: for example in a notebook.
    return False
  except OSError:
    return True
  return False


def is_of_files(error: OSError, folders: Iterable[str | None]) -> bool:
  """Returns whether an error is about the user's disk and folders, not a bug.

  Errors about a pipe that nobody reads any more, about an address, or about a
  file that the program itself should have known are not.

  Args:
    error: The error.
    folders: The folders that the user named.
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
