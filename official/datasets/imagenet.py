"""ImageNet as TFRecords, `train-00000-of-01024` and `validation-...`.

The order of training is a function of the seed and the epoch: the files come in
random order, ten of them are read in turn, and the records go through a shuffle
buffer. A shuffle of single records, as for the other data sets, would read each
from another place of the disk. A run that goes on reads up to where it was
without decoding, and then has exactly the batches that would have come next.
"""

import functools
import os
from collections.abc import Mapping, Sequence

import tensorflow as tf

from official.datasets import (
  example_order,
  imagenet_preprocessing,
  photographs,
  synthetic,
)
from official.datasets.bad_examples import BadExamples
from official.datasets.files import inventory, shards, tfrecords
from official.datasets.files.names import printable
from official.datasets.files.tfrecords import Part
from official.datasets.image_dataset import ImageDataset, InputFn
from official.datasets.imagenet_examples import (
  Labels,
  check_first_record,
  parse_example_proto,
  trial,
)
from official.errors import DataError

# Images of the splits by the usual numbers of files, as Russakovsky et al. 2015
# have it. Other sets are counted, which reads from every file.
_NUM_IMAGES = {
  ('train', 1024): 1_281_167,
  ('validation', 128): 50_000,
}
# Records of the first file of these, whichever way the images were divided.
_IN_FIRST_FILE = {'train': (1251, 1252), 'validation': (390, 391)}
_FILE_PREFIXES = {'train': 'train', 'test': 'validation'}
_CYCLE_LENGTH = 10  # files read in turn
_SHUFFLE_BUFFER = 10_000  # records


def exists(directory: str) -> bool:
  """Returns whether a folder holds such files."""
  return any(
    shards.exists(directory, prefix) for prefix in _FILE_PREFIXES.values()
  )


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
    data_dir: the folder of the files.
    image_size: height and width of what the network gets.
    background_class: whether label 0 is a class, though no image has it: then
      there are 1001 classes. If not, there are 1000, and labels are one less
      than in the records.
    seed: of the order and the augmentation of training.
    augment: whether to train on a random part of each image, mirrored or not.
    bad: counts the records that cannot be used. Where it allows any, each is
      read and decoded once before training starts; None allows none.

  Raises:
    DataError: files are missing, are damaged or hold something else, or too
      many records cannot be used.
  """
  bad = bad or BadExamples()
  files = _find_all(data_dir)
  labels = Labels(background_class)
  decoder = photographs.PhotographDecoder(image_size, seed, augment)
  parts = _usable(files, labels, bad) if bad.are_allowed else _whole(files)
  counts = {split: _num_images(split, parts[split]) for split in parts}
  return ImageDataset(
    name=os.path.basename(os.path.abspath(data_dir)),
    image_shape=(image_size, image_size, imagenet_preprocessing.NUM_CHANNELS),
    num_classes=labels.num_classes,
    num_images=counts,
    input_fn=_input_fn(data_dir, parts, counts, labels, decoder),
    preprocess=imagenet_preprocessing.preprocess,
    class_names=labels.class_names,
    decode=decoder.evaluation_image,
    check=lambda: _usable(files, labels, BadExamples()),
  )


def stand_in(image_size: int, background_class: bool) -> ImageDataset:
  """Returns synthetic images with the shapes and counts of ImageNet."""
  return synthetic.stand_in(
    'ImageNet',
    (image_size, image_size, imagenet_preprocessing.NUM_CHANNELS),
    Labels(background_class).num_classes,
    {
      'train': _NUM_IMAGES['train', 1024],
      'test': _NUM_IMAGES['validation', 128],
    },
    imagenet_preprocessing.preprocess,
  )


def _input_fn(
  data_dir: str,
  parts: Mapping[str, list[Part]],
  counts: Mapping[str, int],
  labels: Labels,
  decoder: photographs.PhotographDecoder,
) -> InputFn:
  """Returns the `input_fn` of `ImageDataset`.

  Args:
    data_dir: the folder, which an error names.
    parts: of the files of `'train'` and `'test'`.
    counts: images of `'train'` and `'test'`.
    labels: how the labels number the classes.
    decoder: of the images.
  """

  def example(
    position: tf.Tensor, record: tf.Tensor, is_training: bool
  ) -> tuple[tf.Tensor, tf.Tensor]:
    encoded, label, boxes = parse_example_proto(record)
    label = labels.class_of(label)
    if is_training:
      return decoder.training_image(encoded, position, boxes), label
    return decoder.evaluation_image(encoded), label

  def input_fn(
    is_training: bool,
    batch_size: int,
    *,
    start_step: int = 0,
    input_context: tf.distribute.InputContext | None = None,
  ) -> tf.data.Dataset:
    context = input_context or tf.distribute.InputContext()
    # Every pipeline reads files of its own, so that no worker reads them all.
    ours = parts['train' if is_training else 'test']
    ours = ours[context.input_pipeline_id :: context.num_input_pipelines]
    if is_training:
      _, local = example_order.local_replicas(context)
      size = counts['train']
      if context.num_input_pipelines > 1:
        size = _size_of_share(ours, data_dir)
      start = start_step * local * batch_size
      records = _training_records(ours, size, decoder.seed, start)
    else:
      start, records = 0, tfrecords.read(ours)
    examples = records.enumerate(start).map(
      functools.partial(example, is_training=is_training), tf.data.AUTOTUNE
    )
    return photographs.batches(examples, batch_size)

  return input_fn


def _training_records(
  parts: Sequence[Part], size: int, seed: int, start: int
) -> tf.data.Dataset:
  """Returns records, string [], without end.

  Args:
    parts: of the files that this pipeline reads.
    size: number of their records, an epoch of this pipeline.
    seed: chooses the order.
    start: number of records to skip.
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


