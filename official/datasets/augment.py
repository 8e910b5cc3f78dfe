"""Augmentation of whole batches, from random numbers that are given."""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

# Degrees, share of the size, pixels: the largest distortion either way.
ROTATION, SCALE, SHIFT = 12.0, 0.1, 2.5

CROP_PADDING = 4  # pixels on each side


@dataclasses.dataclass(frozen=True)
class Augmentation:
  """A random change of a batch of images.

  Attributes:
    apply: images [N, H, W, C] and `uniform` float32 [N, `numbers`] between -1
      and 1 to the changed images.
    numbers: random numbers an image.
  """

  apply: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
  numbers: int


def random_affine(images: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
  """Turns, scales and shifts each image by its own random amounts.

  The motions LeCun et al. 1998 (section III-A) used on MNIST, less the shear.

  Args:
    images: [N, H, W, C], uint8 or float32.
    uniform: float32 [N, 4] between -1 and 1: rotation, scale, shift right,
      shift down, as parts of the largest.

  Returns:
    float32 [N, H, W, C]; what comes from outside the image is 0.
  """
  angle = uniform[:, 0] * (ROTATION * math.pi / 180)
  scale = 1 + uniform[:, 1] * SCALE
  height, width = images.shape[1:3]
  cos, sin = tf.cos(angle) * scale, tf.sin(angle) * scale
  x, y = (width - 1) / 2, (height - 1) / 2  # The centre stays where it is.
  zero = tf.zeros_like(cos)
  transforms = tf.stack(
    [
      cos,
      -sin,
      x - cos * x + sin * y + uniform[:, 2] * SHIFT,
      sin,
      cos,
      y - sin * x - cos * y + uniform[:, 3] * SHIFT,
      zero,
      zero,
    ],
    axis=1,
  )
  return tf.raw_ops.ImageProjectiveTransformV3(
    images=tf.cast(images, tf.float32),
    transforms=transforms,
    output_shape=[height, width],
    fill_value=0.0,
    interpolation='BILINEAR',
    fill_mode='CONSTANT',
  )


def random_crop_and_flip(images: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
  """Shifts each image by up to 4 pixels, and mirrors half of them.

  He et al. 2015, section 4.2: padded with 4 zeros on each side, cropped to the
  size it had, flipped left to right.

  Args:
    images: [N, H, W, C].
    uniform: float32 [N, 3] between -1 and 1: crop down, crop right, flip if
      negative.

  Returns:
    [N, H, W, C] of the same dtype.
  """
  height, width = images.shape[1:3]
  edge = [CROP_PADDING, CROP_PADDING]
  padded = tf.pad(images, [[0, 0], edge, edge, [0, 0]])
  offsets = tf.cast((uniform[:, :2] + 1) / 2 * (2 * CROP_PADDING + 1), tf.int32)
  rows = offsets[:, :1] + tf.range(height)
  columns = offsets[:, 1:] + tf.where(
    uniform[:, 2:] < 0, tf.range(width)[::-1], tf.range(width)
  )
  padded = tf.gather(padded, rows, axis=1, batch_dims=1)
  return tf.gather(padded, columns, axis=2, batch_dims=1)


AFFINE = Augmentation(random_affine, 4)
CROP_AND_FLIP = Augmentation(random_crop_and_flip, 3)
