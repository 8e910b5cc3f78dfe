"""ImageNet as TFRecords, `train-00000-of-01024` and `validation-...`.

The order of training is a function of the seed and the epoch: the files in
random order, ten of them read in turn, the records through a shuffle buffer. A
resumed run reads up to where it was without decoding, and goes on exactly.
"""

import functools
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from official.datasets import (
  found,
  image_decoding,
  imagenet_preprocessing,
  positions,
  shards,
  synthetic,
  tfrecords,
)
from official.datasets.bad_examples import BadExamples
from official.datasets.image_dataset import ImageDataset
from official.errors import DataError

# Of Russakovsky et al. 2015 in the usual numbers of files; others are counted.
_NUM_IMAGES = {
  ('train', 1024): 1_281_167,
  ('validation', 128): 50_000,
}
# Of the first file, by how the images were shared out.
_FIRST_FILE = {'train': (1251, 1252), 'validation': (390, 391)}
_SPLITS = {'train': 'train', 'test': 'validation'}
_CYCLE_LENGTH = 10  # files read in turn
_SHUFFLE_BUFFER = 10_000  # records

_FEATURES = {
  'image/encoded': tf.io.FixedLenFeature([], tf.string),
  'image/class/label': tf.io.FixedLenFeature([], tf.int64),
} | {
  f'image/object/bbox/{edge}': tf.io.VarLenFeature(tf.float32)
  for edge in ('ymin', 'xmin', 'ymax', 'xmax')
}


def is_there(directory: str) -> bool:
  """Whether there are such files in a folder."""
  return any(shards.is_there(directory, split) for split in _SPLITS.values())


def load(
  data_dir: str,
  image_size: int,
  *,
  background_class: bool = True,
  seed: int = 0,
  augment: bool = True,
  bad: BadExamples | None = None,
) -> ImageDataset:
  """ImageNet, or other images in its form, from TFRecords.

  Args:
    data_dir: of the files.
    image_size: height and width of what the network gets.
    background_class: label 0 is a class, though no image has it, so there are
      1001; else there are 1000, and labels are one less than in the records.
    seed: of the order and the augmentation of training.
    augment: train on a random part of each image, mirrored or not.
    bad: counts the records that cannot be used. Where it allows any, each is
      read and decoded once before all else.

  Raises:
    DataError: files are missing, damaged or hold something else, or too many
      records cannot be used.
  """
  files = _find_all(data_dir)
  preprocess = imagenet_preprocessing.preprocess
  evaluation_image = functools.partial(
    imagenet_preprocessing.evaluation_image, size=image_size
  )
  first_label = 0 if background_class else 1
  num_classes = 1001 - first_label

  def parse(record):
    encoded, label, boxes = parse_example_proto(record)
    return encoded, _known(label - first_label, num_classes), boxes

  @tf.function
  def use(record):
    encoded, label, _ = parse(record)
    image = image_decoding.decode(encoded, imagenet_preprocessing.NUM_CHANNELS)
    return tf.size(image), label

  bad = bad or BadExamples()
  parts = _usable(files, use, bad) if bad.are_allowed else _whole(files)
  counts = {
    split: _num_images(split, of_split) for split, of_split in parts.items()
  }

  def example(position, record, is_training):
    encoded, label, boxes = parse(record)
    if is_training and augment:
      image = imagenet_preprocessing.training_image(
        encoded, boxes, image_size, tf.stack([seed, position])
      )
    else:
      image = evaluation_image(encoded)
    return image, label

  def input_fn(is_training, batch_size, *, start_step=0, input_context=None):
    context = input_context or tf.distribute.InputContext()
    ours = parts['train' if is_training else 'test']
    ours = ours[context.input_pipeline_id :: context.num_input_pipelines]
    if is_training:
      _, local = positions.first_replica(context)
      size = counts['train']
      if context.num_input_pipelines > 1:
        size = _size_of_share(ours, data_dir)
      start = start_step * local * batch_size
      records = _training_records(ours, size, seed, start)
    else:
      start, records = 0, tfrecords.read(ours)
    return (
      records
      .enumerate(start)
      .map(
        functools.partial(example, is_training=is_training), tf.data.AUTOTUNE
      )
      .batch(batch_size)
      .map(lambda images, labels: (preprocess(images), labels))
      .prefetch(tf.data.AUTOTUNE)
    )

  return ImageDataset(
    name=os.path.basename(os.path.abspath(data_dir)),
    image_shape=(image_size, image_size, imagenet_preprocessing.NUM_CHANNELS),
    num_classes=num_classes,
    num_images=counts,
    input_fn=input_fn,
    preprocess=preprocess,
    class_names=tuple(
      str(label) for label in range(first_label, first_label + num_classes)
    ),
    decode=evaluation_image,
    check=lambda: _usable(files, use, BadExamples()),
  )


