"""The first frame of a GIF, with what is transparent in it.

TensorFlow reads every frame into memory and makes what is transparent black. So
the file is cut off after its first frame, and the frame is decoded twice, with
two colours for what is transparent.
"""

from typing import NamedTuple

import tensorflow as tf

from official.datasets.headers import is_equal

_EXTENSION, _CONTROL = 0x21, 0xF9
_HEADER = 13  # bytes before the table of colours
_MAX_EXTENSIONS = 1024  # before the first frame
_MAX_BLOCKS = 2**17  # of 255 bytes at most: 33 MB


class _Frame(NamedTuple):
  """The first frame: numbers int32 [].

  Attributes:
    top: its place in the picture, in pixels.
    left: see `top`.
    bottom: see `top`.
    right: see `top`.
    height: of the picture, as TensorFlow takes it.
    width: see `height`.
    start: byte where it begins.
    end: byte after its data.
    control: byte of the flags that make a colour transparent; -1 where there
      is none.
    entry: byte of the transparent colour.
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
  entry: tf.Tensor


def pixels(encoded: tf.Tensor) -> tf.Tensor:
  """A GIF, string [] -> int64 []: what its first frame and picture need."""
  frame = _first_frame(encoded)
  return tf.cast(frame.height, tf.int64) * tf.cast(frame.width, tf.int64)


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def decode(encoded: tf.Tensor) -> tf.Tensor:
  """A GIF, string [] -> uint8 [H, W, 4], red, green, blue, alpha."""
  frame = _first_frame(encoded)
  alone = _alone(encoded, frame)

  def coloured(colour):
    changed = tf.strings.join([
      tf.strings.substr(alone, 0, frame.entry),
      colour,
      tf.strings.substr(alone, frame.entry + 3, -1),
    ])
    opaque = tf.strings.join([
      tf.strings.substr(changed, 0, frame.control),
      b'\0',
      tf.strings.substr(changed, frame.control + 1, -1),
    ])
    return _decode(opaque)

  def transparent():
    black, white = coloured(b'\0\0\0'), coloured(b'\xff\xff\xff')
    same = tf.reduce_all(is_equal(black, white), -1, keepdims=True)
    return black, same

  def opaque():
    image = _decode(alone)
    return image, tf.ones_like(image[..., :1], tf.bool)

  image, is_drawn = tf.cond(frame.control >= 0, transparent, opaque)
  image, is_drawn = _placed(image, frame), _placed(is_drawn, frame)
  alpha = tf.where(is_drawn, tf.constant(255, tf.uint8), 0)
  return tf.concat([image, alpha], -1)


def _alone(encoded: tf.Tensor, frame: _Frame) -> tf.Tensor:
  """A GIF, string [] -> one of the same length whose picture is the frame.

  Of a frame that is smaller than the picture TensorFlow gives as many pixels
  as the frame has, but not those.
  """

  def part(start, end):
    return tf.strings.substr(encoded, start, end - start)

  place = frame.start + 1  # left, top, width and height, two bytes each
  size = part(place + 4, place + 8)
  head = [part(0, 6), size, part(10, place), b'\0\0\0\0']
  return tf.strings.join([*head, part(place + 4, frame.end), ';'])


def _placed(image: tf.Tensor, frame: _Frame) -> tf.Tensor:
  """The frame, [H, W, C] -> the same in the whole picture, zeros around it."""
  rows = [frame.top, frame.height - frame.bottom]
  columns = [frame.left, frame.width - frame.right]
  return tf.pad(image, tf.stack([rows, columns, [0, 0]]))


def _decode(encoded: tf.Tensor) -> tf.Tensor:
  image = tf.io.decode_image(encoded, 3, expand_animations=False)
  return tf.ensure_shape(image, [None, None, 3])


@tf.function(input_signature=[tf.TensorSpec([], tf.string)], autograph=False)
def _first_frame(encoded: tf.Tensor) -> _Frame:
  """Walks from block to block, as the format is defined."""
  # Zeros, which end what ends, after a file that was cut off.
  content = tf.io.decode_raw(tf.strings.join([encoded, '\0' * 32]), tf.uint8)
  last = tf.size(content) - 1

  def byte(position):
    return tf.cast(content[tf.minimum(position, last)], tf.int32)

  def number(position):
    return byte(position) + 256 * byte(position + 1)

  def table(flags):
    size = tf.bitwise.left_shift(6, flags % 8)
    return tf.where(flags >= 128, size, 0)

  def after_blocks(position):
    (end,) = tf.while_loop(
      lambda p: byte(p) > 0,
      lambda p: (p + 1 + byte(p),),
      (position,),
      maximum_iterations=_MAX_BLOCKS,
    )
    check = tf.debugging.Assert(
      is_equal(byte(end), 0), ['the GIF has too many blocks:', _MAX_BLOCKS]
    )
    with tf.control_dependencies([check]):
      return end + 1

  def extension(position, control):
    is_control = is_equal(byte(position + 1), _CONTROL)
    has_one = is_equal(byte(position + 3) % 2, 1)
    found = tf.where(has_one, position + 3, -1)
    return after_blocks(position + 2), tf.where(is_control, found, control)

  position, control = tf.while_loop(
    lambda p, _: is_equal(byte(p), _EXTENSION),
    extension,
    (_HEADER + table(byte(10)), tf.constant(-1)),
    maximum_iterations=_MAX_EXTENSIONS,
  )
  # What decodes it says so where this is no frame.
  left, top = number(position + 1), number(position + 3)
  right, bottom = left + number(position + 5), top + number(position + 7)
  flags = byte(position + 9)
  colours = tf.where(flags >= 128, position + 10, _HEADER)
  return _Frame(
    top,
    left,
    bottom,
    right,
    tf.maximum(number(8), bottom),
    tf.maximum(number(6), right),
    position,
    after_blocks(position + 10 + table(flags) + 1),
    control,
    colours + 3 * byte(control + 3),
  )
