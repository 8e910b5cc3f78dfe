"""Your own images: a folder a class, `train/cat/1.jpg`.

Beside `train` there is `test` (or `validation`, or `val`) with the same
classes. Where the classes' folders lie in the data folder itself, every tenth
image of a class is for testing. `class_folders` tells what is read.
"""

import functools
import os
from typing import Any

import numpy as np
import tensorflow as tf

from official.datasets import (
  class_folders,
  found,
  image_decoding,
  imagenet_preprocessing,
  in_memory,
  positions,
)
from official.datasets.bad_examples import BadExamples, first_line, unusable
from official.datasets.image_dataset import ImageDataset
from official.errors import DataError

# Paths and int32 labels of a split.
_Files = tuple[list[bytes], np.ndarray]


def is_image_folder(directory: str) -> bool:
  """Whether there are folders of images in it, or in its `train`."""
  return class_folders.is_one(directory)


def load(
  data_dir: str,
  image_size: int,
  *,
  seed: int = 0,
  augment: bool = True,
  bad: BadExamples | None = None,
) -> ImageDataset:
  """Images read from their files when they are needed, as ImageNet's are.

  Args:
    data_dir: the folder.
    image_size: height and width of what the network gets.
    seed: of the order and the augmentation of training.
    augment: train on a random part of each image, mirrored or not.
    bad: counts the images that cannot be decoded. Where it allows any, each
      image is decoded once before all else.

  Raises:
    DataError: the splits have not the same classes, or too many images cannot
      be decoded.
  """
  bad = bad or BadExamples()
  files, class_names, reasons = _list(data_dir, bad)
  if bad.are_allowed:
    files, more = _decodable(files)
    bad.leave_out(reasons + more)
    _check_classes(data_dir, files, class_names)
  preprocess = imagenet_preprocessing.preprocess

  def training_example(path, label, position):
    encoded = tf.io.read_file(path)
    if not augment:
      return evaluation_image(encoded), label
    image = imagenet_preprocessing.training_image(
      encoded, tf.zeros([1, 0, 4]), image_size, tf.stack([seed, position])
    )
    return image, label

  def input_fn(is_training, batch_size, *, start_step=0, input_context=None):
    context = input_context or tf.distribute.InputContext()
    paths, labels = map(tf.constant, files['train' if is_training else 'test'])
    if is_training:

      def example(position):
        size = len(files['train'][0])
        index = positions.shuffled_index(position[tf.newaxis], size, seed)[0]
        return training_example(paths[index], labels[index], position)

      numbers = positions.training_positions(batch_size, start_step, context)
    else:

      def example(position):
        encoded = tf.io.read_file(paths[position])
        return evaluation_image(encoded), labels[position]

      numbers = positions.evaluation_positions(
        len(files['test'][0]), batch_size, context
      )
    return (
      numbers
      .map(example, tf.data.AUTOTUNE)
      .batch(batch_size)
      .map(lambda images, labels: (preprocess(images), labels))
      .prefetch(tf.data.AUTOTUNE)
    )

  evaluation_image = functools.partial(
    imagenet_preprocessing.evaluation_image, size=image_size
  )
  return ImageDataset(
    name=_name(data_dir),
    image_shape=(image_size, image_size, 3),
    num_classes=len(class_names),
    num_images={split: len(labels) for split, (_, labels) in files.items()},
    input_fn=input_fn,
    preprocess=preprocess,
    class_names=class_names,
    decode=evaluation_image,
    check=lambda: BadExamples().leave_out(_decodable(files)[1]),
  )


def load_in_memory(
  data_dir: str,
  image_size: int,
  *,
  bad: BadExamples | None = None,
  **options: Any,
) -> ImageDataset:
  """Images resized once and kept, as those of MNIST and CIFAR-10 are.

  Args:
    data_dir: the folder.
    image_size: height and width to resize to.
    bad: counts the images that cannot be decoded; None allows none.
    **options: see `in_memory.dataset`.

  Raises:
    DataError: the splits have not the same classes, or too many images cannot
      be decoded.
  """
  bad = bad or BadExamples()
  files, class_names, reasons = _list(data_dir, bad)
  shape = (image_size, image_size, 3)
  splits = {}
  for split, (paths, labels) in files.items():
    images = np.zeros([len(paths), *shape], np.uint8)
    good = np.ones([len(paths)], bool)
    for i, path in enumerate(paths):
      try:
        images[i] = image_decoding.decode_and_resize(
          shape, tf.io.read_file(path)
        )
      except tf.errors.OpError as e:
        good[i] = False
        reasons.append(f'{_shown(path)}: {first_line(e)}')
    splits[split] = in_memory.Split(images[good], labels[good])
    files[split] = list(np.array(paths, object)[good]), labels[good]
  bad.leave_out(reasons)
  _check_classes(data_dir, files, class_names)
  return in_memory.dataset(
    _name(data_dir), splits, class_names=class_names, bad=bad, **options
  )


def _decodable(
  files: dict[str, _Files],
) -> tuple[dict[str, _Files], list[str]]:
  """The files that can be decoded, and what is wrong with each other one."""
  result, told = {}, []
  for split, (paths, labels) in files.items():
    tensor = tf.constant(paths)

    def use(number, tensor=tensor):
      return image_decoding.decode(tf.io.read_file(tensor[number]), 3)

    reasons = unusable(len(paths), use)
    told += [f'{_shown(paths[i])}: {why}' for i, why in reasons.items()]
    good = [i for i in range(len(paths)) if i not in reasons]
    result[split] = [paths[i] for i in good], labels[good]
  return result, told


def _check_classes(
  data_dir: str, files: dict[str, _Files], class_names: tuple[str, ...]
) -> None:
  """Whether every class has images, when those that are bad are left out."""
  for split, (_, labels) in files.items():
    for number, name in enumerate(class_names):
      if number not in labels:
        raise DataError(
          f'{found.shown(data_dir)}: no image of class {name} can be decoded, '
          f'of those to {split} on'
        )


def _shown(path: bytes) -> str:
  return found.shown(os.fsdecode(path))


def _name(data_dir: str) -> str:
  return found.shown(os.path.basename(os.path.abspath(data_dir)))


def _list(
  data_dir: str, bad: BadExamples
) -> tuple[dict[str, _Files], tuple[str, ...], list[str]]:
  """The files of `'train'` and `'test'`, the names of the classes, and more.

  Tells what else there is.

  Returns:
    Also what is wrong with each image that cannot be used by its header.

  Raises:
    DataError: there are such, and none is allowed; see `class_folders.find`.
  """
  listed = class_folders.find(data_dir)
  found.tell(data_dir, len(listed.used), listed.left_out, listed.unusable)
  reasons = [
    f'{found.shown(path)}: {why}' for path, why in listed.unusable.items()
  ]
  if not bad.are_allowed:
    bad.leave_out(reasons, are_all=False)  # None has been decoded.
  names = tuple(listed.splits['train'])
  files = {
    split: (
      # As bytes: a name need not be text.
      [os.fsencode(path) for name in names for path in classes[name]],
      np.repeat(
        np.arange(len(names), dtype=np.int32),
        [len(classes[name]) for name in names],
      ),
    )
    for split, classes in listed.splits.items()
  }
  return files, tuple(map(found.shown, names)), reasons
