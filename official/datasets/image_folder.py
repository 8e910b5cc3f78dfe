"""Images of your own: one folder for each class, `train/cat/1.jpg`.

Beside `train` there is `test` (or `validation`, or `val`) with the same
classes. Where the folders of the classes lie in the data folder itself, every
tenth image of a class is for testing. `files.class_folders` says what is read.
"""

import dataclasses
import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from official.datasets import (
  example_order,
  imagenet_preprocessing,
  in_memory,
  labelled_files,
)
from official.datasets.bad_examples import BadExamples
from official.datasets.files import class_folders
from official.datasets.files.names import printable
from official.datasets.image_dataset import ImageDataset
from official.datasets.labelled_files import LabelledFiles
from official.datasets.photographs import PhotographDecoder, PhotographInput


def is_image_folder(directory: str) -> bool:
  """Returns whether a folder, or its folder `train`, has folders of images."""
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
    data_dir: The folder.
    image_size: Height and width in pixels of the network's input.
    seed: Seed of the order and the augmentation of training.
    augment: Whether to train on a random part of each image, mirrored or not.
    bad: The counter of images that cannot be decoded. Where it allows any, each
      image is decoded once before training starts; None allows none.

  Raises:
    DataError: The splits do not have the same classes, or too many images
      cannot be decoded.
  """
  bad = bad or BadExamples()
  files, class_names, reasons = labelled_files.list_folder(data_dir, bad)
  if bad.are_allowed:
    files, more_reasons = _decodable(files)
    bad.leave_out(reasons + more_reasons)
    labelled_files.check_classes(data_dir, files, class_names)
  decoder = PhotographDecoder(image_size, seed, augment)
  return ImageDataset(
    name=_name(data_dir),
    image_shape=(image_size, image_size, labelled_files.NUM_CHANNELS),
    num_classes=len(class_names),
    num_images={key: len(split.labels) for key, split in files.items()},
    input_fn=_Input(files, decoder),
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
    data_dir: The folder.
    image_size: Height and width in pixels to resize to.
    bad: The counter of images that cannot be decoded; None allows none.
    **options: See `in_memory.dataset`.

  Raises:
    DataError: The splits do not have the same classes, or too many images
      cannot be decoded.
  """
  bad = bad or BadExamples()
  files, class_names, reasons = labelled_files.list_folder(data_dir, bad)
  splits = {}
  for split in files:
    images, files[split], more_reasons = labelled_files.decode_and_resize(
      files[split], image_size
    )
    splits[split] = in_memory.Split(images, files[split].labels)
    reasons += more_reasons
  bad.leave_out(reasons)
  labelled_files.check_classes(data_dir, files, class_names)
  return in_memory.dataset(
    _name(data_dir), splits, class_names=class_names, bad=bad, **options
  )


@dataclasses.dataclass(frozen=True)
class _Input(PhotographInput):
  """The `input_fn` of `ImageDataset`.

  Attributes:
    files: The files of `'train'` and `'test'`.
    decoder: The decoder of the images.
  """

  files: Mapping[str, LabelledFiles]
  decoder: PhotographDecoder

  def _training_examples(
    self,
    batch_size: int,
    start_step: int,
    context: tf.distribute.InputContext,
  ) -> tf.data.Dataset:
    paths, labels = map(tf.constant, self.files['train'])
    size, seed = len(self.files['train'].paths), self.decoder.seed

    def example(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      index = tf.squeeze(
        example_order.shuffled_index(position[tf.newaxis], size, seed)
      )
      encoded = tf.io.read_file(paths[index])
      return self.decoder.training_image(encoded, position), labels[index]

    positions = example_order.training_positions(
      batch_size, start_step, context
    )
    return positions.map(example, tf.data.AUTOTUNE)

  def _evaluation_examples(
    self, batch_size: int, context: tf.distribute.InputContext
  ) -> tf.data.Dataset:
    paths, labels = map(tf.constant, self.files['test'])
    size = len(self.files['test'].paths)

    def example(position: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      encoded = tf.io.read_file(paths[position])
      return self.decoder.evaluation_image(encoded), labels[position]

    positions = example_order.evaluation_positions(size, batch_size, context)
    return positions.map(example, tf.data.AUTOTUNE)


def _decodable(
  files: Mapping[str, LabelledFiles],
) -> tuple[dict[str, LabelledFiles], list[str]]:
  """Returns the files that can be decoded, and the reasons for the others."""
  result, reasons = {}, []
  for split, of_split in files.items():
    result[split], more_reasons = labelled_files.decodable(of_split)
    reasons += more_reasons
  return result, reasons


def _name(data_dir: str) -> str:
  return printable(os.path.basename(os.path.abspath(data_dir)))
