"""Examples that cannot be used: named, counted and bounded."""

import logging
import re
from collections.abc import Callable, Iterable

import tensorflow as tf

from official.errors import DataError

logger = logging.getLogger(__name__)

_SHOWN = 5  # of many, by name

# How lines of an error begin that tell where in TensorFlow it was.
_CHATTER = (
  'Graph execution error',
  'Detected at node',
  '<stack',
  'File "',
  '[[',
)


class BadExamples:
  """The examples of a data set that cannot be used, and how many there may be.

  Args:
    limit: `--max_bad_examples`.

  Attributes:
    count: how many there are so far.
  """

  def __init__(self, limit: int = 0):
    self._limit = limit
    self.count = 0

  @property
  def are_allowed(self) -> bool:
    """Whether any bad example may be left out."""
    return self._limit > 0

  def leave_out(self, found: Iterable[str], *, are_all: bool = True) -> None:
    """Notes more of them.

    Args:
      found: each told by where it is and what is wrong.
      are_all: else there may be more, which have not been looked for.

    Raises:
      DataError: there are more than may be left out.
    """
    found = list(found)
    self.count += len(found)
    shown = '; '.join(found[:_SHOWN])
    if len(found) > _SHOWN:
      shown += f'; and {len(found) - _SHOWN:,} more'
    if self.count > self._limit:
      raise DataError(
        f'{"" if are_all else "at least "}{_examples(self.count)} cannot be '
        f'used, {self._limit:,} may be left '
        f'out (--max_bad_examples): {shown}'
      )
    if found:
      logger.warning('%s left out: %s', _examples(len(found)), shown)


def unusable(
  count: int, use: Callable[[tf.Tensor], tf.Tensor]
) -> dict[int, str]:
  """Which of the numbers 0 to `count - 1` a function of tensors cannot take.

  Args:
    count: how many.
    use: a number int64 [] to any tensor; it raises where it cannot.

  Returns:
    Number to the reason.
  """
  numbers = tf.data.Dataset.range(count)

  def used(number):
    return number, tf.size(use(number))  # What is not asked for is not done.

  batches = numbers.map(used, tf.data.AUTOTUNE).ignore_errors().batch(1024)
  good = {int(number) for batch, _ in batches for number in batch}
  return {
    number: _reason(use, number)
    for number in range(count)
    if number not in good
  }


def _reason(use: Callable[[tf.Tensor], tf.Tensor], number: int) -> str:
  try:
    use(tf.constant(number, tf.int64))
  except tf.errors.OpError as e:
    return first_line(e)
  return 'it could not be read'


def first_line(error: tf.errors.OpError) -> str:
  """What TensorFlow says, less where in its own code."""
  text = re.sub(r'\{\{.*?\}\}|\[Op:.*', '', error.message)
  text = re.sub(r'assertion failed: \[(.*?)\]( \[(.*?)\])?', r'\1 \3', text)
  lines = (line.strip() for line in text.splitlines())
  told = (line for line in lines if line and not line.startswith(_CHATTER))
  return next(told, type(error).__name__)


def _examples(count: int) -> str:
  return f'{count:,} example{"s" if count > 1 else ""}'
