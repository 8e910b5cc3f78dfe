"""The first frame of a GIF, with its transparent pixels.

TensorFlow decodes every frame into memory and makes transparent pixels black.
So the file is cut off after its first frame, and the frame is decoded twice,
with two colours in place of the transparent one: the pixels that differ are
transparent.

The blocks are those of the GIF89a specification
(https://www.w3.org/Graphics/GIF/spec-gif89a.txt).
"""

from typing import NamedTuple

import tensorflow as tf

from official.datasets.decoding.headers import is_equal

_EXTENSION, _GRAPHIC_CONTROL = 0x21, 0xF9
_HEADER = 13  # bytes before the global table of colours
_WIDTH_AT, _HEIGHT_AT, _FLAGS_AT = 6, 8, 10
# Far more than any real file has; the limits end the walk through a damaged
# one.
_MAX_EXTENSIONS = 1024  # before the first frame
_MAX_BLOCKS = 2**17  # of at most 255 bytes each: 33 MB
_PADDING = 32  # bytes, more than any fixed part of a frame


class _Frame(NamedTuple):
  """The first frame; all are int32 [].

  Attributes:
    top: First row of the frame in the picture.
    left: First column of the frame in the picture.
    bottom: Row after the last one of the frame.
    right: Column after the last one of the frame.
    height: Height of the picture that holds the frame.
    width: Width of the picture that holds the frame.
    start: Position of the first byte of the frame in the file.
    end: Position after its last byte.
    control: Position of the flags that make a colour transparent; -1 where no
      colour is.
    colour: Position of the transparent colour in its table.
  """

  top: tf.Tensor
  left: tf.Tensor
  bottom: tf.Tensor
  right: tf.Tensor
  height: tf.Tensor
  width: tf.Tensor
  start: tf.Tensor
  end: tf.Tensor
  control: tf.Tensor
  colour: tf.Tensor


def pixels(encoded: tf.Tensor) -> tf.Tensor:
  """A GIF, string [] -> int64 []: pixels of the picture with its frame."""
  frame = _first_frame(encoded)
  return tf.cast(frame.height, tf.int64) * tf.cast(frame.width, tf.int64)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode(encoded: tf.Tensor) -> tf.Tensor:
  """A GIF, string [] -> uint8 [H, W, 4]: red, green, blue, alpha.

  Raises:
    tf.errors.InvalidArgumentError: It cannot be decoded.
  """
  frame = _first_frame(encoded)
  alone = _only_frame(encoded, frame)

  def transparent() -> tuple[tf.Tensor, tf.Tensor]:
    black, white = (
      _decode(_with_opaque(alone, frame, colour))
      for colour in (b'\0\0\0', b'\xff\xff\xff')
    )
    return black, tf.reduce_all(is_equal(black, white), -1, keepdims=True)

  def opaque() -> tuple[tf.Tensor, tf.Tensor]:
    image = _decode(alone)
    return image, tf.ones_like(image[..., :1], tf.bool)

  image, is_drawn = tf.cond(frame.control >= 0, transparent, opaque)
  image, is_drawn = _placed(image, frame), _placed(is_drawn, frame)
  alpha = tf.where(is_drawn, tf.constant(255, tf.uint8), 0)
  return tf.concat([image, alpha], -1)


def _only_frame(encoded: tf.Tensor, frame: _Frame) -> tf.Tensor:
  """A GIF, string [] -> one of the same length whose picture is the frame.

  Where a frame is smaller than the picture, TensorFlow returns as many pixels
  as the frame has, but they are not those of the frame.
  """

  def part(start: tf.Tensor | int, end: tf.Tensor | int) -> tf.Tensor:
    return tf.strings.substr(encoded, start, end - start)

  place = frame.start + 1  # left, top, width and height, two bytes each
  size = part(place + 4, place + 8)
  return tf.strings.join([
    part(0, _WIDTH_AT),
    size,
    part(_FLAGS_AT, place),
    b'\0\0\0\0',
    part(place + 4, frame.end),
    ';',
  ])


