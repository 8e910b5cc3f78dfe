"""The command line of a run, from which the run can be started again."""

import dataclasses
import os
import sys
from collections.abc import Collection, Mapping
from typing import Any

from absl import flags

_LIBRARIES = ('absl', 'tensorflow', 'keras', 'etils', 'apache_beam')


@dataclasses.dataclass(frozen=True)
class Invocation:
  """The command and the flags that started a run.

  Attributes:
    main: The module that `python -m` runs, such as `net.mnist_main`; None
      for a program that was started in another way.
    command: The words of the command, such as `python -m net.mnist_main`.
    changed: Name to text, such as `--seed=5`, of every flag of this project
      that is not at its default.
    given: Names of the flags that were on the command line.
  """

  main: str | None
  command: str
  changed: Mapping[str, str]
  given: Collection[str]

  @classmethod
  def of(cls, flag_values: flags.FlagValues) -> 'Invocation':
    """Returns the invocation that parsed flags stand for."""
    own = own_flags(flag_values)
    return cls(
      main_module(),
      command(),
      {f.name: f.serialize() for f in own if f.value != f.default},
      frozenset(f.name for f in own if f.present),
    )

  def arguments(self, leave_out: Collection[str] = ()) -> list[str]:
    """The flags that are not at their defaults, as words of a command line.

    Args:
      leave_out: Names of flags to leave out.
    """
    return sorted(
      text for name, text in self.changed.items() if name not in leave_out
    )


def own_flags(flag_values: flags.FlagValues) -> list[flags.Flag[Any]]:
  """Every flag except those of libraries."""
  by_module = flag_values.flags_by_module_dict()
  return [flag for name in own_modules(flag_values) for flag in by_module[name]]


def own_modules(flag_values: flags.FlagValues) -> list[str]:
  """The modules that define flags, except those of libraries."""
  names = sorted(flag_values.flags_by_module_dict())
  return [n for n in names if not n.split('.')[0].startswith(_LIBRARIES)]


def main_module() -> str | None:
  """The module that `python -m` runs, such as `net.mnist_main`."""
  spec = getattr(sys.modules['__main__'], '__spec__', None)
  return spec.name if spec else None


def command() -> str:
  """The words that start this command, such as `python -m net.mnist_main`."""
  module = main_module()
  if module is None:
    return os.path.basename(sys.argv[0])
  return f'python -m {module.removesuffix(".__main__")}'
