"""From a settings class to flags."""

from typing import Any

from absl import flags

from official.flags import paths
from official.flags.checks import check_problem, check_together
from official.flags.declaration import Setting, settings_in

FLAGS = flags.FLAGS

ACTS_WHEN = 'acts_when'  # An attribute of a flag; absl knows nothing of it.


def define(settings_class: type) -> None:
  """Defines a flag for each setting of a class, with its checks.

  Args:
    settings_class: A dataclass of fields that `setting` made. Its class
      attribute `rules`, if any, lists the rules between several of them.
  """
  for name, setting in settings_in(settings_class).items():
    _define_one(name, setting, _module_of(settings_class, name))
    check_problem(name, setting.problem_of)
    # Stored with the flag, so that a network's own conditions are found there.
    setattr(FLAGS[name], ACTS_WHEN, setting.acts_when)
  for rule in getattr(settings_class, 'rules', ()):
    check_together(rule.names, rule.holds, rule.message)


def _module_of(settings_class: type, name: str) -> str:
  """The module of the most derived class that declares a setting."""
  return next(
    base.__module__
    for base in settings_class.__mro__
    if name in vars(base).get('__annotations__', {})
  )


def _define_one(name: str, setting: Setting, module: str) -> None:
  """Defines one flag. absl's `--helpfull` groups it under `module`."""
  arguments: dict[str, Any] = {
    'short_name': setting.short_name,
    'module_name': module,
  }
  if setting.is_path:
    paths.define(name, setting.default, setting.help, **arguments)
  elif setting.kind is tuple:
    default = None if setting.default is None else list(setting.default)
    flags.DEFINE_list(name, default, setting.help, **arguments)
  elif setting.kind is str and setting.choices:
    flags.DEFINE_enum(
      name, setting.default, list(setting.choices), setting.help, **arguments
    )
  elif setting.kind is str:
    flags.DEFINE_string(name, setting.default, setting.help, **arguments)
  elif setting.kind is bool:
    flags.DEFINE_bool(name, setting.default, setting.help, **arguments)
  else:
    parser = _NumberParser(setting)
    serializer: flags.ArgumentSerializer[Any] = flags.ArgumentSerializer()
    flags.DEFINE(
      parser,
      name,
      setting.default,
      setting.help,
      serializer=serializer,
      **arguments,
    )


class _NumberParser(flags.ArgumentParser[Any]):
  """Parses numbers; the messages of absl's own parsers do not name the kind."""

  def __init__(self, setting: Setting):
    super().__init__()
    self._kind = setting.kind
    number = 'an integer' if setting.kind is int else 'a number'
    # Both are printed by --help: the choices, or the kind.
    self.enum_values = [str(choice) for choice in setting.choices or ()]
    self.syntactic_help = '|'.join(self.enum_values) or number

  def parse(self, argument: Any) -> Any:
    """See the base class."""
    text = str(argument)
    try:
      if self._kind is int and text.lower().startswith('0x'):
        return int(text, 16)
      value = self._kind(argument)
      if value == float(argument):  # Not 2 for 2.5.
        return value
    except (ValueError, OverflowError):
      pass
    number = 'a whole number' if self._kind is int else 'a number'
    raise ValueError(f'it must be {number}')

  def flag_type(self) -> str:
    """See the base class."""
    return self._kind.__name__


def set_defaults(**values: Any) -> None:
  """Changes the defaults of a main's flags."""
  for name, value in values.items():
    FLAGS.set_default(name, value)
