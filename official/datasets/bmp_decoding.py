"""BMP images, those with a table of colours too.

TensorFlow takes the numbers of colours for grey values, and knows no images of
fewer than 8 bits a pixel.
"""

import tensorflow as tf

from official.datasets.headers import is_equal, number, read, signed_number

_PLAIN, _MASKS = 0, 3  # kinds of compression
_USUAL_MASKS = (0xFF0000, 0xFF00, 0xFF)  # of red, green and blue
_FILE_HEADER = 14


def pixels(head: tf.Tensor) -> tf.Tensor:
  """The first bytes, int64 [128] -> int64 []: height times width."""
  return tf.abs(signed_number(head, 18)) * tf.abs(signed_number(head, 22))


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode(encoded: tf.Tensor) -> tf.Tensor:
  """A BMP, string [] -> uint8 [H, W, 4].

  Raises:
    tf.errors.InvalidArgumentError: it is of a kind that is not read.
  """
  head = read(encoded)
  check = tf.debugging.Assert(
    _is_read(head),
    [
      'a BMP of this kind (compressed, of 16 bits or of OS/2) is not read; '
      'save it as PNG'
    ],
  )
  with tf.control_dependencies([check]):
    return tf.cond(
      number(head, 28, 2) <= 8,
      lambda: _indexed(encoded, head),
      lambda: _direct(encoded, head),
    )


def _is_read(head: tf.Tensor) -> tf.Tensor:
  bits, kind = number(head, 28, 2), number(head, 30, 4)
  is_indexed = is_equal(bits, 1) | is_equal(bits, 4) | is_equal(bits, 8)
  has_usual = is_equal(kind, _MASKS)
  for i, mask in enumerate(_USUAL_MASKS):
    has_usual &= is_equal(number(head, 54 + 4 * i, 4), mask)
  has_kind = tf.where(
    is_indexed | is_equal(bits, 24),
    is_equal(kind, _PLAIN),
    is_equal(bits, 32) & (is_equal(kind, _PLAIN) | has_usual),
  )
  return has_kind & (number(head, _FILE_HEADER, 4) >= 40)


def _direct(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
  """Of 24 or 32 bits a pixel."""
  image = tf.io.decode_bmp(encoded, 4)
  # The fourth byte means something where a mask says so.
  has_alpha = (
    is_equal(number(head, 28, 2), 32)
    & is_equal(number(head, 30, 4), _MASKS)
    & (number(head, _FILE_HEADER, 4) >= 56)
    & is_equal(number(head, 66, 4), 0xFF000000)
  )
  alpha = tf.where(has_alpha, image[..., 3:], tf.constant(255, tf.uint8))
  return tf.ensure_shape(
    tf.concat([image[..., :3], alpha], -1), [None, None, 4]
  )


def _indexed(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
  """Of 1, 4 or 8 bits a pixel, each the number of a colour."""
  bits = number(head, 28, 2)
  width, height = (
    tf.abs(signed_number(head, 18)),
    tf.abs(signed_number(head, 22)),
  )
  row = (width * bits + 31) // 32 * 4
  start = number(head, 10, 4)
  raw = tf.io.decode_raw(_part(encoded, start, height * row), tf.uint8)
  rows = tf.cast(tf.reshape(raw, [height, row, 1]), tf.int64)
  shifts = tf.range(8 - bits, -1, -bits)  # The first pixel is the highest.
  powers = tf.bitwise.left_shift(tf.ones_like(shifts), shifts)
  base = tf.bitwise.left_shift(tf.constant(1, tf.int64), bits)
  numbers = tf.reshape(rows // powers % base, [height, -1])[:, :width]
  is_upwards = signed_number(head, 22) > 0
  numbers = tf.cond(is_upwards, lambda: numbers[::-1], lambda: numbers)
  used = number(head, 46, 4)
  count = tf.where((used > 0) & (used <= base), used, base)
  at = _FILE_HEADER + number(head, _FILE_HEADER, 4)
  table = tf.io.decode_raw(_part(encoded, at, 4 * count), tf.uint8)
  table = tf.reshape(table, [count, 4])[:, 2::-1]  # Blue comes first.
  opaque = tf.fill([count, 1], tf.constant(255, tf.uint8))
  numbers = tf.minimum(numbers, count - 1)
  return tf.gather(tf.concat([table, opaque], -1), numbers)


def _part(encoded: tf.Tensor, start: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
  """So many bytes of it; those after its end are zeros."""
  length = tf.cast(tf.strings.length(encoded), tf.int64)
  check = tf.debugging.Assert(
    start + size <= length, ['the BMP was cut off: bytes', length]
  )
  with tf.control_dependencies([check]):
    return tf.strings.substr(encoded, start, size)
