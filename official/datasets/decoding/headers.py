"""The first bytes of a file as tensors, for use in TensorFlow's graph."""

import tensorflow as tf

# Not `==`: while a model is exported, in TensorFlow 1's graph mode, that asks
# whether two tensors are the same object.
is_equal = tf.equal

_SIZE = 128  # bytes; no header needs more of a file


def read(encoded: tf.Tensor) -> tf.Tensor:
  """A file, string [] -> int64 [128]: its first bytes, then zeros."""
  head = tf.strings.join([tf.strings.substr(encoded, 0, _SIZE), '\0' * _SIZE])
  return tf.cast(tf.io.decode_raw(head, tf.uint8)[:_SIZE], tf.int64)


def has(head: tf.Tensor, signature: bytes, at: int = 0) -> tf.Tensor:
  """int64 [128] -> bool []: whether it has these bytes at this position."""
  expected = tf.constant(list(signature), tf.int64)
  return tf.reduce_all(is_equal(head[at : at + len(signature)], expected))


def number(
  head: tf.Tensor, at: int, size: int, *, big_endian: bool = False
) -> tf.Tensor:
  """int64 [128] -> int64 []: the unsigned number in `size` bytes at `at`."""
  units = [256**i for i in range(size)]
  units = tf.constant(units[::-1] if big_endian else units, tf.int64)
  return tf.reduce_sum(head[at : at + size] * units)


def signed_number(head: tf.Tensor, at: int) -> tf.Tensor:
  """int64 [128] -> int64 []: the signed 32-bit number at `at`."""
  value = number(head, at, 4)
  return tf.where(value >= 2**31, value - 2**32, value)
