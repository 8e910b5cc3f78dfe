"""ImageNet as TFRecords, `train-00000-of-01024` and `validation-...`.

The order of training is a function of the seed and the epoch: the files come in
random order, ten of them are read in turn, and the records go through a shuffle
buffer. A shuffle of single records, as for the other data sets, would read each
from another place of the disk. A run that goes on reads up to where it was
without decoding, and then has exactly the batches that would have come next.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence

import tensorflow as tf

from official.datasets import (
  example_order,
  imagenet_files,
  imagenet_preprocessing,
  synthetic,
)
from official.datasets.bad_examples import BadExamples
from official.datasets.files import tfrecords
from official.datasets.files.tfrecords import Part
from official.datasets.image_dataset import ImageDataset
from official.datasets.imagenet_examples import Labels, parse_example_proto
from official.datasets.photographs import PhotographDecoder, PhotographInput

_CYCLE_LENGTH = 10  # files read in turn
_SHUFFLE_BUFFER = 10_000  # records


def is_imagenet_folder(directory: str) -> bool:
  """Returns whether a folder holds TFRecords of this form."""
  return imagenet_files.exist(directory)


def load(
  data_dir: str,
  image_size: int,
  *,
  background_class: bool = True,
  seed: int = 0,
  augment: bool = True,
  bad: BadExamples | None = None,
) -> ImageDataset:
  """Reads ImageNet, or other images in its form, from TFRecords.

  Args:
    data_dir: The folder of the files.
    image_size: Height and width in pixels of the network's input.
    background_class: Whether label 0 is a class, though no image has it. Then
      there are 1001 classes; otherwise there are 1000, and labels are one less
      than in the records.
    seed: Seed of the order and the augmentation of training.
    augment: Whether to train on a random part of each image, mirrored or not.
    bad: The counter of records that cannot be used. Where it allows any, each
      record is read and decoded once before training starts; None allows none.

  Raises:
    DataError: Files are missing, are damaged or hold something else, or too
      many records cannot be used.
  """
  bad = bad or BadExamples()
  files = imagenet_files.find(data_dir)
  labels = Labels(background_class)
  decoder = PhotographDecoder(image_size, seed, augment)
  if bad.are_allowed:
    parts = imagenet_files.usable(files, labels, bad)
  else:
    parts = imagenet_files.whole(files)
  counts = {
    split: imagenet_files.num_images(split, parts[split]) for split in parts
  }
  return ImageDataset(
    name=os.path.basename(os.path.abspath(data_dir)),
    image_shape=(image_size, image_size, imagenet_preprocessing.NUM_CHANNELS),
    num_classes=labels.num_classes,
    num_images=counts,
    input_fn=_Input(data_dir, parts, counts, labels, decoder),
    preprocess=imagenet_preprocessing.preprocess,
    class_names=labels.class_names,
    decode=decoder.evaluation_image,
    check=lambda: imagenet_files.usable(files, labels, BadExamples()),
  )


def stand_in(image_size: int, background_class: bool) -> ImageDataset:
  """Returns synthetic images with the shapes and counts of ImageNet."""
  return synthetic.stand_in(
    'ImageNet',
    (image_size, image_size, imagenet_preprocessing.NUM_CHANNELS),
    Labels(background_class).num_classes,
    imagenet_files.NUM_IMAGES,
    imagenet_preprocessing.preprocess,
  )


@dataclasses.dataclass(frozen=True)
class _Input(PhotographInput):
  """The `input_fn` of `ImageDataset`.

  Attributes:
    data_dir: The folder, for the error message.
    parts: The parts of the files of `'train'` and `'test'`.
    counts: Number of images of `'train'` and `'test'`.
    labels: The numbering of the classes by the labels.
    decoder: The decoder of the images.
  """

  data_dir: str
  parts: Mapping[str, list[Part]]
  counts: Mapping[str, int]
  labels: Labels
  decoder: PhotographDecoder

  def _training_examples(
    self,
    batch_size: int,
    start_step: int,
    context: tf.distribute.InputContext,
  ) -> tf.data.Dataset:
    parts, size = _share(self.parts['train'], context), self.counts['train']
    if context.num_input_pipelines > 1:
      size = imagenet_files.count_share(parts, self.data_dir)
    _, local_replicas = example_order.local_replicas(context)
    start = start_step * local_replicas * batch_size
    records = _training_records(parts, size, self.decoder.seed, start)
    return records.enumerate(start).map(
      self._training_example, tf.data.AUTOTUNE
    )

  def _evaluation_examples(
    self, batch_size: int, context: tf.distribute.InputContext
  ) -> tf.data.Dataset:
    del batch_size  # Each record is read once, whatever the batches.
    records = tfrecords.read(_share(self.parts['test'], context))
    return records.map(self._evaluation_example, tf.data.AUTOTUNE)

  def _training_example(
    self, position: tf.Tensor, record: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    encoded, label, boxes = parse_example_proto(record)
    image = self.decoder.training_image(encoded, position, boxes)
    return image, self.labels.class_of(label)

  def _evaluation_example(
    self, record: tf.Tensor
  ) -> tuple[tf.Tensor, tf.Tensor]:
    encoded, label, _ = parse_example_proto(record)
    return self.decoder.evaluation_image(encoded), self.labels.class_of(label)


def _share(
  parts: Sequence[Part], context: tf.distribute.InputContext
) -> Sequence[Part]:
  """Returns the files of one pipeline, so that no worker reads all of them."""
  return parts[context.input_pipeline_id :: context.num_input_pipelines]


def _training_records(
  parts: Sequence[Part], size: int, seed: int, start: int
) -> tf.data.Dataset:
  """Returns records, string [], without end.

  Args:
    parts: The parts of the files that this pipeline reads.
    size: Number of their records, an epoch of this pipeline.
    seed: Seed of the order.
    start: Number of records to skip.
  """
  tensors = next(iter(tfrecords.table(parts).batch(len(parts))))

  def epoch(number: tf.Tensor) -> tf.data.Dataset:
    first = number * len(parts)
    order = example_order.shuffled_index(
      first + tf.range(len(parts), dtype=tf.int64), len(parts), seed
    )
    records = tf.data.Dataset.from_tensor_slices(
      tuple(tf.gather(tensor, order) for tensor in tensors)
    ).interleave(
      tfrecords.records,
      cycle_length=_CYCLE_LENGTH,
      num_parallel_calls=tf.data.AUTOTUNE,
      deterministic=True,
    )
    # A buffer for each epoch, with a seed of its own: epochs do not mix, and
    # any of them can be the first.
    return records.shuffle(
      _SHUFFLE_BUFFER, seed + number, reshuffle_each_iteration=False
    )

  epochs = tf.data.Dataset.range(start // size, tf.int64.max)
  return epochs.flat_map(epoch).skip(start % size)
