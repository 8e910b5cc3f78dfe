"""Flags without effect: one that is given where it cannot act is refused.

The conditions for the effect of a flag are declared with it, as `acts_when` of
its setting. `EFFECTS` collects them; a flag that is not in it always acts.
"""

import re
import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from absl import flags

from official.errors import UsageError
from official.flags.conditions import Condition
from official.flags.define import ACTS_WHEN
from official.flags.invocation import own_flags
from official.flags.settings import every_setting


class _Values(types.SimpleNamespace):
  """Values of flags by name; None for a flag that a command does not have."""

  def __getattr__(self, name: str) -> None:
    return None


EFFECTS: Mapping[str, Sequence[Condition]] = {
  name: setting.acts_when
  for name, setting in every_setting().items()
  if setting.acts_when
}


def check(flags_obj: flags.FlagValues) -> None:
  """Refuses flags that were given without effect, all in one message.

  Raises:
    UsageError: At least one flag has no effect.
  """
  values = flags_obj.flag_values_dict()
  conditions = dict(EFFECTS)
  for flag in own_flags(flags_obj):
    # A flag that a program defined by itself acts as a setting of its name.
    if hasattr(flag, ACTS_WHEN):
      conditions[flag.name] = getattr(flag, ACTS_WHEN)
  given = [name for name in conditions if _is_asked(flags_obj, name)]
  by_reason: dict[str, list[str]] = {}
  for name, reason in _without_effect(given, values, conditions).items():
    by_reason.setdefault(reason, []).append(_as_typed(flags_obj[name]))
  sentences = [
    f'{_and(names)} {"have" if len(names) > 1 else "has"} no effect {reason}; '
    f'leave {"them" if len(names) > 1 else "it"} out'
    for reason, names in by_reason.items()
  ]
  if sentences:
    raise UsageError('. '.join(sentences))


def acting(arguments: Iterable[str], *more: str) -> list[str]:
  """The flags of a run that also act in another call of its command.

  Args:
    arguments: Flags as `parsing.arguments` writes them.
    *more: Flags of the call, such as `--export_only`.
  """
  arguments = list(arguments)
  values = dict(map(_parsed, [*arguments, *more]))
  names = [_parsed(argument)[0] for argument in arguments]
  useless = _without_effect(names, values, EFFECTS)
  return [a for a in arguments if _parsed(a)[0] not in useless]


def _without_effect(
  names: Iterable[str],
  values: Mapping[str, Any],
  conditions: Mapping[str, Sequence[Condition]],
) -> dict[str, str]:
  """The flags that have no effect, each with the reason."""
  view = _Values(**values)
  reasons = {}
  for name in names:
    for condition in conditions.get(name, ()):
      if not condition.holds(view):
        reasons[name] = condition.otherwise
        break
  return reasons


def _as_typed(flag: flags.Flag[Any]) -> str:
  """`--augment`, or `--noaugment`."""
  is_off = flag.boolean and not flag.value
  return f'--no{flag.name}' if is_off else f'--{flag.name}'


def _is_asked(flags_obj: flags.FlagValues, name: str) -> bool:
  """Whether a flag was given, and not only to turn it off."""
  if name not in flags_obj or not flags_obj[name].present:
    return False
  flag = flags_obj[name]
  return bool(flag.value) or flag.value != flag.default


def _parsed(argument: str) -> tuple[str, Any]:
  """`--a=5` -> ('a', 5); `--a` -> ('a', True); `--noa` -> ('a', False)."""
  name, equals, value = argument.removeprefix('--').partition('=')
  if equals:
    return name, int(value) if re.fullmatch('-?[0-9]+', value) else value
  if name not in EFFECTS and name.removeprefix('no') in EFFECTS:
    return name.removeprefix('no'), False
  return name, True


def _and(words: list[str]) -> str:
  if len(words) == 1:
    return words[0]
  return f'{", ".join(words[:-1])} and {words[-1]}'
