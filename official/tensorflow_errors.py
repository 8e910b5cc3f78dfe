"""What TensorFlow's errors say to a user, in one line.

A message of TensorFlow names the op and the lines of Python that made it, over
many lines; a user needs the one that says what is wrong.
"""

import re
from typing import Protocol

# How lines begin that say where in TensorFlow the error was.
_WHERE = (
  'Graph execution error',
  'Detected at node',
  '<stack',
  'File "',
  '[[',
)


class _OpError(Protocol):
  """A `tf.errors.OpError`; this module does not wait for TensorFlow."""

  @property
  def message(self) -> str: ...


def reason(error: _OpError) -> str:
  """Returns the line of an error that says what is wrong, without where.

  Args:
    error: A `tf.errors.OpError`.
  """
  text = re.sub(r'\{\{.*?\}\}|\[Op:.*', '', error.message)
  # tf.debugging.Assert prints each of its data in brackets.
  text = re.sub(r'assertion failed: \[(.*?)\]( \[(.*?)\])?', r'\1 \3', text)
  for line in map(str.strip, text.splitlines()):
    if line and not line.startswith(_WHERE):
      return line
  return type(error).__name__
