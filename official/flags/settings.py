"""All settings of a run: typed, checked, and constant from start to end."""

import dataclasses
import functools
from collections.abc import Mapping
from typing import Any, Self, cast

from absl import flags

from official.errors import UsageError
from official.flags.data import PhotographSettings, SmallImageSettings
from official.flags.declaration import (
  DeclaredSettings,
  Setting,
  settings_in,
)
from official.flags.invocation import Invocation, own_flags
from official.flags.performance import (
  DistributionSettings,
  LayoutSettings,
  PerformanceSettings,
)
from official.flags.run import RunSettings
from official.flags.training import (
  BatchNormSettings,
  TrainingSettings,
  auxiliary_heads,
  dropout_rate,
)


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
    network: The network's own settings, an object of the class that declares
      them; None for a network that has none.
    extra: Other settings of the main, by name.
    invocation: The command line; None where a program made the settings.

  Raises:
    ValueError: A value has the wrong type or is not allowed.
  """

  network: Any = None
  extra: Mapping[str, Any] = dataclasses.field(default_factory=dict, hash=False)
  invocation: Invocation | None = dataclasses.field(default=None, compare=False)

  def __post_init__(self) -> None:
    super().__post_init__()
    object.__setattr__(self, 'extra', dict(self.extra))
    own = settings_in(type(self))
    for name in {*_network_values(self.network), *self.extra}:
      if name in own:
        raise ValueError(f'{name} is a setting of every run; give it by name')

  @classmethod
  def of(cls, flags_obj: Any, network_class: type | None = None) -> Self:
    """The settings that flags mean.

    Args:
      flags_obj: Parsed flags, of which those of libraries are left out; or any
        object with the values as attributes; or settings, which are returned.
        A value that it does not have is at its default.
      network_class: The class that declares the network's own settings. Without
        it they are in `extra`.

    Returns:
      An object of this class; `Settings.of` returns the subclass that has all
      settings of the object.

    Raises:
      UsageError: A value has the wrong type or is not allowed.
    """
    if isinstance(flags_obj, cls):
      return flags_obj
    values = _values(flags_obj)
    subclass = cls if cls is not Settings else cast(type[Self], _class(values))
    try:
      network = values.pop('network', None)
      if network_class is not None:
        names = settings_in(network_class).keys() & values.keys()
        network = network_class(**{name: values.pop(name) for name in names})
      names = settings_in(subclass).keys() & values.keys()
      own = {name: values.pop(name) for name in names}
      return subclass(
        **own, network=network, extra=values, invocation=_invocation(flags_obj)
      )
    except ValueError as e:
      raise UsageError(f'--{str(e).removeprefix("--")}') from e

  def replace(self, **changes: Any) -> Self:
    """A copy with other values."""
    return dataclasses.replace(self, **changes)

  def as_dict(self) -> dict[str, Any]:
    """Every setting by name, including those of the network."""
    return super().as_dict() | _network_values(self.network) | dict(self.extra)

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class _SettingsOfNetworks(BatchNormSettings):
  """What networks declare with the help of `official.flags`."""

  dropout_rate: float = dropout_rate(0.5)
  auxiliary_heads: bool = auxiliary_heads(False)


@functools.cache
def every_setting() -> Mapping[str, Setting]:
  """Name to setting of all settings that `official` knows.

  Those of networks are included, for processes that have not defined the flags
  of a network, such as one that runs the main of a run again.
  """
  return {
    **settings_in(Settings),
    **settings_in(SmallImageSettings),
    **settings_in(PhotographSettings),
    **settings_in(_SettingsOfNetworks),
  }


def _network_values(network: Any) -> dict[str, Any]:
  return {} if network is None else network.as_dict()


def _invocation(flags_obj: Any) -> Invocation | None:
  if isinstance(flags_obj, flags.FlagValues):
    return Invocation.of(flags_obj)
  # Settings of another class, such as those for the other kind of images.
  return flags_obj.invocation if isinstance(flags_obj, Settings) else None


def _values(flags_obj: Any) -> dict[str, Any]:
  """Name to value of every flag that an object holds."""
  if isinstance(flags_obj, Settings):
    network = {'network': flags_obj.network}
    return DeclaredSettings.as_dict(flags_obj) | dict(flags_obj.extra) | network
  if isinstance(flags_obj, flags.FlagValues):
    # Read as attributes, so that absl refuses flags that were not parsed.
    return {f.name: getattr(flags_obj, f.name) for f in own_flags(flags_obj)}
  names = [name for name in dir(flags_obj) if not name.startswith('_')]
  values = {name: getattr(flags_obj, name) for name in names}
  return {name: v for name, v in values.items() if not callable(v)}


def _class(values: Mapping[str, Any]) -> type[Settings]:
  """The settings class all of whose own settings have a value."""
  for settings_class, topic in (
    (SettingsForPhotographs, PhotographSettings),
    (SettingsForSmallImages, SmallImageSettings),
  ):
    if settings_in(topic).keys() <= values.keys():
      return settings_class
  return Settings
