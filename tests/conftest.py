"""Two logical CPU devices for every test, and the fixtures of several tests."""

import functools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from absl import flags
from absl.testing import flagsaver

from official.datasets import mnist
from official.flags import parsing
from official.flags.invocation import own_flags
from resnet import mnist_main

ROOT = pathlib.Path(__file__).parent.parent


def pytest_configure():
  cpu = tf.config.list_physical_devices('CPU')[0]
  two = [tf.config.LogicalDeviceConfiguration()] * 2
  tf.config.set_logical_device_configuration(cpu, two)


def run_command(*args, cwd=ROOT, **kwargs):
  """Runs `python ARGS...` of the project in another process and folder."""
  return subprocess.run(
    [sys.executable, *map(str, args)],
    cwd=cwd,
    env=os.environ | {'PYTHONPATH': str(ROOT)},
    capture_output=True,
    text=True,
    **kwargs,
  )


@pytest.fixture
def run():
  """See `run_command`."""
  return run_command


@pytest.fixture(scope='session')
def mnist_folder(tmp_path_factory):
  """512 + 256 real MNIST images in IDX files, for runs that take seconds."""
  folder = tmp_path_factory.mktemp('small_mnist')
  arrays = mnist.read(None)
  for split, count, prefix in (('train', 512, 'train'), ('test', 256, 't10k')):
    for kind, dimensions in (('images', 3), ('labels', 1)):
      array = arrays[split, kind][:count]
      path = folder / f'{prefix}-{kind}-idx{dimensions}-ubyte'
      path.write_bytes(idx_bytes(array))
  return folder


@pytest.fixture(scope='session')
def tfds_folder(tmp_path_factory):
  """Real MNIST images as a prepared set of TensorFlow Datasets.

  They are made once: their class can be registered only once in a process.
  """
  import tensorflow_datasets

  folder = tmp_path_factory.mktemp('tfds')
  arrays = mnist.read(None)

  class Digits(tensorflow_datasets.core.GeneratorBasedBuilder):
    VERSION = tensorflow_datasets.core.Version('1.0.0')

    def _info(self):
      features = tensorflow_datasets.features
      return self.dataset_info_from_configs(
        features=features.FeaturesDict({
          'image': features.Image(shape=(28, 28, 1)),
          'label': features.ClassLabel(names=[f'digit {i}' for i in range(10)]),
        })
      )

    def _split_generators(self, dl_manager):
      return {
        'train': self._examples('train', 300),
        'validation': self._examples('test', 100),
      }

    def _generate_examples(self):
      raise NotImplementedError

    def _examples(self, split, count):
      for i in range(count):
        yield (
          i,
          {
            'image': arrays[split, 'images'][i][..., None],
            'label': int(arrays[split, 'labels'][i]),
          },
        )

  Digits(data_dir=str(folder)).download_and_prepare()
  return folder / 'digits' / '1.0.0'


# 512 training images are 8 steps per epoch.
SMALL = ('--resnet_size=8', '--batch_size=64', '--train_epochs=2')


@pytest.fixture(scope='session')
def command(mnist_folder):
  """Makes command lines of the MNIST main on the images of `mnist_folder`."""

  def command(*args):
    main = [sys.executable, '-m', 'resnet.mnist_main']
    return [*main, f'--data_dir={mnist_folder}', *map(str, args)]

  return command


@pytest.fixture(scope='session')
def call(command, tmp_path_factory):
  """Runs such a command line in another process and folder."""

  def call(*args, cwd=None):
    return subprocess.run(
      command(*args),
      cwd=cwd or tmp_path_factory.mktemp('cwd'),
      env=os.environ | {'PYTHONPATH': str(ROOT)},
      capture_output=True,
      text=True,
      timeout=120,
    )

  return call


@pytest.fixture(scope='session')
def finished(call, tmp_path_factory):
  """A finished run with all files that a run can write.

  Returns its folder, its arguments and the result of its process. It is shared:
  a test that changes the folder has to copy it first.
  """
  folder = tmp_path_factory.mktemp('finished')
  args = [*SMALL, f'--model_dir={folder}/run', '--log_steps=4']
  result = call(
    *args,
    f'--export_dir={folder}/exports',
    '--save_predictions',
    '--summaries=graph,images,filters,hparams,histograms',
  )
  assert result.returncode == 0, result.stderr
  return folder, args, result


def idx_bytes(array):
  """The bytes of an IDX file of unsigned bytes, by the format's definition."""
  header = bytes([0, 0, 8, array.ndim])
  header += b''.join(int(n).to_bytes(4, 'big') for n in array.shape)
  return header + array.astype(np.uint8).tobytes()


@functools.cache
def define_flags():
  mnist_main.define_flags()


@pytest.fixture
def parse():
  """Parses flags of the MNIST main; afterwards they are restored."""
  define_flags()
  saved = flagsaver.save_flag_values()

  def parse(*args):
    for flag in own_flags(flags.FLAGS):
      flag.unparse()  # Forgets an earlier command line.
    parsing.parse(['main', *args])
    return flags.FLAGS

  yield parse
  flagsaver.restore_flag_values(saved)
