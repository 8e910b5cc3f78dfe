"""What becomes of the images of a kind of data set."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from official.datasets import augment


@dataclasses.dataclass(frozen=True)
class Style:
  """How images go into a network.

  Attributes:
    preprocess: uint8 (or 0-255 float) [N, H, W, C] to float32 [N, H, W, C].
    augmentation: of training images, before `preprocess`.
    image_size: height and width of images that have no size of their own.
  """

  preprocess: Callable[[tf.Tensor], tf.Tensor]
  augmentation: augment.Augmentation
  image_size: int


def scale(images: tf.Tensor) -> tf.Tensor:
  """uint8 (or 0-255 float) [N, H, W, C] -> float32, 0 to 1."""
  return tf.cast(images, tf.float32) / 255.0


def standardize(images: tf.Tensor) -> tf.Tensor:
  """uint8 [N, H, W, C] -> float32, each image of mean 0 and deviation 1.

  The deviation is taken as at least 1 / sqrt(H * W * C).
  """
  return tf.image.per_image_standardization(tf.cast(images, tf.float32))


MNIST = Style(scale, augment.AFFINE, 28)
CIFAR = Style(standardize, augment.CROP_AND_FLIP, 32)
