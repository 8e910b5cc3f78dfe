"""All settings of a run: typed, checked, and constant from start to end."""

import dataclasses
import types
from collections.abc import Mapping
from typing import Any, Self, cast

from absl import flags

from official.errors import UsageError
from official.flags.data import PhotographSettings, SmallImageSettings
from official.flags.invocation import Invocation, own_flags
from official.flags.performance import (
  DistributionSettings,
  LayoutSettings,
  PerformanceSettings,
)
from official.flags.run import RunSettings
from official.flags.setting import Rule, settings_in
from official.flags.training import TrainingSettings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings(  # A dataclass lists the fields of its last base first.
  TrainingSettings,
  LayoutSettings,
  DistributionSettings,
  PerformanceSettings,
  RunSettings,
):
  """The settings of a run, whatever its data and network.

  A main makes them once, from the flags; a program can write
  `Settings(model_dir='/tmp/run', train_epochs=2)`. Nothing below a main reads
  flags.

  Attributes:
    extra: Settings of the network, and of the main itself, by name.
    invocation: The command line; None where a program made the settings.

  Raises:
    ValueError: A value has the wrong type or is not allowed.
  """

  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict)
  invocation: Invocation | None = None

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
    object.__setattr__(self, 'extra', types.MappingProxyType(dict(self.extra)))
    values = self.as_dict()
    for rule in _rules(type(self)):
      if not rule.holds(values):
        raise ValueError(rule.message)

  @classmethod
  def of(cls, flags_obj: Any) -> Self:
    """The settings that flags mean.

    Args:
      flags_obj: Parsed flags, of which those of libraries are left out; or any
        object with the values as attributes; or settings, which are returned.
        A value that it does not have is at its default.

    Returns:
      An object of this class; `Settings.of` returns the subclass that has all
      settings of the object.

    Raises:
      UsageError: A value has the wrong type or is not allowed.
    """
    if isinstance(flags_obj, cls):
      return flags_obj
    values = _values(flags_obj)
    kind = cls if cls is not Settings else cast(type[Self], _kind(values))
    names = settings_in(kind)
    try:
      return kind(
        **{name: values[name] for name in names if name in values},
        extra={name: v for name, v in values.items() if name not in names},
        invocation=_invocation(flags_obj),
      )
    except ValueError as e:
      raise UsageError(f'--{str(e).removeprefix("--")}') from e

  def replace(self, **changes: Any) -> Self:
    """A copy with other values."""
    return dataclasses.replace(self, **changes)

  def as_dict(self) -> dict[str, Any]:
    """Every setting by name, including those of the network."""
    names = settings_in(type(self))
    return {name: getattr(self, name) for name in names} | dict(self.extra)

  def is_given(self, name: str) -> bool:
    """Whether a flag was on the command line; False without a command line."""
    return self.invocation is not None and name in self.invocation.given

  @property
  def trains(self) -> bool:
    """Whether the run trains, and does not only use a checkpoint."""
    uses_checkpoint = self.eval_only or self.export_only
    return not uses_checkpoint and self.train_epochs > 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class SettingsForSmallImages(Settings, SmallImageSettings):
  """The settings of a run on images that fit in memory."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SettingsForPhotographs(Settings, PhotographSettings):
  """The settings of a run on images that are read from files."""


def _rules(settings_class: type) -> list[Rule]:
  return [
    rule
    for base in settings_class.__mro__
    for rule in vars(base).get('rules', ())
  ]


def _invocation(flags_obj: Any) -> Invocation | None:
  if isinstance(flags_obj, flags.FlagValues):
    return Invocation.of(flags_obj)
  return flags_obj.invocation if isinstance(flags_obj, Settings) else None


def _values(flags_obj: Any) -> dict[str, Any]:
  """Name to value of every flag that an object holds."""
  if isinstance(flags_obj, Settings):
    return flags_obj.as_dict()
  if isinstance(flags_obj, flags.FlagValues):
    return {flag.name: flag.value for flag in own_flags(flags_obj)}
  names = [name for name in dir(flags_obj) if not name.startswith('_')]
  values = {name: getattr(flags_obj, name) for name in names}
  return {name: v for name, v in values.items() if not callable(v)}


def _kind(values: Mapping[str, Any]) -> type[Settings]:
  """The settings class whose own settings are all there."""
  for kind, topic in (
    (SettingsForPhotographs, PhotographSettings),
    (SettingsForSmallImages, SmallImageSettings),
  ):
    if settings_in(topic).keys() <= values.keys():
      return kind
  return Settings
