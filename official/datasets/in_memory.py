"""Data sets that fit in memory: batches as a function of the step.

The order of training is a permutation that depends on (seed, epoch) alone, and
the random numbers of augmentation depend on (seed, step) alone. So a run that
was killed goes on with exactly the batch that would have come next, with no
iterator state on disk, whatever the number of replicas.
"""

import dataclasses
import functools
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from official.datasets import image_decoding, positions
from official.datasets.bad_examples import BadExamples
from official.datasets.image_dataset import ImageDataset
from official.datasets.styles import MNIST, Style
from official.errors import DataError, UsageError

_LOOKED_AT = 1000  # images, to tell what they are drawn on


@dataclasses.dataclass(frozen=True)
class Split:
  """Images uint8 [N, H, W, C] and their labels int32 [N]."""

  images: np.ndarray
  labels: np.ndarray


def dataset(
  name: str,
  splits: Mapping[str, Split],
  *,
  class_names: tuple[str, ...] | None = None,
  seed: int = 0,
  augment: bool = True,
  style: Style = MNIST,
  held_out: int = 0,
  bad: BadExamples | None = None,
) -> ImageDataset:
  """An `ImageDataset` of the splits `'train'` and `'test'`.

  Args:
    name: for people.
    splits: checked against each other.
    class_names: None names the classes by their numbers, as many as the
      labels have.
    seed: of the order and the augmentation of training.
    augment: change training images at random, as the style does.
    style: what becomes of the images.
    held_out: test on so many training images, and train on the others.
    bad: counts the examples whose label no class has; None allows none.

  Raises:
    UsageError: fewer training images than are to be held out.
    DataError: a split is empty, images and labels do not match, the two splits
      have images of different shapes, or too many labels are no class's.
  """
  for split, data in splits.items():
    _check(name, split, data)
  splits = _of_known_classes(name, splits, class_names, bad or BadExamples())
  if held_out:
    splits = _hold_out(splits, held_out)
    name = f'{name}-held-out-{held_out}'
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
        splits['train'], batch_size, seed, start_step, context, style, augment
      )
    return evaluation_batches(splits['test'], batch_size, context, style)

  return ImageDataset(
    name=name,
    image_shape=shapes['train'],
    num_classes=len(class_names),
    num_images={split: len(data.labels) for split, data in splits.items()},
    input_fn=input_fn,
    preprocess=style.preprocess,
    class_names=class_names,
    decode=_decode(shapes['train'], splits['train'].images),
  )


def _decode(
  image_shape: tuple[int, ...], images: np.ndarray
) -> Callable[[tf.Tensor], tf.Tensor]:
  """From an encoded image to one as these are: grey ones as light on dark."""
  paper = None
  if image_shape[-1] == 1:
    paper = image_decoding.paper_of(images[:_LOOKED_AT])
  return functools.partial(
    image_decoding.decode_and_resize, image_shape, paper=paper
  )


def training_batches(
  split: Split,
  batch_size: int,
  seed: int,
  start_step: int,
  context: tf.distribute.InputContext,
  style: Style,
  augment: bool,
) -> tf.data.Dataset:
  """Batches without end from `start_step` on, one for each replica in turn.

  `positions` tells which. A batch may end one epoch and begin the next.
  """
  images, labels = tf.constant(split.images), tf.constant(split.labels)
  replicas = context.num_replicas_in_sync
  first, local = positions.first_replica(context)

  def batch(turn):
    step, replica = turn // local, first + turn % local
    position = (step * replicas + replica) * batch_size
    index = positions.shuffled_index(
      position + tf.range(batch_size, dtype=tf.int64), len(split.labels), seed
    )
    chosen = tf.gather(images, index)
    if augment:
      # Drawn for the global batch, so that replicas do not change the numbers.
      uniform = tf.random.stateless_uniform(
        [replicas, batch_size, style.augmentation.numbers], [seed, step], -1, 1
      )
      chosen = style.augmentation.apply(chosen, uniform[replica])
    return style.preprocess(chosen), tf.gather(labels, index)

  turns = tf.data.Dataset.range(start_step * local, np.iinfo(np.int64).max)
  return turns.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def evaluation_batches(
  split: Split,
  batch_size: int,
  context: tf.distribute.InputContext,
  style: Style,
) -> tf.data.Dataset:
  """Every image once, in order; the last batch may be smaller."""
  images, labels = tf.constant(split.images), tf.constant(split.labels)
  batches = -(-len(split.labels) // batch_size)

  def batch(turn):
    chosen = slice(turn * batch_size, (turn + 1) * batch_size)
    return style.preprocess(images[chosen]), labels[chosen]

  turns = tf.data.Dataset.range(batches).shard(
    context.num_input_pipelines, context.input_pipeline_id
  )
  return turns.map(batch, tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _check(name: str, split: str, data: Split) -> None:
  if len(data.images) != len(data.labels):
    raise DataError(
      f'{name}: {len(data.images):,} {split} images but '
      f'{len(data.labels):,} labels'
    )
  if not len(data.labels):
    raise DataError(f'{name}: there are no {split} images')


def _of_known_classes(
  name: str,
  splits: Mapping[str, Split],
  class_names: tuple[str, ...] | None,
  bad: BadExamples,
) -> dict[str, Split]:
  """The splits without the examples whose label is no class's."""
  labels = np.concatenate([data.labels for data in splits.values()])
  classes = len(class_names) if class_names else _classes_of(labels)
  result = {}
  for split, data in splits.items():
    wrong = (data.labels < 0) | (data.labels >= classes)
    bad.leave_out(
      f'{name} {split} example {i:,}: label {data.labels[i]}, expected 0 to '
      f'{classes - 1}'
      for i in np.flatnonzero(wrong).tolist()
    )
    if wrong.any():
      data = Split(data.images[~wrong], data.labels[~wrong])
      _check(name, split, data)
    result[split] = data
  return result


def _classes_of(labels: np.ndarray) -> int:
  """How many classes there are: half of them at least have an example.

  So a damaged label far above all others makes no hundred empty classes.
  """
  used = np.unique(labels[labels >= 0])
  enough = 2 * (1 + np.arange(len(used))) >= used + 1
  return int(used[enough].max(initial=0)) + 1


def _hold_out(splits: Mapping[str, Split], count: int) -> dict[str, Split]:
  """The last `count` training images as the test split, the rest to train on.

  Raises:
    UsageError: there are not more training images than that.
  """
  images, labels = splits['train'].images, splits['train'].labels
  if count >= len(labels):
    raise UsageError(
      f'--held_out_images must be less than the {len(labels):,} training '
      f'images, given: {count}'
    )
  return {
    'train': Split(images[:-count], labels[:-count]),
    'test': Split(images[-count:], labels[-count:]),
  }
