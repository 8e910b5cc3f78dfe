"""The preprocessing of the images of each kind of data set."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from official.datasets import augmentation
from official.datasets.augmentation import Augmentation


@dataclasses.dataclass(frozen=True)
class Preprocessing:
  """The preprocessing of images before a network gets them.

  Attributes:
    normalize: Function from uint8 (or 0 to 255 in float32) [N, H, W, C] to
      float32 [N, H, W, C].
    augmentation: The augmentation of training images, before `normalize`.
    image_size: Height and width in pixels to which images of several sizes are
      resized.
  """

  normalize: Callable[[tf.Tensor], tf.Tensor]
  augmentation: Augmentation
  image_size: int


def scale(images: tf.Tensor) -> tf.Tensor:
  """uint8 (or 0 to 255 in float32) [N, H, W, C] -> float32, 0 to 1."""
  return tf.cast(images, tf.float32) / 255.0


def standardize(images: tf.Tensor) -> tf.Tensor:
  """uint8 [N, H, W, C] -> float32, each image of mean 0 and deviation 1.

  The deviation is taken to be at least 1 / sqrt(H * W * C), so that an image of
  one colour does not become infinite.
  """
  return tf.image.per_image_standardization(tf.cast(images, tf.float32))


MNIST = Preprocessing(scale, augmentation.AFFINE, image_size=28)
CIFAR = Preprocessing(standardize, augmentation.CROP_AND_FLIP, image_size=32)
