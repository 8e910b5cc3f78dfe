"""Encoded images to pixels, unless a few bytes would become gigabytes."""

import tensorflow as tf

MAX_PIXELS = 2**27  # 134 megapixels, 400 MB decoded


def decode(encoded: tf.Tensor, channels: int) -> tf.Tensor:
  """An image, string [] (JPEG, PNG, GIF or BMP) -> uint8 [H, W, channels].

  Raises:
    tf.errors.InvalidArgumentError: it cannot be decoded or is too large.
  """
  image = tf.io.decode_image(
    checked(encoded), channels, expand_animations=False
  )
  return tf.ensure_shape(image, [None, None, channels])


def checked(encoded: tf.Tensor) -> tf.Tensor:
  """The same bytes, if the size they declare is no more than `MAX_PIXELS`."""
  pixels = tf.cond(
    tf.io.is_jpeg(encoded),
    lambda: _product(tf.io.extract_jpeg_shape(encoded)[:2]),
    lambda: _declared_by_others(encoded),
  )
  check = tf.debugging.Assert(
    pixels <= MAX_PIXELS,
    [f'the image has more than {MAX_PIXELS:,} pixels:', pixels],
  )
  with tf.control_dependencies([check]):
    return tf.identity(encoded)


def _declared_by_others(encoded: tf.Tensor) -> tf.Tensor:
  """Of a PNG, GIF or BMP; 0 for what is none of these."""
  # Zeros after it, for what is shorter than a header.
  head = tf.strings.join([tf.strings.substr(encoded, 0, 32), '\0' * 32])

  def starts_with(magic):
    return tf.equal(tf.strings.substr(head, 0, len(magic)), magic)

  def size(offset, dtype, little_endian=True):
    raw = tf.strings.substr(head, offset, 2 * dtype.size)
    return _product(tf.io.decode_raw(raw, dtype, little_endian))

  return tf.case(
    [
      (starts_with(b'\x89PNG'), lambda: size(16, tf.int32, False)),
      (starts_with(b'GIF8'), lambda: size(6, tf.uint16)),
      (starts_with(b'BM'), lambda: size(18, tf.int32)),
    ],
    default=lambda: tf.constant(0, tf.int64),
  )


def _product(sides: tf.Tensor) -> tf.Tensor:
  return tf.reduce_prod(tf.abs(tf.cast(sides, tf.int64)))
