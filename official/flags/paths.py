"""Paths that people give: flags, and words of a command.

A wrong path is reported without importing TensorFlow.
"""

import os
import re
from typing import Any

from absl import flags

from official.errors import UsageError

# The flags that `define` makes belong to `official.flags` and to the commands,
# not to this module.
flags.disclaim_key_flags()

# Well-known schemes count with one slash too: people easily leave the second
# one out, and do not mean a folder then.
_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*)://|(?i:gs|s3|hdfs|https?):/')


class _Parser(flags.ArgumentParser[str]):
  """Parses the value of a flag that names a file or a folder."""

  syntactic_help = 'a path on this machine'

  def parse(self, argument: Any) -> str:
    """See the base class."""
    return local(os.fspath(argument))


def define(name: str, default: str | None, help: str, **kwargs: Any) -> None:
  """Defines a flag that names a file or a folder of this machine.

  `~` and `~user` in its value are replaced here, so no other code needs to know
  them.

  Args:
    name: The name of the flag.
    default: The value of the flag if it is not given.
    help: The purpose of the flag, for --help.
    **kwargs: Other arguments of `flags.DEFINE`, such as `short_name`.
  """
  serializer: flags.ArgumentSerializer[str] = flags.ArgumentSerializer()
  flags.DEFINE(_Parser(), name, default, help, serializer=serializer, **kwargs)


def local(path: str) -> str:
  """A path with `~` and `~user` replaced by the folders that they mean.

  Raises:
    ValueError: The path is empty or remote, or there is no such user.
  """
  if not path:
    raise ValueError('a path cannot be empty; leave the flag out or give one')
  remote = _SCHEME.match(path)
  if remote and remote[0].lower() == 'file://':
    raise ValueError('give only the path, without file://')
  if remote:
    raise ValueError(
      f'remote paths ({remote[0]}) are not supported yet; give a local folder'
    )
  try:
    path.encode()
  except UnicodeEncodeError:
    raise ValueError('the name must be UTF-8') from None
  expanded = os.path.expanduser(path)
  if expanded.startswith('~'):
    raise ValueError(
      f'there is no user {expanded[1:].split(os.sep)[0]}; a folder of that '
      f'name is ./{path}'
    )
  return expanded


def named(word: str) -> str:
  """The path that a word of a command means.

  A file whose name begins with `~` is taken where it exists: shells replace `~`
  in words by themselves, and editors leave files with such names.

  Raises:
    UsageError: See `local`.
  """
  if os.path.lexists(word):
    return word
  if not word:
    raise UsageError("a word is empty (''); name a file or a folder")
  try:
    return local(word)
  except ValueError as e:
    raise UsageError(f'{word}: {e}') from e


def require_directory(flag: str, path: str) -> None:
  """Checks that a flag names a folder.

  Raises:
    UsageError: There is no such folder.
  """
  if not os.path.isdir(path):
    raise UsageError(f'--{flag}: there is no folder {path}')
