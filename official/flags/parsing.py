"""From a command line to flag values, or to one line that says why not."""

from collections.abc import Sequence
from typing import Any

from absl import flags

from official.errors import UsageError
from official.flags import effects, retired

_LIBRARIES = ('absl', 'tensorflow', 'keras', 'etils', 'apache_beam')
# Theirs that act here too; the others are refused.
_OF_LIBRARIES = ('verbosity', 'flagfile', 'undefok')


def parse(argv: Sequence[str], arguments: str | None = None) -> list[str]:
  """Parses a command line.

  Args:
    argv: the command and its words.
    arguments: what the words that are no flags mean; None allows none.

  Returns:
    These words.

  Raises:
    UsageError: a flag is unknown, retired, without effect, or has a value it
      cannot have; or there are such words where none are allowed, or none
      where some must be.
  """
  known = {name: flags.FLAGS[name].name for name in flags.FLAGS}
  refused = retired.check_values(argv[1:], known)
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
      f'{rest[1]!r} is no flag; flags are written --name=value or --name value'
    )
  return rest[1:]


def _check_libraries() -> None:
  """Refuses flags of libraries, which nothing reads here.

  Raises:
    UsageError: one was given.
  """
  ours = {flag.name for flag in flags_of_ours(flags.FLAGS)}
  for flag in map(flags.FLAGS.__getitem__, flags.FLAGS):
    if flag.present and flag.name not in {*ours, *_OF_LIBRARIES}:
      raise UsageError(
        f'--{flag.name} is a flag of a library and has no effect here; leave '
        'it out'
      )


def help_text() -> str:
  """What every flag of ours is for, and its default."""
  modules = _modules(flags.FLAGS)
  return '\n'.join(flags.FLAGS.module_help(name) for name in modules)


def value_dict(flags_obj: Any) -> dict[str, Any]:
  """Name to value of every flag that an object holds.

  Args:
    flags_obj: parsed flags, of which those of libraries are left out; or any
      object with the values as attributes.
  """
  if is_command_line(flags_obj):
    return {flag.name: flag.value for flag in flags_of_ours(flags_obj)}
  names = [name for name in dir(flags_obj) if not name.startswith('_')]
  values = {name: getattr(flags_obj, name) for name in names}
  return {name: v for name, v in values.items() if not callable(v)}


def is_command_line(flags_obj: Any) -> bool:
  """Whether an object holds parsed flags, and not just values."""
  return isinstance(flags_obj, flags.FlagValues)


def is_given(flags_obj: Any, name: str) -> bool:
  """Whether a flag was on the command line; never, if there was none."""
  if not is_command_line(flags_obj) or name not in flags_obj:
    return False
  return bool(flags_obj[name].present)


def flags_of_ours(flags_obj: flags.FlagValues) -> list[flags.Flag]:
  """Every flag that no library defines."""
  by_module = flags_obj.flags_by_module_dict()
  return [flag for name in _modules(flags_obj) for flag in by_module[name]]


def arguments(flags_obj: Any, but: Sequence[str] = ()) -> list[str]:
  """The flags of ours that are not at their defaults, as one types them.

  Args:
    flags_obj: parsed flags; of another object nothing is known of defaults.
    but: names to leave out.
  """
  return sorted(
    flag.serialize() for flag in changed(flags_obj) if flag.name not in but
  )


def changed(flags_obj: Any) -> list[flags.Flag]:
  """The flags of ours that are not at their defaults."""
  if not is_command_line(flags_obj):
    return []
  ours = flags_of_ours(flags_obj)
  return [flag for flag in ours if flag.value != flag.default]


def _modules(flags_obj: flags.FlagValues) -> list[str]:
  """Modules that define flags, less those of libraries."""
  names = sorted(flags_obj.flags_by_module_dict())
  return [n for n in names if not n.split('.')[0].startswith(_LIBRARIES)]
