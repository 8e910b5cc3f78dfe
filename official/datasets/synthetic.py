"""Synthetic images: the speed of a network without any data."""

import dataclasses
from collections.abc import Callable, Mapping

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
  """An `input_fn` that gives one batch of random images for ever.

  Images are truncated normal, mean 127 and deviation 60; labels uniform over
  all classes (the original never drew the last one).

  Args:
    height: of the images.
    width: of the images.
    num_channels: of the images.
    num_classes: labels are 0 to `num_classes - 1`.
    dtype: of the images.

  Returns:
    `(is_training, data_dir, batch_size, *args, **kwargs)` to a
    `tf.data.Dataset`; all but the batch size is ignored.
  """

  def input_fn(is_training, data_dir, batch_size, *args, **kwargs):
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
  """A set that is not there, for its shapes and counts; see `like`."""
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
  """Whether its images are random and its counts those of another set."""
  return dataset.name.endswith(_SUFFIX)


def like(dataset: ImageDataset) -> ImageDataset:
  """The same shapes and counts with synthetic images, if it has not these."""
  if is_synthetic(dataset):
    return dataset
  synthetic = get_synth_input_fn(*dataset.image_shape, dataset.num_classes)

  def input_fn(is_training, batch_size, **unused):
    del unused
    return synthetic(is_training, None, batch_size)

  return dataclasses.replace(
    dataset, name=dataset.name + _SUFFIX, input_fn=input_fn
  )
