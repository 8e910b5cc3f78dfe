"""Encoded images to pixels: JPEG, PNG, GIF, BMP and WebP, all in the graph.

The ops become part of an exported model, so that every server gives the same
answer. An image of a few bytes that would become gigabytes is refused before it
is decoded, and so is one that TensorFlow decodes wrongly.
"""

import functools

import tensorflow as tf

from official.datasets import image_formats
from official.datasets.decoding import bmp, gif, headers
from official.datasets.decoding.headers import is_equal
from official.datasets.limits import MAX_PIXELS

_GREY = (0.299, 0.587, 0.114)  # of red, green and blue (BT.601, as JPEG has it)
_WHITE, _BLACK = 255.0, 0.0
_LIGHT = 191.0  # three quarters of white


def decode(encoded: tf.Tensor, channels: int) -> tf.Tensor:
  """An image, string [] -> uint8 [H, W, channels]; of a GIF the first frame.

  Transparent pixels become paper: white, or black where the drawing is so light
  that it would not show on white.

  Args:
    encoded: The image, in any of the formats.
    channels: 3 for colours or 1 for grey.

  Raises:
    tf.errors.InvalidArgumentError: The image cannot be decoded, or has more
      pixels than `MAX_PIXELS`.
  """
  image = tf.cond(
    tf.io.is_jpeg(encoded),
    lambda: tf.io.decode_jpeg(_checked_jpeg(encoded), 3),
    lambda: _decode_other(encoded),
  )
  if channels == 1:
    grey = tf.tensordot(tf.cast(image, tf.float32), tf.constant(_GREY), 1)
    image = tf.cast(tf.round(grey), tf.uint8)[..., tf.newaxis]
  return tf.ensure_shape(image, [None, None, channels])


def checked(encoded: tf.Tensor) -> tf.Tensor:
  """An image, string [] -> the same bytes, if they can be decoded.

  Only the header is read.

  Raises:
    tf.errors.InvalidArgumentError: It is not an image, is of a kind that is not
      read, or has more pixels than `MAX_PIXELS`.
  """
  return tf.cond(
    tf.io.is_jpeg(encoded),
    lambda: _checked_jpeg(encoded),
    lambda: _checked_other(encoded),
  )


# Traced once for all callers, and not inlined into their graphs: TensorFlow
# would optimize it again for every caller. A function of its own is optimized
# only when it is called.
_traced_once = functools.partial(
  tf.function,
  input_signature=[tf.TensorSpec([], tf.string)],
  autograph=False,
  experimental_attributes={'_noinline': True},
)


@_traced_once
def _decode_other(encoded: tf.Tensor) -> tf.Tensor:
  """An image that is not a JPEG, string [] -> uint8 [H, W, 3]."""
  encoded = _checked_other(encoded)
  head = headers.read(encoded)
  image = tf.case(
    [
      (
        headers.has(head, image_formats.PNG),
        lambda: _decode_png(encoded, head),
      ),
      (headers.has(head, image_formats.GIF), lambda: gif.decode(encoded)),
      (headers.has(head, image_formats.BMP), lambda: bmp.decode(encoded)),
    ],
    default=lambda: _decode_webp(encoded),
  )
  return _on_paper(image)


