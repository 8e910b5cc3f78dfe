"""Augmentation of whole batches, from random numbers that are given."""

import math

import tensorflow as tf

# Degrees, share of the size, pixels: the largest distortion either way.
ROTATION, SCALE, SHIFT = 12.0, 0.1, 2.5

RANDOM_NUMBERS = 4  # an image, for `random_affine`


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
