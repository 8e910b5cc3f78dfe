"""Batches of photographs, decoded from their files when they are needed.

Both kinds of large data sets, TFRecords and folders of images, train on them.
An example is an encoded image with its position in training. The position and
the seed decide how the image is cropped, so a resumed run crops it the same
way.
"""

import dataclasses

import tensorflow as tf

from official.datasets import imagenet_preprocessing

_BOX_COORDINATES = 4


@dataclasses.dataclass(frozen=True)
class PhotographDecoder:
  """Encoded photographs to the input of `imagenet_preprocessing.preprocess`.

  Attributes:
    size: Height and width of the images in pixels.
    seed: Seed of the augmentation of training.
    augment: Whether training takes a random part of each image, mirrored or
      not.
  """

  size: int
  seed: int
  augment: bool

  def training_image(
    self,
    encoded: tf.Tensor,
    position: tf.Tensor,
    boxes: tf.Tensor | None = None,
  ) -> tf.Tensor:
    """An image, string [] -> float32 [size, size, 3], 0 to 255.

    Args:
      encoded: The image.
      position: int64 [], the position in training; it decides the part together
        with the seed.
      boxes: float32 [1, n, 4], boxes of objects, some part of which should be
        seen; see `imagenet_preprocessing.training_image`. None for no box.
    """
    if not self.augment:
      return self.evaluation_image(encoded)
    if boxes is None:
      boxes = tf.zeros([1, 0, _BOX_COORDINATES])
    return imagenet_preprocessing.training_image(
      encoded, boxes, self.size, tf.stack([self.seed, position])
    )

  def evaluation_image(self, encoded: tf.Tensor) -> tf.Tensor:
    """An image, string [] -> its centre, float32 [size, size, 3], 0 to 255."""
    return imagenet_preprocessing.evaluation_image(encoded, self.size)


class PhotographInput:
  """The `input_fn` of an `ImageDataset` of photographs.

  A subclass says which examples there are: images float32 [size, size, 3] and
  labels int32 [].
  """

  def __call__(
    self,
    is_training: bool,
    batch_size: int,
    *,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
  ) -> tf.data.Dataset:
    """See `ImageDataset.input_fn`."""
    context = input_context or tf.distribute.InputContext()
    if is_training:
      examples = self._training_examples(batch_size, start_step, context)
    else:
      examples = self._evaluation_examples(batch_size, context)
    return _batches(examples, batch_size)

  def _training_examples(
    self,
    batch_size: int,
    start_step: int,
    context: tf.distribute.InputContext,
  ) -> tf.data.Dataset:
    """The examples of this pipeline, without end, from a global step on."""
    raise NotImplementedError

  def _evaluation_examples(
    self, batch_size: int, context: tf.distribute.InputContext
  ) -> tf.data.Dataset:
    """The test examples of this pipeline, once."""
    raise NotImplementedError


def _batches(examples: tf.data.Dataset, batch_size: int) -> tf.data.Dataset:
  """Returns batches of preprocessed images and their labels.

  Args:
    examples: A dataset of images float32 [size, size, 3] and labels int32 [].
    batch_size: Batch size of the result; the last batch may be smaller.
  """
  return (
    examples
    .batch(batch_size)
    .map(
      lambda images, labels: (imagenet_preprocessing.preprocess(images), labels)
    )
    .prefetch(tf.data.AUTOTUNE)
  )
