"""Validators of flags: the flag, the value given and what is allowed."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags


def check(name: str, is_valid: Callable[[Any], bool]) -> None:
  """Makes a flag valid only where `is_valid(value)` is true.

  `is_valid` may raise `flags.ValidationError` with a message of its own.
  """
  flags.register_validator(name, is_valid)


def check_together(
  names: Sequence[str],
  is_valid: Callable[[Mapping[str, Any]], Any],
  message: str,
) -> None:
  """Makes flags valid only where `is_valid(values by name)` is true.

  Otherwise the command ends with `message`.
  """
  flags.register_multi_flags_validator(
    list(names), lambda values: bool(is_valid(values)), message
  )


def check_range(name: str, low: float, high: float = math.inf) -> None:
  """Makes a flag valid only from `low` to `high`, both included, or as None."""
  allowed = f'{low} or more' if high == math.inf else f'{low} to {high}'

  def in_range(value: float | None) -> bool:
    if value is None or low <= value <= high:
      return True
    raise flags.ValidationError(f'--{name} must be {allowed}, given: {value}')

  check(name, in_range)


def check_choices(name: str, choices: Sequence[Any]) -> None:
  """Makes a flag valid only with one of these values."""
  allowed = ', '.join(map(str, choices))

  def is_choice(value: Any) -> bool:
    if value in choices:
      return True
    raise flags.ValidationError(
      f'--{name} must be one of {allowed}, given: {value}'
    )

  check(name, is_choice)
