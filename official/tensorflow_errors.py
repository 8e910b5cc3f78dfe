"""The line of a TensorFlow error that tells a user what is wrong.

A message of TensorFlow names the op and the lines of Python that made it, over
many lines. A user needs only the line with the cause.
"""

import re
from typing import Protocol

# The beginnings of lines that name the place of the error in TensorFlow.
_WHERE = (
  'Graph execution error',
  'Detected at node',
  '<stack',
  'File "',
  '[[',
)


class _OpError(Protocol):
  """A `tf.errors.OpError`; this module works without importing TensorFlow."""

  @property
  def message(self) -> str: ...


def reason(error: _OpError) -> str:
  """Returns the line of an error with the cause, without the place.

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