def _decode_png(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
  """A PNG, string [] -> uint8 [H, W, 4]."""
  image = tf.io.decode_png(encoded, 4)
  colours, alpha = image[..., :3], image[..., 3:]
  # TensorFlow fills the alpha of an image that has none, and fewer than 8 bits
  # a channel, with that many ones in place of 255.
  bits = head[24]
  ones = tf.bitwise.left_shift(tf.constant(1, tf.int64), bits) - 1
  is_opaque = (bits < 8) & tf.reduce_all(
    is_equal(tf.cast(alpha, tf.int64), ones)
  )
  alpha = tf.where(is_opaque, tf.constant(255, tf.uint8), alpha)
  return tf.concat([colours, alpha], -1)


def _decode_webp(encoded: tf.Tensor) -> tf.Tensor:
  """A WebP image, string [] -> uint8 [H, W, 4]."""
  # Not decode_webp, an op that older servers do not know: they could not even
  # load a model that holds it.
  image = tf.io.decode_image(encoded, 0, expand_animations=False)
  image = tf.ensure_shape(image, [None, None, None])
  opaque = tf.fill(tf.shape(image[..., :1]), tf.constant(255, tf.uint8))
  return tf.ensure_shape(
    tf.concat([image, opaque], -1)[..., :4], [None, None, 4]
  )


def _on_paper(image: tf.Tensor) -> tf.Tensor:
  """uint8 [H, W, 4] -> uint8 [H, W, 3]: drawn on white or black."""
  colours, alpha = image[..., :3], image[..., 3:]

  def blended() -> tf.Tensor:
    drawn = tf.cast(colours, tf.float32)
    share = tf.cast(alpha, tf.float32) / 255
    brightness = tf.tensordot(drawn, tf.constant(_GREY), 1) * share[..., 0]
    mean = tf.math.divide_no_nan(
      tf.reduce_sum(brightness), tf.reduce_sum(share)
    )
    paper = tf.where(mean > _LIGHT, _BLACK, _WHITE)
    mixed = drawn * share + paper * (1 - share)
    return tf.cast(tf.round(mixed), tf.uint8)

  return tf.cond(tf.reduce_all(is_equal(alpha, 255)), lambda: colours, blended)


@_traced_once
def _checked_jpeg(encoded: tf.Tensor) -> tf.Tensor:
  sides = tf.io.extract_jpeg_shape(encoded)[:2]
  return _not_too_large(encoded, tf.reduce_prod(tf.cast(sides, tf.int64)))


@_traced_once
def _checked_other(encoded: tf.Tensor) -> tf.Tensor:
  head = headers.read(encoded)
  is_webp = headers.has(head, image_formats.RIFF) & headers.has(
    head, image_formats.WEBP, image_formats.WEBP_AT
  )
  is_known = is_webp
  for signature in (image_formats.PNG, image_formats.GIF, image_formats.BMP):
    is_known |= headers.has(head, signature)
  # TensorFlow writes the frames of an animation beyond the memory that it
  # allocated for one, which ends the process.
  is_animated = is_webp & _is_animated(head)
  with tf.control_dependencies([
    tf.debugging.Assert(tf.strings.length(encoded) > 0, ['Input is empty']),
    tf.debugging.Assert(is_known, [image_formats.NOT_AN_IMAGE]),
    tf.debugging.Assert(~is_animated, [f'it is {image_formats.ANIMATED_WEBP}']),
  ]):
    pixels = tf.case(
      [
        (headers.has(head, image_formats.PNG), lambda: _png_pixels(head)),
        (headers.has(head, image_formats.GIF), lambda: gif.pixels(encoded)),
        (headers.has(head, image_formats.BMP), lambda: bmp.pixels(head)),
      ],
      default=lambda: _webp_pixels(head),
    )
  return _not_too_large(encoded, pixels)


def _is_animated(head: tf.Tensor) -> tf.Tensor:
  """The first bytes of a WebP image, int64 [128] -> bool []."""
  is_extended = _has_webp_chunk(head, image_formats.WEBP_EXTENDED)
  flags = head[image_formats.WEBP_FLAGS_AT]
  return is_extended & is_equal(flags // image_formats.WEBP_ANIMATED % 2, 1)


def _has_webp_chunk(head: tf.Tensor, kind: bytes) -> tf.Tensor:
  return headers.has(head, kind, image_formats.WEBP_CHUNK_AT)


def _not_too_large(encoded: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
  check = tf.debugging.Assert(
    pixels <= MAX_PIXELS,
    [f'the image has more than {MAX_PIXELS:,} pixels:', pixels],
  )
  with tf.control_dependencies([check]):
    return tf.identity(encoded)


def _png_pixels(head: tf.Tensor) -> tf.Tensor:
  width = headers.number(head, 16, 4, big_endian=True)
  return width * headers.number(head, 20, 4, big_endian=True)


def _webp_pixels(head: tf.Tensor) -> tf.Tensor:
  """Height times width by the first chunk; see `files/image_headers`."""
  bits = headers.number(head, 21, 4)
  lossless = (bits % 2**14 + 1) * (bits // 2**14 % 2**14 + 1)
  extended = (headers.number(head, 24, 3) + 1) * (
    headers.number(head, 27, 3) + 1
  )
  lossy = (headers.number(head, 26, 2) % 2**14) * (
    headers.number(head, 28, 2) % 2**14
  )
  return tf.where(
    _has_webp_chunk(head, image_formats.WEBP_LOSSLESS),
    lossless,
    tf.where(
      _has_webp_chunk(head, image_formats.WEBP_EXTENDED), extended, lossy
    ),
  )