def _find_all(data_dir: str) -> dict[str, list[str]]:
  """Finds the files of `'train'` and `'test'`, and logs what else there is.

  Raises:
    DataError: a file is missing, is empty or holds something else.
  """
  files = {
    split: shards.find(data_dir, prefix)
    for split, prefix in _FILE_PREFIXES.items()
  }
  for split, paths in files.items():
    if not paths:
      raise DataError(
        f'{printable(data_dir)} holds no TFRecords of the {split} split, '
        f'{_FILE_PREFIXES[split]}-00000-of-...'
      )
  used = [path for paths in files.values() for path in paths]
  for path in used:
    if not os.path.isfile(path):  # Reading a pipe would wait for ever.
      raise DataError(f'{path} is not a file')
    if not os.path.getsize(path):
      raise DataError(f'{path} is empty')
  inventory.warn(data_dir, len(used), inventory.unused(data_dir, used))
  for paths in files.values():
    check_first_record(paths[0])
  return files


def _num_images(split: str, parts: Sequence[Part]) -> int:
  """Returns the images of a split, counted unless the files are ImageNet's."""
  prefix = _FILE_PREFIXES[split]
  published = _NUM_IMAGES.get((prefix, len(parts)))
  if (
    published
    and all(part.count < 0 for part in parts)
    and tfrecords.count_records(parts[0]) in _IN_FIRST_FILE[prefix]
  ):
    return published
  return sum(map(tfrecords.count_records, parts))


def _size_of_share(parts: Sequence[Part], data_dir: str) -> int:
  """Returns the records of one worker's share of the files.

  Raises:
    DataError: there are none.
  """
  if not parts:
    raise DataError(
      f'{data_dir} has fewer training files than there are workers, each of '
      'which needs one'
    )
  return sum(map(tfrecords.count_records, parts))


def _whole(files: Mapping[str, list[str]]) -> dict[str, list[Part]]:
  return {split: list(map(Part, paths)) for split, paths in files.items()}


def _usable(
  files: Mapping[str, list[str]], labels: Labels, bad: BadExamples
) -> dict[str, list[Part]]:
  """Returns the files without the records that cannot be used.

  Raises:
    DataError: there are more of these than `bad` allows.
  """
  use = trial(labels)
  parts: dict[str, list[Part]] = {split: [] for split in files}
  for split, paths in files.items():
    for path in paths:
      of_file, reasons = tfrecords.usable_parts(path, use)
      bad.leave_out(
        f'{path} record {number}: {reason}'
        for number, reason in reasons.items()
      )
      parts[split] += of_file
  return parts
