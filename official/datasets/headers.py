"""The first bytes of a file, and numbers in them, in TensorFlow's graph."""

import tensorflow as tf

# Not `==`: while a model is exported, that asks whether they are one tensor.
is_equal = tf.equal

_SIZE = 128  # bytes, all that is looked at


def read(encoded: tf.Tensor) -> tf.Tensor:
  """A file, string [] -> int64 [128]: its first bytes; zeros after its end."""
  head = tf.strings.join([tf.strings.substr(encoded, 0, _SIZE), '\0' * _SIZE])
  return tf.cast(tf.io.decode_raw(head, tf.uint8)[:_SIZE], tf.int64)


def starts_with(head: tf.Tensor, magic: bytes, at: int = 0) -> tf.Tensor:
  """Whether these bytes are there, bool []."""
  wanted = tf.constant(list(magic), tf.int64)
  return tf.reduce_all(is_equal(head[at : at + len(magic)], wanted))


def number(
  head: tf.Tensor, at: int, size: int, *, big_endian: bool = False
) -> tf.Tensor:
  """The whole number, int64 [], of so many bytes from there on."""
  units = [256**i for i in range(size)]
  units = tf.constant(units[::-1] if big_endian else units, tf.int64)
  return tf.reduce_sum(head[at : at + size] * units)


def signed_number(head: tf.Tensor, at: int) -> tf.Tensor:
  """The same of four bytes, which may be below 0."""
  value = number(head, at, 4)
  return tf.where(value >= 2**31, value - 2**32, value)