def _with_opaque(gif: tf.Tensor, frame: _Frame, colour: bytes) -> tf.Tensor:
  """A GIF, string [] -> one whose transparent colour is drawn as `colour`."""
  coloured = tf.strings.join([
    tf.strings.substr(gif, 0, frame.colour),
    colour,
    tf.strings.substr(gif, frame.colour + 3, -1),
  ])
  return tf.strings.join([
    tf.strings.substr(coloured, 0, frame.control),
    b'\0',
    tf.strings.substr(coloured, frame.control + 1, -1),
  ])


def _placed(image: tf.Tensor, frame: _Frame) -> tf.Tensor:
  """The frame, [H, W, C] -> the whole picture, with zeros around the frame."""
  rows = [frame.top, frame.height - frame.bottom]
  columns = [frame.left, frame.width - frame.right]
  return tf.pad(image, tf.stack([rows, columns, [0, 0]]))


def _decode(encoded: tf.Tensor) -> tf.Tensor:
  image = tf.io.decode_image(encoded, 3, expand_animations=False)
  return tf.ensure_shape(image, [None, None, 3])


class _Content:
  """The bytes of a GIF as numbers in the graph; positions are int32 []."""

  def __init__(self, encoded: tf.Tensor):
    # The zeros end every loop below where a file was cut off.
    padded = tf.strings.join([encoded, '\0' * _PADDING])
    self._bytes = tf.io.decode_raw(padded, tf.uint8)
    self._last = tf.size(self._bytes) - 1

  def byte(self, position: tf.Tensor | int) -> tf.Tensor:
    """The byte at a position, int32 []; after the end, the last byte."""
    return tf.cast(self._bytes[tf.minimum(position, self._last)], tf.int32)

  def number(self, position: tf.Tensor | int) -> tf.Tensor:
    """The 16-bit number at a position, int32 []."""
    return self.byte(position) + 256 * self.byte(position + 1)

  def after_blocks(self, position: tf.Tensor) -> tf.Tensor:
    """The position after the data blocks that begin at a position.

    Each block begins with its length; a block of length 0 is the last.
    """
    (end,) = tf.while_loop(
      lambda p: self.byte(p) > 0,
      lambda p: (p + 1 + self.byte(p),),
      (position,),
      maximum_iterations=_MAX_BLOCKS,
    )
    check = tf.debugging.Assert(
      is_equal(self.byte(end), 0), ['the GIF has too many blocks:', _MAX_BLOCKS]
    )
    with tf.control_dependencies([check]):
      return end + 1

  def after_extension(
    self, position: tf.Tensor, control: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    """The position after an extension, and that of the last control flags."""
    is_control = is_equal(self.byte(position + 1), _GRAPHIC_CONTROL)
    is_transparent = is_equal(self.byte(position + 3) % 2, 1)
    flags = tf.where(is_transparent, position + 3, -1)
    return (
      self.after_blocks(position + 2),
      tf.where(is_control, flags, control),
    )


def _table_bytes(flags: tf.Tensor) -> tf.Tensor:
  """The size of the table of colours that these flags announce."""
  size = tf.bitwise.left_shift(6, flags % 8)
  return tf.where(flags >= 128, size, 0)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def _first_frame(encoded: tf.Tensor) -> _Frame:
  """Walks from block to block to the first frame.

  Where there is no frame, the numbers mean nothing and the decoder says so.
  """
  content = _Content(encoded)
  start, control = tf.while_loop(
    lambda p, _: is_equal(content.byte(p), _EXTENSION),
    content.after_extension,
    (_HEADER + _table_bytes(content.byte(_FLAGS_AT)), tf.constant(-1)),
    maximum_iterations=_MAX_EXTENSIONS,
  )
  left, top = content.number(start + 1), content.number(start + 3)
  right = left + content.number(start + 5)
  bottom = top + content.number(start + 7)
  flags = content.byte(start + 9)
  # The frame's own table of colours, or the global one.
  table = tf.where(flags >= 128, start + 10, _HEADER)
  return _Frame(
    top=top,
    left=left,
    bottom=bottom,
    right=right,
    # Decoders make room for a frame that reaches over the edge.
    height=tf.maximum(content.number(_HEIGHT_AT), bottom),
    width=tf.maximum(content.number(_WIDTH_AT), right),
    start=start,
    # One byte, the smallest code size, comes before the data.
    end=content.after_blocks(start + 10 + _table_bytes(flags) + 1),
    control=control,
    colour=table + 3 * content.byte(control + 3),
  )
