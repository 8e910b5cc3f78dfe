"""From a command line to flag values, or to one line with the error."""

from collections.abc import Sequence

from absl import flags

from official.errors import UsageError
from official.flags import effects, retired
from official.flags.invocation import own_flags, own_modules

# Flags of libraries that act here too; the others are refused.
_OF_LIBRARIES = ('verbosity', 'flagfile', 'undefok')


def parse(argv: Sequence[str], arguments: str | None = None) -> list[str]:
  """Parses a command line.

  Args:
    argv: The command and its words.
    arguments: The meaning of the words that are not flags; None allows no such
      word.

  Returns:
    The words that are not flags.

  Raises:
    UsageError: A flag is unknown, retired, without effect, or has a value that
      is not allowed; or such words are given where none are allowed, or are
      missing where one is needed.
  """
  long_names = {name: flags.FLAGS[name].name for name in flags.FLAGS}
  refused = retired.check_values(argv[1:], long_names)
  if refused:
    raise UsageError(refused)
  try:
    rest = flags.FLAGS(argv)
  except flags.UnrecognizedFlagError as e:
    raise UsageError(retired.reason_of(e.flagname) or str(e)) from e
  except flags.Error as e:
    message = ' '.join(str(e).replace('Fatal error: ', '').split())
    raise UsageError(message) from e
  _check_libraries()
  effects.check(flags.FLAGS)
  if arguments and len(rest) == 1:
    raise UsageError(f'{arguments} is missing: name one or more')
  if not arguments and len(rest) > 1:
    raise UsageError(
      f'{rest[1]!r} is not a flag; a flag is --name=value or --name value'
    )
  return rest[1:]


def _check_libraries() -> None:
  """Refuses flags of libraries, which nothing reads here.

  Raises:
    UsageError: A flag of a library was given.
  """
  own_names = {flag.name for flag in own_flags(flags.FLAGS)}
  for flag in map(flags.FLAGS.__getitem__, flags.FLAGS):
    if flag.present and flag.name not in {*own_names, *_OF_LIBRARIES}:
      raise UsageError(
        f'--{flag.name} is a flag of a library and has no effect here; leave '
        'it out'
      )


def help_text() -> str:
  """The help and the default of every flag of ours."""
  modules = own_modules(flags.FLAGS)
  return '\n'.join(flags.FLAGS.module_help(name) for name in modules)
