"""Images of your own: one folder for each class, `train/cat/1.jpg`.

Beside `train` there is `test` (or `validation`, or `val`) with the same
classes. Where the folders of the classes lie in the data folder itself, every
tenth image of a class is for testing. `files.class_folders` says what is read.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from official import tensorflow_errors
from official.datasets import (
  example_order,
  imagenet_preprocessing,
  in_memory,
  photographs,
)
from official.datasets.bad_examples import BadExamples, find_unusable
from official.datasets.decoding import images as image_decoding
from official.datasets.decoding import resizing
from official.datasets.files import class_folders, inventory
from official.datasets.files.names import printable
from official.datasets.image_dataset import ImageDataset, InputFn
from official.errors import DataError

_CHANNELS = imagenet_preprocessing.NUM_CHANNELS


class _Files(NamedTuple):
  """The images of a split.

  Attributes:
    paths: of the files, as bytes, since a name need not be text.
    labels: int32, one for each path.
  """

  paths: list[bytes]
  labels: np.ndarray


class _Listing(NamedTuple):
  """What a folder holds.

  Attributes:
    files: of `'train'` and `'test'`.
    class_names: the name of each class.
    reasons: why each image that cannot be used by its header is left out.
  """

  files: dict[str, _Files]
  class_names: tuple[str, ...]
  reasons: list[str]


def is_image_folder(directory: str) -> bool:
  """Returns whether there are folders of images in it, or in its `train`."""
  return class_folders.may_hold_images(directory)


def load(
  data_dir: str,
  image_size: int,
  *,
  seed: int = 0,
  augment: bool = True,
  bad: BadExamples | None = None,
) -> ImageDataset:
  """Reads images from their files when they are needed, as those of ImageNet.

  Args:
    data_dir: the folder.
    image_size: height and width of what the network gets.
    seed: of the order and the augmentation of training.
    augment: whether to train on a random part of each image, mirrored or not.
    bad: counts the images that cannot be decoded. Where it allows any, each
      image is decoded once before training starts; None allows none.

  Raises:
    DataError: the splits do not have the same classes, or too many images
      cannot be decoded.
  """
  bad = bad or BadExamples()
  files, class_names, reasons = _list(data_dir, bad)
  if bad.are_allowed:
    files, more = _decodable(files)
    bad.leave_out(reasons + more)
    _check_classes(data_dir, files, class_names)
  decoder = photographs.PhotographDecoder(image_size, seed, augment)
  return ImageDataset(
    name=_name(data_dir),
    image_shape=(image_size, image_size, _CHANNELS),
    num_classes=len(class_names),
    num_images={key: len(split.labels) for key, split in files.items()},
    input_fn=_input_fn(files, decoder),
    preprocess=imagenet_preprocessing.preprocess,
    class_names=class_names,
    decode=decoder.evaluation_image,
    check=lambda: BadExamples().leave_out(_decodable(files)[1]),
  )


def load_in_memory(
  data_dir: str,
  image_size: int,
  *,
  bad: BadExamples | None = None,
  **options: Any,
) -> ImageDataset:
  """Resizes the images once and keeps them, as those of MNIST and CIFAR-10.

  Args:
    data_dir: the folder.
    image_size: height and width to resize to.
    bad: counts the images that cannot be decoded; None allows none.
    **options: see `in_memory.dataset`.

  Raises:
    DataError: the splits do not have the same classes, or too many images
      cannot be decoded.
  """
  bad = bad or BadExamples()
  files, class_names, reasons = _list(data_dir, bad)
  shape = (image_size, image_size, _CHANNELS)
  splits = {}
  for split, (paths, labels) in files.items():
    pixels, is_good = _decode_all(paths, shape, reasons)
    splits[split] = in_memory.Split(pixels[is_good], labels[is_good])
    good = np.flatnonzero(is_good).tolist()
    files[split] = _Files([paths[i] for i in good], labels[is_good])
  bad.leave_out(reasons)
  _check_classes(data_dir, files, class_names)
  return in_memory.dataset(
    _name(data_dir), splits, class_names=class_names, bad=bad, **options
  )


def _input_fn(
  files: Mapping[str, _Files], decoder: photographs.PhotographDecoder
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
    split = files['train' if is_training else 'test']
    size = len(split.paths)
    paths, labels = tf.constant(split.paths), tf.constant(split.labels)

    def training_example(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      index = example_order.shuffled_index(
        position[tf.newaxis], size, decoder.seed
      )[0]
      encoded = tf.io.read_file(paths[index])
      return decoder.training_image(encoded, position), labels[index]

    def evaluation_example(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      encoded = tf.io.read_file(paths[position])
      return decoder.evaluation_image(encoded), labels[position]

    if is_training:
      example = training_example
      positions = example_order.training_positions(
        batch_size, start_step, context
      )
    else:
      example = evaluation_example
      positions = example_order.evaluation_positions(size, batch_size, context)
    examples = positions.map(example, tf.data.AUTOTUNE)
    return photographs.batches(examples, batch_size)

  return input_fn


def _decode_all(
  paths: list[bytes], shape: tuple[int, int, int], reasons: list[str]
) -> tuple[np.ndarray, np.ndarray]:
  """Decodes and resizes the images of a split.

  Args:
    paths: of the images.
    shape: height, width and channels.
    reasons: gets the reason for each image that cannot be decoded.

  Returns:
    The images, uint8 [N, H, W, C], and whether each was decoded, bool [N].
  """
  pixels = np.zeros([len(paths), *shape], np.uint8)
  is_good = np.ones([len(paths)], bool)
  for i, path in enumerate(paths):
    try:
      pixels[i] = resizing.decode_and_resize(shape, tf.io.read_file(path))
    except tf.errors.OpError as e:
      is_good[i] = False
      reasons.append(f'{_printable(path)}: {tensorflow_errors.reason(e)}')
  return pixels, is_good


def _decodable(
  files: Mapping[str, _Files],
) -> tuple[dict[str, _Files], list[str]]:
  """Returns the files that can be decoded, and why each other one cannot."""
  result, descriptions = {}, []
  for split, (paths, labels) in files.items():
    tensor = tf.constant(paths)

    def use(number: tf.Tensor, tensor: tf.Tensor = tensor) -> tf.Tensor:
      return image_decoding.decode(tf.io.read_file(tensor[number]), _CHANNELS)

    reasons = find_unusable(len(paths), use)
    descriptions += [
      f'{_printable(paths[i])}: {reason}' for i, reason in reasons.items()
    ]
    good = [i for i in range(len(paths)) if i not in reasons]
    result[split] = _Files([paths[i] for i in good], labels[good])
  return result, descriptions


def _check_classes(
  data_dir: str, files: Mapping[str, _Files], class_names: tuple[str, ...]
) -> None:
  """Checks that each class still has images without those that are bad.

  Raises:
    DataError: a class has none.
  """
  for split, (_, labels) in files.items():
    for number, name in enumerate(class_names):
      if number not in labels:
        raise DataError(
          f'{printable(data_dir)}: no image of class {name} can be decoded, '
          f'of those to {split} on'
        )


def _printable(path: bytes) -> str:
  return printable(os.fsdecode(path))


def _name(data_dir: str) -> str:
  return printable(os.path.basename(os.path.abspath(data_dir)))


def _list(data_dir: str, bad: BadExamples) -> _Listing:
  """Lists the images of both splits, and logs what else the folder holds.

  Raises:
    DataError: an image cannot be used by its header and none may be left out,
      or see `class_folders.find`.
  """
  folders = class_folders.find(data_dir)
  inventory.warn(
    data_dir, len(folders.used), folders.left_out, folders.unusable
  )
  reasons = [
    f'{printable(path)}: {reason}' for path, reason in folders.unusable.items()
  ]
  if not bad.are_allowed:
    bad.leave_out(reasons, are_all=False)  # None has been decoded yet.
  names = tuple(folders.splits['train'])
  files = {}
  for split, classes in folders.splits.items():
    counts = [len(classes[name]) for name in names]
    files[split] = _Files(
      [os.fsencode(path) for name in names for path in classes[name]],
      np.repeat(np.arange(len(names), dtype=np.int32), counts),
    )
  return _Listing(files, tuple(map(printable, names)), reasons)
