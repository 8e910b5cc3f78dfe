"""Data sets that fit in memory: batches as a function of the step.

The order of training is a permutation that depends only on (seed, epoch), and
the random numbers of augmentation depend only on (seed, step). So a run that
was killed goes on with exactly the batch that would have come next, with no
iterator state on disk, whatever the number of replicas.

Images stay uint8 in memory; they are gathered, augmented and normalized one
batch at a time.
"""

import functools
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from official.datasets import arrays, example_order
from official.datasets.arrays import Split
from official.datasets.bad_examples import BadExamples
from official.datasets.decoding import resizing
from official.datasets.image_dataset import ImageDataset, InputFn
from official.datasets.preprocessing import MNIST, Preprocessing

__all__ = ['Split', 'dataset']

_PAPER_SAMPLE = 1000  # images that decide which paper a set is drawn on


def dataset(
  name: str,
  splits: Mapping[str, Split],
  *,
  class_names: tuple[str, ...] | None = None,
  seed: int = 0,
  augment: bool = True,
  preprocessing: Preprocessing = MNIST,
  held_out: int = 0,
  bad: BadExamples | None = None,
) -> ImageDataset:
  """Makes an `ImageDataset` of the splits `'train'` and `'test'`.

  Args:
    name: The name of the data set, for people.
    splits: The examples; the two are checked against each other.
    class_names: The name of each class; None counts the classes in the labels
      and names them by their numbers.
    seed: Seed of the order and the augmentation of training.
    augment: Whether training images are changed at random, as `preprocessing`
      says.
    preprocessing: The normalization and the augmentation of the images.
    held_out: Number of training images to test on, in place of the test images;
      training uses the others. None tests on the test images.
    bad: The counter of examples whose label is not that of a class; None allows
      none.

  Raises:
    UsageError: There are at most `held_out` training images.
    DataError: A split is empty, images and labels do not match, the two splits
      have images of different shapes, or too many labels are not those of a
      class.
  """
  for split, examples in splits.items():
    arrays.check_counts(name, split, examples)
  splits = arrays.of_known_classes(
    name, splits, class_names, bad or BadExamples()
  )
  if held_out:
    splits = arrays.hold_out(splits, held_out)
    name = f'{name}-held-out-{held_out}'
  image_shape = arrays.common_shape(name, splits)
  if class_names is None:
    largest = max(int(split.labels.max()) for split in splits.values())
    class_names = tuple(str(label) for label in range(largest + 1))
  return ImageDataset(
    name=name,
    image_shape=image_shape,
    num_classes=len(class_names),
    num_images={key: len(split.labels) for key, split in splits.items()},
    input_fn=_input_fn(splits, seed, augment, preprocessing),
    preprocess=preprocessing.normalize,
    class_names=class_names,
    decode=_decoder(image_shape, splits['train'].images),
  )


def _decoder(
  image_shape: tuple[int, ...], images: np.ndarray
) -> Callable[[tf.Tensor], tf.Tensor]:
  """Returns a function from an encoded image to one like those of the set."""
  paper = None
  if image_shape[-1] == 1:
    paper = resizing.paper_of(images[:_PAPER_SAMPLE])
  return functools.partial(resizing.decode_and_resize, image_shape, paper=paper)


def _input_fn(
  splits: Mapping[str, Split],
  seed: int,
  augment: bool,
  preprocessing: Preprocessing,
) -> InputFn:
  """Returns the `input_fn` of `ImageDataset`."""

  def input_fn(
    is_training: bool,
    batch_size: int,
    *,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
  ) -> tf.data.Dataset:
    context = input_context or tf.distribute.InputContext()
    if not is_training:
      return _evaluation_batches(
        splits['test'], batch_size, context, preprocessing
      )
    return _training_batches(
      splits['train'],
      batch_size,
      start_step,
      context,
      seed,
      preprocessing,
      augment,
    )

  return input_fn


def _training_batches(
  split: Split,
  batch_size: int,
  start_step: int,
  context: tf.distribute.InputContext,
  seed: int,
  preprocessing: Preprocessing,
  augment: bool,
) -> tf.data.Dataset:
  """Returns batches without end, one for each local replica in turn.

  `example_order` says which examples. A batch may hold the end of one epoch and
  the beginning of the next.
  """
  images, labels = tf.constant(split.images), tf.constant(split.labels)
  replicas = context.num_replicas_in_sync
  first, local = example_order.local_replicas(context)

  def batch(turn: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    step, replica = turn // local, first + turn % local
    position = (step * replicas + replica) * batch_size
    index = example_order.shuffled_index(
      position + tf.range(batch_size, dtype=tf.int64), len(split.labels), seed
    )
    chosen = tf.gather(images, index)
    if augment:
      # Drawn for the global batch, so that an example gets the same numbers
      # whatever the number of replicas.
      augmentation = preprocessing.augmentation
      uniform = tf.random.stateless_uniform(
        [replicas, batch_size, augmentation.numbers], [seed, step], -1, 1
      )
      chosen = augmentation.apply(chosen, uniform[replica])
    return preprocessing.normalize(chosen), tf.gather(labels, index)

  turns = tf.data.Dataset.range(start_step * local, np.iinfo(np.int64).max)
  return turns.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _evaluation_batches(
  split: Split,
  batch_size: int,
  context: tf.distribute.InputContext,
  preprocessing: Preprocessing,
) -> tf.data.Dataset:
  """Returns every image once, in order; the last batch may be smaller."""
  images, labels = tf.constant(split.images), tf.constant(split.labels)
  batches = -(-len(split.labels) // batch_size)

  def batch(turn: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    chosen = slice(turn * batch_size, (turn + 1) * batch_size)
    return preprocessing.normalize(images[chosen]), labels[chosen]

  turns = tf.data.Dataset.range(batches).shard(
    context.num_input_pipelines, context.input_pipeline_id
  )
  return turns.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
