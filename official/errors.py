"""Errors whose message, alone, is all that the user needs to see."""


class UserError(Exception):
  """Something the user gave cannot work; the message says what and why.

  Commands print the message as one line and exit with `exit_code`.
  """

  exit_code = 1


class UsageError(UserError):
  """A flag, or a combination of flags, that cannot work."""

  exit_code = 2


class DataError(UserError, ValueError):
  """A data file that is missing, damaged or of another kind."""
