"""Encoded images to pixels: JPEG, PNG, GIF, BMP and WebP, all in the graph.

What is here becomes a part of an exported model, so that every server gives the
same answer. A few bytes that would become gigabytes are refused before they are
decoded, and so is what TensorFlow decodes wrongly.
"""

import functools
from collections.abc import Sequence

import tensorflow as tf

from official.datasets import bmp_decoding, gif_decoding
from official.datasets.headers import is_equal, number, read, starts_with
from official.datasets.image_kinds import MAX_PIXELS, UNKNOWN

_GREY = (0.299, 0.587, 0.114)  # of red, green and blue; as JPEG has it
_WHITE = 255.0
_LIGHT = 191.0  # three quarters of white
_PNG, _GIF, _BMP, _RIFF = b'\x89PNG\r\n\x1a\n', b'GIF8', b'BM', b'RIFF'
_SAME = 0.9  # of the pixels along the edge: they are the paper's


def decode(encoded: tf.Tensor, channels: int) -> tf.Tensor:
  """An image -> uint8 [H, W, channels]; of a GIF its first frame.

  What is transparent becomes paper: white, or black where what is drawn is so
  light that it would not show on white.

  Args:
    encoded: string [], in any of the formats.
    channels: 3, or 1 for grey.

  Raises:
    tf.errors.InvalidArgumentError: it cannot be decoded or is too large.
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


def decode_and_resize(
  image_shape: Sequence[int], encoded: tf.Tensor, paper: int | None = None
) -> tf.Tensor:
  """An encoded image, string [] -> uint8 [H, W, C], stretched to fit.

  Args:
    image_shape: height, width and channels.
    encoded: the image.
    paper: 0 or 255, what grey images that a network knows are drawn on: one
      that is drawn on the opposite is inverted. None inverts none.
  """
  height, width, channels = image_shape
  image = decode(encoded, channels)
  image = tf.image.resize(image, [height, width], antialias=True)
  image = tf.cast(tf.round(image), tf.uint8)
  if paper is None:
    return image
  is_opposite = _edgestarts_with(image, 255 - paper) >= _SAME
  return tf.where(is_opposite, 255 - image, image)


def paper_of(images: tf.Tensor) -> int | None:
  """What grey images, uint8 [N, H, W, 1], are drawn on: 0, 255 or None.

  None where they have no paper in common, as photographs have none.
  """
  for paper in (0, 255):
    of_paper = _edgestarts_with(tf.convert_to_tensor(images), paper) >= _SAME
    if tf.reduce_mean(tf.cast(of_paper, tf.float32)) >= _SAME:
      return paper
  return None


def _edgestarts_with(images: tf.Tensor, paper: int) -> tf.Tensor:
  """[..., H, W, 1] -> [...]: the part of the edge that is nearer to `paper`."""
  edge = tf.concat(
    [
      images[..., 0, :, 0],
      images[..., -1, :, 0],
      images[..., 1:-1, 0, 0],
      images[..., 1:-1, -1, 0],
    ],
    -1,
  )
  is_light = tf.reduce_mean(tf.cast(edge > 127, tf.float32), -1)
  return is_light if paper else 1 - is_light


def _on_paper(image: tf.Tensor) -> tf.Tensor:
  """uint8 [H, W, 4] -> uint8 [H, W, 3]."""
  colours, alpha = image[..., :3], image[..., 3:]

  def blended():
    drawn = tf.cast(colours, tf.float32)
    share = tf.cast(alpha, tf.float32) / 255
    brightness = tf.tensordot(drawn, tf.constant(_GREY), 1) * share[..., 0]
    mean = tf.math.divide_no_nan(
      tf.reduce_sum(brightness), tf.reduce_sum(share)
    )
    paper = tf.where(mean > _LIGHT, 0.0, _WHITE)
    mixed = drawn * share + paper * (1 - share)
    return tf.cast(tf.round(mixed), tf.uint8)

  return tf.cond(tf.reduce_all(is_equal(alpha, 255)), lambda: colours, blended)


# Traced once, for all that decode, and optimized when one is called at all.
_of_bytes = functools.partial(
  tf.function,
  input_signature=[tf.TensorSpec([], tf.string)],
  autograph=False,
  experimental_attributes={'_noinline': True},
)


@_of_bytes
def _decode_other(encoded: tf.Tensor) -> tf.Tensor:
  """What is no JPEG -> uint8 [H, W, 3]."""
  encoded = _checked_other(encoded)
  head = read(encoded)
  image = tf.case(
    [
      (starts_with(head, _PNG), lambda: _decode_png(encoded, head)),
      (starts_with(head, _GIF), lambda: gif_decoding.decode(encoded)),
      (starts_with(head, _BMP), lambda: bmp_decoding.decode(encoded)),
    ],
    default=lambda: _decode_webp(encoded),
  )
  return _on_paper(image)


def _decode_png(encoded: tf.Tensor, head: tf.Tensor) -> tf.Tensor:
  image = tf.io.decode_png(encoded, 4)
  colours, alpha = image[..., :3], image[..., 3:]
  # Where an image of fewer than 8 bits has no alpha, it gets that many ones.
  bits = head[24]
  ones = tf.bitwise.left_shift(tf.constant(1, tf.int64), bits) - 1
  is_opaque = (bits < 8) & tf.reduce_all(
    is_equal(tf.cast(alpha, tf.int64), ones)
  )
  alpha = tf.where(is_opaque, tf.constant(255, tf.uint8), alpha)
  return tf.concat([colours, alpha], -1)


def _decode_webp(encoded: tf.Tensor) -> tf.Tensor:
  # Not decode_webp, an op that older servers do not know: a model with it
  # could not be loaded there at all.
  image = tf.io.decode_image(encoded, 0, expand_animations=False)
  image = tf.ensure_shape(image, [None, None, None])
  opaque = tf.fill(tf.shape(image[..., :1]), tf.constant(255, tf.uint8))
  return tf.ensure_shape(
    tf.concat([image, opaque], -1)[..., :4], [None, None, 4]
  )


def checked(encoded: tf.Tensor) -> tf.Tensor:
  """The same bytes, if they are an image of at most `MAX_PIXELS`."""
  return tf.cond(
    tf.io.is_jpeg(encoded),
    lambda: _checked_jpeg(encoded),
    lambda: _checked_other(encoded),
  )


@_of_bytes
def _checked_jpeg(encoded: tf.Tensor) -> tf.Tensor:
  sides = tf.io.extract_jpeg_shape(encoded)[:2]
  return _not_too_large(encoded, tf.reduce_prod(tf.cast(sides, tf.int64)))


@_of_bytes
def _checked_other(encoded: tf.Tensor) -> tf.Tensor:
  head = read(encoded)
  is_webp = starts_with(head, _RIFF) & starts_with(head, b'WEBP', 8)
  is_known = is_webp
  for magic in (_PNG, _GIF, _BMP):
    is_known |= starts_with(head, magic)
  # VP8X in front, with the bit that says so. TensorFlow writes its frames
  # beyond the memory it took for them.
  is_animated = (
    is_webp & starts_with(head, b'VP8X', 12) & is_equal(head[20] // 2 % 2, 1)
  )
  with tf.control_dependencies([
    tf.debugging.Assert(tf.strings.length(encoded) > 0, ['Input is empty']),
    tf.debugging.Assert(is_known, [UNKNOWN]),
    tf.debugging.Assert(
      ~is_animated, ['it is an animated WebP image; save one picture of it']
    ),
  ]):
    pixels = tf.case(
      [
        (starts_with(head, _PNG), lambda: _png_pixels(head)),
        (starts_with(head, _GIF), lambda: gif_decoding.pixels(encoded)),
        (starts_with(head, _BMP), lambda: bmp_decoding.pixels(head)),
      ],
      default=lambda: _webp_pixels(head),
    )
  return _not_too_large(encoded, pixels)


def _not_too_large(encoded: tf.Tensor, pixels: tf.Tensor) -> tf.Tensor:
  check = tf.debugging.Assert(
    pixels <= MAX_PIXELS,
    [f'the image has more than {MAX_PIXELS:,} pixels:', pixels],
  )
  with tf.control_dependencies([check]):
    return tf.identity(encoded)


def _png_pixels(head: tf.Tensor) -> tf.Tensor:
  width = number(head, 16, 4, big_endian=True)
  return width * number(head, 20, 4, big_endian=True)


def _webp_pixels(head: tf.Tensor) -> tf.Tensor:
  """By its first chunk: lossless (VP8L), extended (VP8X) or lossy (VP8)."""
  bits = number(head, 21, 4)
  lossless = (bits % 2**14 + 1) * (bits // 2**14 % 2**14 + 1)
  extended = (number(head, 24, 3) + 1) * (number(head, 27, 3) + 1)
  lossy = (number(head, 26, 2) % 2**14) * (number(head, 28, 2) % 2**14)
  return tf.where(
    starts_with(head, b'VP8L', 12),
    lossless,
    tf.where(starts_with(head, b'VP8X', 12), extended, lossy),
  )
