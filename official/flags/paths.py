"""Paths that people give: flags, and words of a command.

TensorFlow is not needed to say what is wrong with one.
"""

import os
import re
from typing import Any

from absl import flags

from official.errors import UsageError

# What `official.flags` and the commands define is theirs, not this module's.
flags.disclaim_key_flags()

# With one slash, too, which is easily left out, where no folder is meant.
_SCHEME = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*)://|(?i:gs|s3|hdfs|https?):/')


class _Parser(flags.ArgumentParser[str]):
  """Of a flag that names a file or a folder."""

  syntactic_help = 'a path on this machine'

  def parse(self, argument: Any) -> str:
    """See the base class."""
    return local(os.fspath(argument))


def define(name: str, default: str | None, help: str, **kwargs: Any) -> None:
  """Defines a flag that names a file or a folder of this machine.

  Its value has `~` and `~user` replaced, so no other code needs to know them.

  Args:
    name: The flag's.
    default: Its value if it is not given.
    help: What it is for.
    **kwargs: Other arguments of `flags.DEFINE`, such as `short_name`.
  """
  serializer: flags.ArgumentSerializer[str] = flags.ArgumentSerializer()
  flags.DEFINE(_Parser(), name, default, help, serializer=serializer, **kwargs)


def local(path: str) -> str:
  """A path with `~` and `~user` as the folders that they mean.

  Raises:
    ValueError: It is empty or of another machine, or there is no such user.
  """
  if not path:
    raise ValueError('a path cannot be empty; leave the flag out or give one')
  remote = _SCHEME.match(path)
  if remote and remote[0].lower() == 'file://':
    raise ValueError('give the path alone, without file://')
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

  A file whose name begins with `~` is meant where there is one: shells replace
  `~` in words by themselves, and editors leave such files.

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
    UsageError: It does not.
  """
  if not os.path.isdir(path):
    raise UsageError(f'--{flag}: there is no folder {path}')
