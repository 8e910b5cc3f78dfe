"""Data sets that fit in memory: batches as a function of the step.

The order of training is a permutation that depends on (seed, epoch) alone, and
the random numbers of augmentation depend on (seed, step) alone. So a run that
was killed goes on with exactly the batch that would have come next, with no
iterator state on disk, whatever the number of replicas.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from official.datasets import augment as augment_lib
from official.datasets.image_dataset import ImageDataset
from official.errors import DataError

_ROUNDS = 4  # of the cipher behind the permutation; TensorFlow's default


@dataclasses.dataclass(frozen=True)
class Split:
  """Images uint8 [N, H, W, C] and their labels int32 [N]."""

  images: np.ndarray
  labels: np.ndarray


def dataset(
  name: str,
  splits: Mapping[str, Split],
  *,
  seed: int,
  augment: bool,
  class_names: tuple[str, ...] | None = None,
) -> ImageDataset:
  """An `ImageDataset` of the splits `'train'` and `'test'`.

  Args:
    name: for people.
    splits: checked against each other.
    seed: of the order and the augmentation of training.
    augment: distort training images.
    class_names: None names the classes by their numbers, as many as the
      labels have.

  Raises:
    DataError: a split is empty, images and labels do not match, or the two
      splits have images of different shapes.
  """
  for split, data in splits.items():
    _check(name, split, data)
  shapes = {split: data.images.shape[1:] for split, data in splits.items()}
  if shapes['train'] != shapes['test']:
    raise DataError(
      f'{name}: training images are {shapes["train"]}, test images '
      f'{shapes["test"]}; they must have one shape'
    )
  if class_names is None:
    classes = 1 + max(int(data.labels.max()) for data in splits.values())
    class_names = tuple(str(label) for label in range(classes))

  def input_fn(is_training, batch_size, *, start_step=0, input_context=None):
    context = input_context or tf.distribute.InputContext()
    if is_training:
      return training_batches(
        splits['train'], batch_size, seed, start_step, context, augment
      )
    return evaluation_batches(splits['test'], batch_size, context)

  return ImageDataset(
    name=name,
    image_shape=shapes['train'],
    num_classes=len(class_names),
    num_images={split: len(data.labels) for split, data in splits.items()},
    input_fn=input_fn,
    preprocess=preprocess,
    class_names=class_names,
  )


def preprocess(images: tf.Tensor) -> tf.Tensor:
  """uint8 (or 0-255 float) [N, H, W, C] -> float32, 0 to 1."""
  return tf.cast(images, tf.float32) / 255.0


def training_batches(
  split: Split,
  batch_size: int,
  seed: int,
  start_step: int,
  context: tf.distribute.InputContext,
  augment: bool,
) -> tf.data.Dataset:
  """Batches without end from `start_step` on, one for each replica in turn.

  A global batch is `batch_size` times the number of replicas; replica r takes
  the r-th part of it. A batch may end one epoch and begin the next.
  """
  images, labels = tf.constant(split.images), tf.constant(split.labels)
  replicas = context.num_replicas_in_sync
  local = max(replicas // context.num_input_pipelines, 1)
  first = context.input_pipeline_id * local

  def batch(turn):
    step, replica = turn // local, first + turn % local
    position = (step * replicas + replica) * batch_size
    index = shuffled_index(
      position + tf.range(batch_size, dtype=tf.int64), len(split.labels), seed
    )
    chosen = tf.gather(images, index)
    if augment:
      # Drawn for the global batch, so that replicas do not change the numbers.
      uniform = tf.random.stateless_uniform(
        [replicas, batch_size, augment_lib.RANDOM_NUMBERS], [seed, step], -1, 1
      )
      chosen = augment_lib.random_affine(chosen, uniform[replica])
    return preprocess(chosen), tf.gather(labels, index)

  turns = tf.data.Dataset.range(start_step * local, np.iinfo(np.int64).max)
  return turns.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
  split: Split, batch_size: int, context: tf.distribute.InputContext
) -> tf.data.Dataset:
  """Every image once, in order; the last batch may be smaller."""
  images, labels = tf.constant(split.images), tf.constant(split.labels)
  batches = -(-len(split.labels) // batch_size)

  def batch(turn):
    chosen = slice(turn * batch_size, (turn + 1) * batch_size)
    return preprocess(images[chosen]), labels[chosen]

  turns = tf.data.Dataset.range(batches).shard(
    context.num_input_pipelines, context.input_pipeline_id
  )
  return turns.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def shuffled_index(position: tf.Tensor, size: int, seed: int) -> tf.Tensor:
  """Position in the endless order of training -> index of an example.

  Args:
    position: int64 [N]; epoch e is positions `e * size` to `(e + 1) * size`.
    size: examples in an epoch.
    seed: which order.

  Returns:
    int64 [N]; each epoch holds every index once.
  """
  epoch = tf.cast(position // size, tf.uint32)
  key = tf.constant(seed % 2**32, tf.uint32)
  seeds = tf.stack(
    [tf.zeros_like(epoch) + key, epoch, tf.zeros_like(epoch)], axis=1
  )
  return tf.raw_ops.RandomIndexShuffle(
    index=position % size,
    seed=seeds,
    max_index=tf.constant(size - 1, tf.int64),
    rounds=_ROUNDS,
  )


def _check(name: str, split: str, data: Split) -> None:
  if len(data.images) != len(data.labels):
    raise DataError(
      f'{name}: {len(data.images):,} {split} images but '
      f'{len(data.labels):,} labels'
    )
  if not len(data.labels):
    raise DataError(f'{name}: there are no {split} images')
  if data.labels.min() < 0:
    raise DataError(f'{name}: {split} labels must not be negative')
