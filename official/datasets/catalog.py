"""Loads the data set that the flags ask for."""

import os
from typing import Any

from official import flags
from official.datasets import (
  cifar10,
  image_folder,
  imagenet,
  mnist,
  synthetic,
  tfds,
)
from official.datasets.bad_examples import BadExamples
from official.datasets.files import idx
from official.datasets.files.names import first_few
from official.datasets.image_dataset import ImageDataset
from official.datasets.preprocessing import CIFAR, MNIST, Preprocessing
from official.errors import UsageError
from official.flags import SettingsForPhotographs, SettingsForSmallImages

_CIFAR10_COMMAND = 'python -m official.datasets.cifar10_download_and_extract'


def load_mnist(flags_obj: Any) -> ImageDataset:
  """Loads the data of a main for MNIST; by default, the embedded MNIST.

  A folder may hold IDX files, gzipped or not, CIFAR-10's binary files, folders
  of images, or one prepared version of a set of TensorFlow Datasets.

  Args:
    flags_obj: The settings, or the parsed flags.

  Raises:
    UsageError: There is no such folder, or it holds no known kind of data.
    DataError: A file of the data set is damaged.
  """
  return _load_in_memory(SettingsForSmallImages.of(flags_obj), MNIST)


def load_cifar10(flags_obj: Any) -> ImageDataset:
  """Loads the data of a main for CIFAR-10; see `load_mnist` for the folders.

  Args:
    flags_obj: The settings, or the parsed flags.

  Raises:
    UsageError: No data are given, or the folder holds no known kind of data.
    DataError: A file of the data set is damaged.
  """
  settings = SettingsForSmallImages.of(flags_obj)
  if settings.dataset is None and settings.data_dir is None:
    if settings.use_synthetic_data:
      return synthetic.stand_in(
        'CIFAR-10',
        (cifar10.HEIGHT, cifar10.WIDTH, cifar10.NUM_CHANNELS),
        len(cifar10.CLASS_NAMES),
        cifar10.NUM_IMAGES,
        CIFAR.normalize,
      )
    raise UsageError(
      '--data_dir must name the folder of CIFAR-10; to get it: '
      f'{_CIFAR10_COMMAND} --data_dir cifar10_data'
    )
  return _load_in_memory(settings, CIFAR)


def load_imagenet(flags_obj: Any) -> ImageDataset:
  """Loads the data of a main for photographs: TFRecords or folders of images.

  Args:
    flags_obj: The settings, or the parsed flags.

  Raises:
    UsageError: No data are given, or the folder holds no known kind of data.
    DataError: A file of the data set is damaged.
  """
  settings = SettingsForPhotographs.of(flags_obj)
  data_dir, size = settings.data_dir, settings.image_size
  if data_dir is None and settings.use_synthetic_data:
    return imagenet.stand_in(size, settings.background_class)
  if data_dir is None:
    raise UsageError(
      '--data_dir must name a folder of TFRecords (train-00000-of-01024, ..., '
      'validation-00000-of-00128, ...) or of images (train/cat/1.jpg)'
    )
  flags.require_directory('data_dir', data_dir)
  options: dict[str, Any] = {
    'seed': settings.seed,
    'augment': settings.augment,
    'bad': BadExamples(settings.max_bad_examples),
  }
  if imagenet.is_imagenet_folder(data_dir):
    return imagenet.load(
      data_dir, size, background_class=settings.background_class, **options
    )
  if settings.is_given('background_class'):
    raise UsageError('--background_class has a meaning with TFRecords only')
  if image_folder.is_image_folder(data_dir):
    return image_folder.load(data_dir, size, **options)
  raise _unknown(data_dir, 'TFRecords (train-00000-of-01024)')


def _load_in_memory(
  settings: SettingsForSmallImages, preprocessing: Preprocessing
) -> ImageDataset:
  """Loads the set that `--dataset` names, or what `--data_dir` holds."""
  name, data_dir = settings.dataset, settings.data_dir
  options: dict[str, Any] = {
    'seed': settings.seed,
    'augment': settings.augment,
    'held_out': settings.held_out_images,
    'preprocessing': preprocessing,
    'bad': BadExamples(settings.max_bad_examples),
  }
  if data_dir is not None:
    flags.require_directory('data_dir', data_dir)
  if name is not None:
    return tfds.load(name, data_dir, **options)
  if data_dir is None or idx.find(data_dir):
    return mnist.load(data_dir, **options)
  cifar10_dir = cifar10.find(data_dir)
  if cifar10_dir:
    return cifar10.load(cifar10_dir, above=data_dir, **options)
  if tfds.is_tfds_folder(data_dir):
    return tfds.load(None, data_dir, **options)
  if image_folder.is_image_folder(data_dir):
    return image_folder.load_in_memory(
      data_dir, preprocessing.image_size, **options
    )
  raise _unknown(
    data_dir,
    'IDX files (train-images-idx3-ubyte, ..., .gz or not), CIFAR-10 '
    '(data_batch_1.bin), a set of TensorFlow Datasets (dataset_info.json)',
  )


def _unknown(data_dir: str, formats: str) -> UsageError:
  names = first_few(sorted(os.listdir(data_dir))) or 'nothing'
  return UsageError(
    f'--data_dir {data_dir} must hold {formats} or folders of images '
    f'(train/cat/1.jpg), found: {names}'
  )
