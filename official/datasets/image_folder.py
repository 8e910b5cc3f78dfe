"""Your own images: a folder a class, `train/cat/1.jpg`.

Beside `train` there is `test` (or `validation`, or `val`) with the same
classes. Where the classes' folders lie in the data folder itself, every tenth
image of a class is for testing.
"""

import functools
import os
from typing import Any

import numpy as np
import tensorflow as tf

from official import serving
from official.datasets import (
  image_decoding,
  imagenet_preprocessing,
  in_memory,
  positions,
)
from official.datasets.bad_examples import BadExamples, first_line, unusable
from official.datasets.image_dataset import ImageDataset
from official.errors import DataError

_EXTENSIONS = ('.jpg', '.jpeg', '.png', '.gif', '.bmp')
_TEST_FOLDERS = ('test', 'validation', 'val')
_TEST_EVERY = 10

# Paths and int32 labels of a split.
_Files = tuple[list[str], np.ndarray]


def is_image_folder(directory: str) -> bool:
  """Whether there are folders of images in it, or in its `train`."""
  train = os.path.join(directory, 'train')
  return any(_images_by_class(d) for d in (train, directory))


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
  files, class_names = _list(data_dir)
  bad = bad or BadExamples()
  if bad.are_allowed:
    files = _decodable(files, bad)
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
    check=lambda: _decodable(files, BadExamples()),
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
  files, class_names = _list(data_dir)
  shape = (image_size, image_size, 3)
  splits = {}
  for split, (paths, labels) in files.items():
    images = np.zeros([len(paths), *shape], np.uint8)
    reasons = {}
    for i, path in enumerate(paths):
      try:
        images[i] = serving.decode_and_resize(shape, tf.io.read_file(path))
      except tf.errors.OpError as e:
        reasons[i] = f'{path}: {first_line(e)}'
    bad.leave_out(reasons.values())
    good = np.setdiff1d(np.arange(len(paths)), list(reasons))
    splits[split] = in_memory.Split(images[good], labels[good])
  return in_memory.dataset(
    _name(data_dir), splits, class_names=class_names, bad=bad, **options
  )


def _decodable(files: dict[str, _Files], bad: BadExamples) -> dict[str, _Files]:
  """The files without those that cannot be decoded."""
  result = {}
  for split, (paths, labels) in files.items():
    tensor = tf.constant(paths)

    def use(number, tensor=tensor):
      return image_decoding.decode(tf.io.read_file(tensor[number]), 3)

    reasons = unusable(len(paths), use)
    bad.leave_out(f'{paths[i]}: {reason}' for i, reason in reasons.items())
    good = [i for i in range(len(paths)) if i not in reasons]
    result[split] = [paths[i] for i in good], labels[good]
  return result


def _name(data_dir: str) -> str:
  return os.path.basename(os.path.abspath(data_dir))


def _list(data_dir: str) -> tuple[dict[str, _Files], tuple[str, ...]]:
  """The files of `'train'` and `'test'`, and the names of the classes."""
  train = _images_by_class(os.path.join(data_dir, 'train'))
  if not train:
    every = _images_by_class(data_dir)
    train = {
      name: [p for i, p in enumerate(paths) if (i + 1) % _TEST_EVERY]
      for name, paths in every.items()
    }
    test = {
      name: paths[_TEST_EVERY - 1 :: _TEST_EVERY]
      for name, paths in every.items()
    }
    few = [name for name, paths in test.items() if not paths]
    if few:
      raise DataError(
        f'{data_dir}: class {few[0]} has fewer than {_TEST_EVERY} images, too '
        'few to test on some; add images, or make folders train and test'
      )
  else:
    folders = [os.path.join(data_dir, name) for name in _TEST_FOLDERS]
    test = next((t for t in map(_images_by_class, folders) if t), {})
    if train.keys() != test.keys():
      raise DataError(
        f'{data_dir}: train has the classes {", ".join(train)}, test (or '
        f'validation, or val) {", ".join(test) or "none"}; they must be the '
        'same'
      )
  class_names = tuple(train)
  return {
    split: (
      [path for name in class_names for path in images[name]],
      np.repeat(
        np.arange(len(class_names), dtype=np.int32),
        [len(images[name]) for name in class_names],
      ),
    )
    for split, images in (('train', train), ('test', test))
  }, class_names


def _images_by_class(directory: str) -> dict[str, list[str]]:
  """Class to the paths of its images, both in order of name."""
  if not os.path.isdir(directory):
    return {}
  found = {}
  for name in sorted(os.listdir(directory)):
    folder = os.path.join(directory, name)
    if name.startswith('.') or not os.path.isdir(folder):
      continue
    paths = [
      os.path.join(folder, file)
      for file in sorted(os.listdir(folder))
      if file.lower().endswith(_EXTENSIONS)
    ]
    if paths:
      found[name] = paths
  return found
