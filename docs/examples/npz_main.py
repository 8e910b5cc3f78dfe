"""Trains ResNet-8 on arrays of a .npz file: data of one's own, in one file."""

import os

import numpy as np
from absl import flags as absl_flags

from official import cli, flags
from official.errors import DataError
from resnet import mnist_main, resnet_flags


def load(path, **options):
  """An `ImageDataset` of `x_train`, `y_train`, `x_test` and `y_test`.

  Images are uint8 [N, H, W] or [N, H, W, C], labels integers [N].
  """
  from official.datasets import in_memory

  try:
    with np.load(path) as file:
      arrays = {name: file[name] for name in file.files}
    splits = {}
    for split in ('train', 'test'):
      images, labels = arrays[f'x_{split}'], arrays[f'y_{split}']
      if images.ndim == 3:
        images = images[..., np.newaxis]
      splits[split] = in_memory.Split(images, labels.astype(np.int32).ravel())
  except (OSError, ValueError, KeyError) as e:
    raise DataError(f'{path} cannot be used: {e}') from e
  name = os.path.basename(path).removesuffix('.npz')
  return in_memory.dataset(name, splits, **options)


def define_flags():
  """The flags of the MNIST main, and the file."""
  mnist_main.define_flags()
  absl_flags.DEFINE_string('npz', 'mnist.npz', 'The file.')
  flags.set_defaults(resnet_size=8)


def main():
  """Settings, network, data set, run loop."""
  from official import devices as devices_lib
  from resnet import learning_rates, resnet_model_fns, resnet_run_loop

  settings = flags.Settings.of(flags.FLAGS, resnet_flags.ResNetSettings)
  network = resnet_model_fns.name_of(settings, 'mnist')
  devices = devices_lib.configure(settings)
  dataset = load(
    settings.extra['npz'], seed=settings.seed, augment=settings.augment
  )
  rate = learning_rates.from_flags(settings, dataset, batch_denom=128)
  resnet_run_loop.resnet_main(
    settings, resnet_model_fns.mnist_model_fn, dataset, network, rate, devices
  )


if __name__ == '__main__':
  define_flags()
  cli.run(main)
