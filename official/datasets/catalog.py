"""Which data set the flags mean."""

import os
from typing import Any

from official import flags
from official.datasets import idx, mnist, tfds
from official.datasets.image_dataset import ImageDataset
from official.errors import UsageError


def load(flags_obj: Any) -> ImageDataset:
  """The set of `--dataset` and `--data_dir`; the embedded MNIST for neither.

  A folder may hold IDX files, gzipped or not, or one prepared version of a set
  of TensorFlow Datasets.

  Raises:
    UsageError: there is no such folder, or nothing known in it.
    DataError: what is there is damaged.
  """
  name, data_dir = flags_obj.dataset, flags_obj.data_dir
  options = {'seed': flags_obj.seed, 'augment': flags_obj.augment}
  if data_dir is not None:
    flags.require_directory('data_dir', data_dir)
  if name is not None:
    return tfds.load(name, data_dir, **options)
  if data_dir is None or idx.find(data_dir):
    return mnist.load(data_dir, **options)
  if tfds.is_tfds_folder(data_dir):
    return tfds.load(None, data_dir, **options)
  found = ', '.join(sorted(os.listdir(data_dir))[:3]) or 'nothing'
  raise UsageError(
    f'--data_dir {data_dir} holds neither IDX files '
    '(train-images-idx3-ubyte, ..., .gz or not) nor a set of TensorFlow '
    f'Datasets (dataset_info.json), but {found}'
  )
