"""Examples that cannot be used, up to a limit."""

import logging
from collections.abc import Callable, Iterable

import tensorflow as tf

from official import tensorflow_errors
from official.errors import DataError

logger = logging.getLogger(__name__)

_NAMED = 5  # A message names at most this many examples.
_BATCH = 1024


class BadExamples:
  """The examples of a data set that cannot be used, up to a limit.

  Args:
    limit: The greatest number of examples that may be left out; see
      `--max_bad_examples`.

  Attributes:
    count: Number of examples left out so far.
  """

  def __init__(self, limit: int = 0):
    self._limit = limit
    self.count = 0

  @property
  def are_allowed(self) -> bool:
    """Whether any bad example may be left out."""
    return self._limit > 0

  def leave_out(self, examples: Iterable[str], *, are_all: bool = True) -> None:
    """Counts more examples that cannot be used, and logs their names.

    Args:
      examples: One text for each example: where it is and what is wrong with
        it.
      are_all: Whether all examples have been tried; if not, an error says that
        there are at least this many.

    Raises:
      DataError: More examples than the limit cannot be used.
    """
    examples = list(examples)
    self.count += len(examples)
    names = '; '.join(examples[:_NAMED])
    if len(examples) > _NAMED:
      names += f'; and {len(examples) - _NAMED:,} more'
    if self.count > self._limit:
      raise DataError(
        f'{"" if are_all else "at least "}{_examples(self.count)} cannot be '
        f'used, {self._limit:,} may be left '
        f'out (--max_bad_examples): {names}'
      )
    if examples:
      logger.warning('%s left out: %s', _examples(len(examples)), names)


def find_unusable(
  count: int, use: Callable[[tf.Tensor], tf.Tensor]
) -> dict[int, str]:
  """Tries a function on the numbers 0 to `count - 1`, many at a time.

  Args:
    count: The number of examples.
    use: Function from a number, int64 [], to any tensor; it raises where the
      example of this number cannot be used.

  Returns:
    The numbers of the examples that cannot be used, each with the reason.
  """
  numbers = tf.data.Dataset.range(count)

  def used(number: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    # tf.data prunes what no output needs, so an output must need the result.
    return number, tf.size(use(number))

  # ignore_errors drops the elements but not the reasons; they are found by
  # trying these few again.
  batches = numbers.map(used, tf.data.AUTOTUNE).ignore_errors().batch(_BATCH)
  usable = {int(number) for batch, _ in batches for number in batch}
  return {
    number: _reason(use, number)
    for number in range(count)
    if number not in usable
  }


def _reason(use: Callable[[tf.Tensor], tf.Tensor], number: int) -> str:
  try:
    use(tf.constant(number, tf.int64))
  except tf.errors.OpError as e:
    return tensorflow_errors.reason(e)
  return 'it could not be read'


def _examples(count: int) -> str:
  return f'{count:,} example{"s" if count > 1 else ""}'
