"""Synthetic images, to measure the speed of a network without any data."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from official.datasets.image_dataset import ImageDataset

_MEAN, _STDDEV = 127, 60
_SUFFIX = '-synthetic'


def get_synth_input_fn(
  height: int,
  width: int,
  num_channels: int,
  num_classes: int,
  dtype: tf.DType = tf.float32,
) -> Callable[..., tf.data.Dataset]:
  """Returns an `input_fn` that gives one batch of random images for ever.

  Images are truncated normal with mean 127 and deviation 60, as the original's.
  Labels are uniform over all classes; the original never drew the last one.

  Args:
    height: Height of the images in pixels.
    width: Width of the images in pixels.
    num_channels: Number of channels of the images.
    num_classes: Number of classes; labels are 0 to `num_classes - 1`.
    dtype: Dtype of the images.

  Returns:
    A function `(is_training, data_dir, batch_size, *args, **kwargs)` to a
    `tf.data.Dataset`, which ignores everything except the batch size.
  """

  def input_fn(
    is_training: bool,
    data_dir: str | None,
    batch_size: int,
    *args: Any,
    **kwargs: Any,
  ) -> tf.data.Dataset:
    del is_training, data_dir, args, kwargs
    images = tf.random.truncated_normal(
      [batch_size, height, width, num_channels], _MEAN, _STDDEV, tf.float32
    )
    labels = tf.random.uniform([batch_size], 0, num_classes, tf.int32)
    batch = tf.data.Dataset.from_tensors((tf.cast(images, dtype), labels))
    return batch.repeat().prefetch(tf.data.AUTOTUNE)

  return input_fn


def stand_in(
  name: str,
  image_shape: tuple[int, int, int],
  num_classes: int,
  num_images: Mapping[str, int],
  preprocess: Callable[[tf.Tensor], tf.Tensor],
) -> ImageDataset:
  """Returns synthetic images in place of a data set that is not on the disk.

  Args:
    name: The name of the data set that the images stand for.
    image_shape: Height, width and channels.
    num_classes: Number of classes; labels are 0 to `num_classes - 1`.
    num_images: `'train'` and `'test'` to the number of images.
    preprocess: See `ImageDataset`.
  """
  return like(
    ImageDataset(
      name=name,
      image_shape=image_shape,
      num_classes=num_classes,
      num_images=num_images,
      input_fn=get_synth_input_fn(*image_shape, num_classes),
      preprocess=preprocess,
      class_names=tuple(map(str, range(num_classes))),
    )
  )


def is_synthetic(dataset: ImageDataset) -> bool:
  """Returns whether the images of a data set are synthetic."""
  return dataset.name.endswith(_SUFFIX)


def like(dataset: ImageDataset) -> ImageDataset:
  """Returns synthetic images with the shapes and counts of a data set.

  A data set that is synthetic already is returned as it is.
  """
  if is_synthetic(dataset):
    return dataset
  synthetic = get_synth_input_fn(*dataset.image_shape, dataset.num_classes)

  def input_fn(
    is_training: bool, batch_size: int, **unused: Any
  ) -> tf.data.Dataset:
    del unused
    return synthetic(is_training, None, batch_size)

  return dataclasses.replace(
    dataset, name=dataset.name + _SUFFIX, input_fn=input_fn
  )
