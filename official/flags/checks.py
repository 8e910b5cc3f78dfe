"""Validators of flags: the flag, the value given and what is allowed."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from absl import flags


def check(name: str, is_valid: Callable[[Any], bool]) -> None:
  """`is_valid(value)` must be true, or raise `flags.ValidationError`."""
  flags.register_validator(name, is_valid)


def check_together(
  names: Sequence[str],
  is_valid: Callable[[Mapping[str, Any]], Any],
  message: str,
) -> None:
  """`is_valid(values by name)` must be true; else `message` is said."""
  flags.register_multi_flags_validator(
    list(names), lambda values: bool(is_valid(values)), message
  )


def check_range(name: str, low: float, high: float = math.inf) -> None:
  """The value must be None or between two numbers, both allowed."""
  allowed = f'{low} or more' if high == math.inf else f'{low} to {high}'

  def in_range(value):
    if value is None or low <= value <= high:
      return True
    raise flags.ValidationError(f'--{name} must be {allowed}, given: {value}')

  check(name, in_range)


def check_names(name: str, known: Sequence[str]) -> None:
  """Each of the listed values must be a known name, in any case."""
  lower = {known_name.lower() for known_name in known}

  def are_known(values):
    for value in values or ():
      if value.lower() not in lower:
        raise flags.ValidationError(
          f'--{name} must be of {", ".join(known)}, given: {value}'
        )
    return True

  check(name, are_known)


def check_addresses(name: str) -> None:
  """Each of the listed values must be `host:port`, and no two the same."""

  def are_addresses(values):
    for value in values or ():
      host, _, port = value.rpartition(':')
      if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
        raise flags.ValidationError(
          f'--{name} must be a list of host:port, given: {value}'
        )
      if values.count(value) > 1:
        raise flags.ValidationError(f'--{name} names {value} twice')
    return True

  check(name, are_addresses)


def check_positive(name: str, word: str) -> None:
  """The value, a string, must be a positive number or a certain word."""

  def is_positive(value):
    try:
      if value is None or value == word or 0 < float(value) < math.inf:
        return True
    except ValueError:
      pass
    raise flags.ValidationError(
      f'--{name} must be a positive number or {word}, given: {value}'
    )

  check(name, is_positive)


def check_whole(name: str) -> None:
  """The value, a string, must be a whole number."""

  def is_whole(value):
    if value.isdecimal():
      return True
    raise flags.ValidationError(
      f'--{name} must be a whole number, given: {value}'
    )

  check(name, is_whole)
