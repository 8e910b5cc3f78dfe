"""BMP images, including those with a table of colours.

TensorFlow's decoder takes the indices into such a table for grey values, and
refuses images of fewer than 8 bits a pixel. The positions below are those of
BITMAPFILEHEADER (14 bytes) and BITMAPINFOHEADER (40 bytes or more) as
Microsoft documents them.
"""

import tensorflow as tf

from official.datasets.decoding import headers
from official.datasets.decoding.headers import is_equal

_FILE_HEADER = 14  # bytes
_INFO_HEADER = 40  # bytes; OS/2's is shorter
_ALPHA_HEADER = 56  # bytes; headers of at least this size have a mask for alpha

# Where in the file a number of the header begins.
_PIXELS_AT, _INFO_SIZE_AT, _WIDTH_AT, _HEIGHT_AT = 10, 14, 18, 22
_BITS_AT, _COMPRESSION_AT, _COLOURS_USED_AT, _MASKS_AT = 28, 30, 46, 54
_ALPHA_MASK_AT = 66

_UNCOMPRESSED, _WITH_MASKS = 0, 3  # values of the compression
_USUAL_MASKS = (0xFF0000, 0xFF00, 0xFF)  # of red, green and blue
_USUAL_ALPHA_MASK = 0xFF000000


def pixels(head: tf.Tensor) -> tf.Tensor:
  """The first bytes, int64 [128] -> int64 []: height times width."""
  height, width = _sides(head)
  return width * height


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode(encoded: tf.Tensor) -> tf.Tensor:
  """A BMP, string [] -> uint8 [H, W, 4]: red, green, blue, alpha.

  Raises:
    tf.errors.InvalidArgumentError: The file is a kind of BMP that is not read,
      or was cut off.
  """
  head = headers.read(encoded)
  check = tf.debugging.Assert(
    _is_read(head),
    [
      'a BMP of this kind (compressed, of 16 bits or of OS/2) is not read; '
      'save it as PNG'
    ],
  )
  with tf.control_dependencies([check]):
    return tf.cond(
      headers.number(head, _BITS_AT, 2) <= 8,
      lambda: _decode_indices(encoded, head),
      lambda: _decode_colours(encoded, head),
    )


def _sides(head: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
  """Height and width; a negative height means that the first row is on top."""
  height = headers.signed_number(head, _HEIGHT_AT)
  return tf.abs(height), tf.abs(headers.signed_number(head, _WIDTH_AT))


def _is_read(head: tf.Tensor) -> tf.Tensor:
  bits = headers.number(head, _BITS_AT, 2)
  compression = headers.number(head, _COMPRESSION_AT, 4)
  is_plain = is_equal(compression, _UNCOMPRESSED)
  has_usual_masks = is_equal(compression, _WITH_MASKS)
  for i, mask in enumerate(_USUAL_MASKS):
    stored = headers.number(head, _MASKS_AT + 4 * i, 4)
    has_usual_masks &= is_equal(stored, mask)
  is_indexed = is_equal(bits, 1) | is_equal(bits, 4) | is_equal(bits, 8)
  is_known = tf.where(
    is_indexed | is_equal(bits, 24),
    is_plain,
    is_equal(bits, 32) & (is_plain | has_usual_masks),
  )
  return is_known & (headers.number(head, _INFO_SIZE_AT, 4) >= _INFO_HEADER)


def _decode_colours(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
  """A BMP of 24 or 32 bits a pixel, string [] -> uint8 [H, W, 4]."""
  image = tf.io.decode_bmp(encoded, 4)
  # Without a mask for it the fourth byte has no meaning, and is often 0.
  has_alpha = (
    is_equal(headers.number(head, _BITS_AT, 2), 32)
    & is_equal(headers.number(head, _COMPRESSION_AT, 4), _WITH_MASKS)
    & (headers.number(head, _INFO_SIZE_AT, 4) >= _ALPHA_HEADER)
    & is_equal(headers.number(head, _ALPHA_MASK_AT, 4), _USUAL_ALPHA_MASK)
  )
  alpha = tf.where(has_alpha, image[..., 3:], tf.constant(255, tf.uint8))
  return tf.ensure_shape(
    tf.concat([image[..., :3], alpha], -1), [None, None, 4]
  )


def _decode_indices(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
  """A BMP of 1, 4 or 8 bits a pixel, string [] -> uint8 [H, W, 4].

  Each pixel is an index into a table of colours.
  """
  bits = headers.number(head, _BITS_AT, 2)
  height, width = _sides(head)
  row_bytes = (width * bits + 31) // 32 * 4  # Rows are whole 32-bit words.
  start = headers.number(head, _PIXELS_AT, 4)
  raw = _bytes_at(encoded, start, height * row_bytes)
  rows = tf.cast(tf.reshape(raw, [height, row_bytes, 1]), tf.int64)
  shifts = tf.range(8 - bits, -1, -bits)  # The first pixel has the top bits.
  powers = tf.bitwise.left_shift(tf.ones_like(shifts), shifts)
  colours = tf.bitwise.left_shift(tf.constant(1, tf.int64), bits)
  indices = tf.reshape(rows // powers % colours, [height, -1])[:, :width]
  is_upwards = headers.signed_number(head, _HEIGHT_AT) > 0
  indices = tf.cond(is_upwards, lambda: indices[::-1], lambda: indices)
  table = _colour_table(encoded, head, colours)
  last = tf.shape(table, tf.int64)[0] - 1
  return tf.gather(table, tf.minimum(indices, last))


def _colour_table(
  encoded: tf.Tensor, head: tf.Tensor, colours: tf.Tensor
) -> tf.Tensor:
  """The table of at most `colours` colours -> uint8 [N, 4], all opaque."""
  used = headers.number(head, _COLOURS_USED_AT, 4)
  count = tf.where((used > 0) & (used <= colours), used, colours)
  start = _FILE_HEADER + headers.number(head, _INFO_SIZE_AT, 4)
  table = tf.reshape(_bytes_at(encoded, start, 4 * count), [count, 4])
  table = table[:, 2::-1]  # Stored as blue, green, red and a reserved byte.
  opaque = tf.fill([count, 1], tf.constant(255, tf.uint8))
  return tf.concat([table, opaque], -1)


def _bytes_at(
  encoded: tf.Tensor, start: tf.Tensor, size: tf.Tensor
) -> tf.Tensor:
  """A BMP, string [] -> uint8 [size]: its bytes from `start` on.

  Raises:
    tf.errors.InvalidArgumentError: The file ends before the last of them.
  """
  length = tf.cast(tf.strings.length(encoded), tf.int64)
  check = tf.debugging.Assert(
    start + size <= length, ['the BMP was cut off: bytes', length]
  )
  with tf.control_dependencies([check]):
    return tf.io.decode_raw(tf.strings.substr(encoded, start, size), tf.uint8)
