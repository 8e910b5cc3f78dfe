"""Augmentation of whole batches, from random numbers that are arguments.

The numbers come from the caller, so that an augmented batch is a function of
the step. A whole batch at a time is about twice as fast as single images.
"""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

# The largest distortion in either direction.
ROTATION = 12.0  # degrees
SCALE = 0.1  # of the size
SHIFT = 2.5  # pixels

CROP_PADDING = 4  # pixels on each side, as He et al. 2015 have it


@dataclasses.dataclass(frozen=True)
class Augmentation:
  """A random change of a batch of images.

  Attributes:
    apply: Function from images [N, H, W, C] and random numbers, float32
      [N, `numbers`] uniform between -1 and 1, to the changed images.
    numbers: Number of random numbers for each image.
  """

  apply: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
  numbers: int


def random_affine(images: tf.Tensor, uniform: tf.Tensor) -> tf.Tensor:
  """Rotates, scales and shifts each image by its own random amounts.

  These are the distortions that LeCun et al. 1998 (section III-A) applied to
  MNIST, without the shear.

  Args:
    images: [N, H, W, C], uint8 or float32.
    uniform: float32 [N, 4] between -1 and 1: rotation, scale, shift to the
      right and shift down, as parts of the largest.

  Returns:
    float32 [N, H, W, C]; pixels from outside the image are 0.
  """
  angle = uniform[:, 0] * (ROTATION * math.pi / 180)
  scale = 1 + uniform[:, 1] * SCALE
  height, width = images.shape[1:3]
  cos, sin = tf.cos(angle) * scale, tf.sin(angle) * scale
  # The op maps each pixel of the result to its source; without an offset it
  # would turn around the corner, not the centre (x, y).
  x, y = (width - 1) / 2, (height - 1) / 2
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
  """Shifts each image by at most 4 pixels, and mirrors half of the images.

  As He et al. 2015 (section 4.2) did on CIFAR-10: each image is padded with 4
  zeros on each side, cropped to its size, and flipped left to right or not.

  Args:
    images: [N, H, W, C].
    uniform: float32 [N, 3] between -1 and 1: the place of the crop from top to
      bottom, its place from left to right, and the flip; a negative number
      mirrors the image.

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