def stand_in(image_size: int, background_class: bool) -> ImageDataset:
  """ImageNet's shapes and counts with synthetic images."""
  return synthetic.stand_in(
    'ImageNet',
    (image_size, image_size, imagenet_preprocessing.NUM_CHANNELS),
    1001 if background_class else 1000,
    {
      'train': _NUM_IMAGES['train', 1024],
      'test': _NUM_IMAGES['validation', 128],
    },
    imagenet_preprocessing.preprocess,
  )


def parse_example_proto(
  record: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """A serialized tf.train.Example -> image, label, boxes.

  Returns:
    The encoded image, string []; its label, int32 []; the boxes of its
    objects, float32 [1, n, 4] (ymin, xmin, ymax, xmax), 0 to 1.
  """
  parsed = tf.io.parse_single_example(record, _FEATURES)
  edges = [
    tf.sparse.to_dense(parsed[f'image/object/bbox/{edge}'])
    for edge in ('ymin', 'xmin', 'ymax', 'xmax')
  ]
  label = tf.cast(parsed['image/class/label'], tf.int32)
  boxes = tf.stack(edges, axis=-1)[tf.newaxis]
  return parsed['image/encoded'], label, boxes


def _find_all(data_dir: str) -> dict[str, list[str]]:
  """The files of `'train'` and `'test'`, none of them empty or missing."""
  files = {
    split: shards.find(data_dir, name) for split, name in _SPLITS.items()
  }
  for split, paths in files.items():
    if not paths:
      raise DataError(
        f'{found.shown(data_dir)} holds no TFRecords of the {split} split, '
        f'{_SPLITS[split]}-00000-of-...'
      )
  used = [path for paths in files.values() for path in paths]
  for path in used:
    if not os.path.isfile(path):  # To read a pipe would wait for ever.
      raise DataError(f'{path} is not a file')
    if not os.path.getsize(path):
      raise DataError(f'{path} is empty')
  found.tell(data_dir, len(used), found.others(data_dir, used))
  for paths in files.values():
    _check_first_record(paths[0])
  return files


def _known(label: tf.Tensor, num_classes: int) -> tf.Tensor:
  check = tf.debugging.Assert(
    (label >= 0) & (label < num_classes),
    [f'a label is not 0 to {num_classes - 1}:', label],
  )
  with tf.control_dependencies([check]):
    return tf.identity(label)


def _num_images(split: str, parts: list[tfrecords.Part]) -> int:
  """As the names of ImageNet's whole files tell, or counted."""
  name = _SPLITS[split]
  known = _NUM_IMAGES.get((name, len(parts)))
  if (
    known
    and all(part.count < 0 for part in parts)
    and _count(parts[0]) in _FIRST_FILE[name]
  ):
    return known
  return sum(map(_count, parts))


def _size_of_share(parts: list[tfrecords.Part], data_dir: str) -> int:
  """Records of one worker's share of the files."""
  if not parts:
    raise DataError(
      f'{data_dir} has fewer training files than there are workers, each of '
      'which needs one'
    )
  return sum(map(_count, parts))


def _whole(files: dict[str, list[str]]) -> dict[str, list[tfrecords.Part]]:
  return {
    split: [tfrecords.Part(path) for path in paths]
    for split, paths in files.items()
  }


def _usable(
  files: dict[str, list[str]],
  use: Callable[[tf.Tensor], Any],
  bad: BadExamples,
) -> dict[str, list[tfrecords.Part]]:
  """The files without the records that cannot be used."""
  parts: dict[str, list[tfrecords.Part]] = {split: [] for split in files}
  for split, paths in files.items():
    for path in paths:
      of_file, reasons = tfrecords.usable(path, use)
      bad.leave_out(f'{path} record {i}: {why}' for i, why in reasons.items())
      parts[split] += of_file
  return parts


def _count(part: tfrecords.Part) -> int:
  return part.count if part.count >= 0 else tfrecords.count_records(part.path)


def _training_records(
  parts: list[tfrecords.Part], size: int, seed: int, start: int
) -> tf.data.Dataset:
  """Records without end, from position `start` on."""
  tensors = next(iter(tfrecords.table(parts).batch(len(parts))))

  def epoch(number):
    first = number * len(parts)
    order = positions.shuffled_index(
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
    return records.shuffle(
      _SHUFFLE_BUFFER, seed + number, reshuffle_each_iteration=False
    )

  epochs = tf.data.Dataset.range(start // size, tf.int64.max)
  return epochs.flat_map(epoch).skip(start % size)


def _check_first_record(path: str) -> None:
  try:
    record = next(iter(tf.data.TFRecordDataset(path).take(1)), None)
    if record is None:
      raise DataError(f'{path} holds no records')
    tf.io.parse_single_example(record, _FEATURES)
  except tf.errors.OpError as e:
    wanted = 'image/encoded and image/class/label'
    raise DataError(
      f'{path}: the first record is not an image ({wanted}): {e.message}'
    ) from e
