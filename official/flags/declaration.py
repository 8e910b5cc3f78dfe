"""One setting of a run, declared once: a field that is also a flag.

A field `base_lr: float = setting(0.1, 'Peak learning rate.', low=0.0)` of a
settings class gives the name, type, default, meaning and allowed values of the
attribute and of the flag `--base_lr`; `official.flags.define` makes the flag.
"""

import dataclasses
import functools
import math
import numbers
import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from official.flags import checks, paths
from official.flags.conditions import Condition

_KEY = 'setting'


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
  """The declaration of a setting, besides its name and type.

  Attributes:
    default: The value unless another is given.
    help: The purpose of the setting, as `--help` prints it.
    short_name: The short name of its flag, as the original had it.
    low: The least value.
    high: The greatest value.
    choices: The only values, if there are few; for a list, the only items, in
      upper or lower case.
    problem: Function from a value to what is wrong with it (`must be ...,
      given: ...`) or None, for checks beyond `low`, `high` and `choices`.
    is_path: Whether it names a file or a folder of this machine.
    acts_when: The conditions for its effect; an error names the first one that
      does not hold.
    of_one_call: Whether it concerns only one command and its outputs, and is
      not part of the run's identity.
    kind: `bool`, `int`, `float`, `str` or `tuple` (of `str`), read from the
      type of the field.
  """

  default: Any
  help: str
  short_name: str | None = None
  low: float | None = None
  high: float = math.inf
  choices: Sequence[Any] | None = None
  problem: Callable[[Any], str | None] | None = None
  is_path: bool = False
  acts_when: Sequence[Condition] = ()
  of_one_call: bool = False
  kind: type = str

  def converted(self, value: Any) -> Any:
    """The value as the settings hold it: a tuple for a list, `~` replaced.

    Raises:
      ValueError: The value has the wrong type, or is not a path of this
        machine. The message continues the setting's name.
    """
    if value is None and self.default is None:
      return None
    if self.is_path and isinstance(value, str | os.PathLike):
      try:
        return paths.local(os.fspath(value))
      except ValueError as e:
        raise ValueError(f'={value}: {e}') from e
    number = self._number(value)
    if number is not None:
      return number
    if self.kind is tuple:
      if value is None:  # As an empty list; --hooks= gives one.
        return ()
      if _is_list_of_strings(value):
        return tuple(value)
    elif self.kind is str and isinstance(value, str):
      return value
    kinds: dict[type, str] = {tuple: 'a list of strings', bool: 'True or False'}
    expected = kinds.get(self.kind, f'of type {self.kind.__name__}')
    raise ValueError(f' must be {expected}, given: {value!r}')

  def _number(self, value: Any) -> bool | float | str | None:
    """The value as a number of the expected kind; None if it is not one."""
    if isinstance(value, bool):
      return value if self.kind is bool else None
    if self.kind is bool and value in (0, 1):
      return bool(value)
    if self.kind is int and isinstance(value, numbers.Integral):
      return int(value)
    if self.kind is float and isinstance(value, numbers.Real):
      return float(value)
    if self.kind is str and self.problem and isinstance(value, numbers.Real):
      return f'{value:g}'  # A number or a word, such as --loss_scale.
    return None

  def problem_of(self, value: Any) -> str | None:
    """The fault of a converted value, such as `must be 1 or more, given: 0`."""
    if value is None:
      return None
    if self.kind is tuple and self.choices:
      return _unknown_item(value, self.choices)
    problem = None
    if self.choices:
      problem = checks.problem_of_choice(value, self.choices)
    if not problem and self.low is not None:
      problem = checks.problem_of_range(value, self.low, self.high)
    if not problem and self.problem:
      problem = self.problem(value)
    return problem


@dataclasses.dataclass(frozen=True)
class Rule:
  """A rule between several settings, whatever other settings are given.

  Attributes:
    names: The names of the settings.
    holds: Function from their values by name to whether the rule holds.
    message: The error message where it does not hold.
  """

  names: Sequence[str]
  holds: Callable[[Mapping[str, Any]], Any]
  message: str


def setting(default: Any, help: str, **kwargs: Any) -> Any:
  """A field of a settings class.

  Args:
    default: See `Setting`.
    help: See `Setting`.
    **kwargs: Other attributes of `Setting`.
  """
  metadata = {_KEY: Setting(default=default, help=help, **kwargs)}
  return dataclasses.field(default=default, metadata=metadata)


def settings_in(settings_class: type) -> Mapping[str, Setting]:
  """Name to setting of all fields of a class that `setting` made."""
  return _settings_in(settings_class)


@functools.cache  # Every start asks for the settings of a class repeatedly.
def _settings_in(settings_class: type) -> Mapping[str, Setting]:
  hints = typing.get_type_hints(settings_class)
  return {
    field.name: dataclasses.replace(
      field.metadata[_KEY], kind=_kind(hints[field.name])
    )
    for field in dataclasses.fields(settings_class)
    if _KEY in field.metadata
  }


def _is_list_of_strings(value: Any) -> bool:
  return isinstance(value, list | tuple) and all(
    isinstance(item, str) for item in value
  )


def _kind(hint: Any) -> type:
  """`int | None` -> int, `tuple[str, ...]` -> tuple."""
  if isinstance(hint, types.UnionType):
    hint = next(each for each in hint.__args__ if each is not types.NoneType)
  return typing.get_origin(hint) or hint


def _unknown_item(values: Sequence[str], known: Sequence[str]) -> str | None:
  in_lower_case = {name.lower() for name in known}
  for value in values:
    if value.lower() not in in_lower_case:
      return f'must be of {", ".join(known)}, given: {value}'
  return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeclaredSettings:
  """The base of all settings classes, which checks the given values.

  Attributes:
    rules: The rules between several settings of the class.

  Raises:
    ValueError: A value has the wrong type or is not allowed.
  """

  rules: ClassVar[Sequence[Rule]] = ()

  def __post_init__(self) -> None:
    for name, setting in settings_in(type(self)).items():
      try:
        value = setting.converted(getattr(self, name))
      except ValueError as e:
        raise ValueError(f'{name}{e}') from e
      problem = setting.problem_of(value)
      if problem:
        raise ValueError(f'{name} {problem}')
      object.__setattr__(self, name, value)
    values = DeclaredSettings.as_dict(self)
    for base in type(self).__mro__:
      for rule in vars(base).get('rules', ()):
        is_complete = values.keys() >= set(rule.names)
        if is_complete and not rule.holds(values):
          raise ValueError(rule.message)

  def as_dict(self) -> dict[str, Any]:
    """Every setting by name."""
    return {name: getattr(self, name) for name in settings_in(type(self))}
