"""From a settings class to flags."""

from collections.abc import Callable
from typing import Any

from absl import flags

from official.flags import paths
from official.flags.checks import check, check_together
from official.flags.setting import Setting, settings_in

FLAGS = flags.FLAGS


def define(settings_class: type) -> None:
  """Defines a flag for each setting of a class, with its checks.

  Args:
    settings_class: A dataclass of fields that `setting` made. Its class
      attribute `rules`, if any, lists the rules between several of them.
  """
  for name, setting in settings_in(settings_class).items():
    _define_one(name, setting, settings_class.__module__)
    check(name, _validator(name, setting))
  for rule in getattr(settings_class, 'rules', ()):
    check_together(rule.names, rule.holds, rule.message)


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
    parser = _NumberParser(name, setting)
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
  """Parses numbers, since absl's messages do not name the allowed values."""

  def __init__(self, name: str, setting: Setting):
    super().__init__()
    self._name = name
    self._kind = setting.kind
    # Printed by --help.
    self.enum_values = [str(choice) for choice in setting.choices or ()]

  def parse(self, argument: Any) -> Any:
    """See the base class."""
    try:
      value = self._kind(argument)
      if self._kind is float or value == float(argument):
        return value
    except ValueError:
      pass
    number = 'a whole number' if self._kind is int else 'a number'
    raise ValueError(f'--{self._name} must be {number}, given: {argument}')

  def flag_type(self) -> str:
    """See the base class."""
    return self._kind.__name__


def _validator(name: str, setting: Setting) -> Callable[[Any], bool]:
  """The validator for absl; it raises a `ValidationError` with the reason."""

  def is_valid(value: Any) -> bool:
    problem = setting.problem_of(value)
    if problem:
      raise flags.ValidationError(f'--{name} {problem}')
    return True

  return is_valid


def set_defaults(**values: Any) -> None:
  """Changes the defaults of a main's flags."""
  for name, value in values.items():
    FLAGS.set_default(name, value)
