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


def check_problem(name: str, problem_of: Callable[[Any], str | None]) -> None:
  """Makes a flag valid only where `problem_of(value)` is None.

  Otherwise the command ends with the flag and its problem, such as `--seed must
  be 0 or more, given: -1`.
  """

  def is_valid(value: Any) -> bool:
    problem = problem_of(value)
    if problem:
      raise flags.ValidationError(f'--{name} {problem}')
    return True

  check(name, is_valid)


def check_range(name: str, low: float, high: float = math.inf) -> None:
  """Makes a flag valid only from `low` to `high`, both included, or as None."""
  check_problem(
    name,
    lambda value: None if value is None else problem_of_range(value, low, high),
  )


def check_choices(name: str, choices: Sequence[Any]) -> None:
  """Makes a flag valid only with one of these values."""
  check_problem(name, lambda value: problem_of_choice(value, choices))


def problem_of_range(value: float, low: float, high: float) -> str | None:
  """The fault of a number outside of a range; None if it is inside."""
  if low <= value <= high:
    return None
  allowed = f'{low} or more' if high == math.inf else f'{low} to {high}'
  return f'must be {allowed}, given: {value}'


def problem_of_choice(value: Any, choices: Sequence[Any]) -> str | None:
  """The fault of a value that is not one of the choices; None if it is."""
  if value in choices:
    return None
  allowed = ', '.join(map(str, choices))
  return f'must be one of {allowed}, given: {value}'
