"""Two logical CPU devices for every test, and what several tests share."""

import functools
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from absl.testing import flagsaver

from official import flag_parsing, flags
from official.datasets import mnist
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


def idx_bytes(array):
  """An IDX file of unsigned bytes, written by its definition."""
  header = bytes([0, 0, 8, array.ndim])
  header += b''.join(int(n).to_bytes(4, 'big') for n in array.shape)
  return header + array.astype(np.uint8).tobytes()


@functools.cache
def _define_flags():
  mnist_main.define_flags()


@pytest.fixture
def parse():
  """Parses flags of the MNIST main; all is as it was afterwards."""
  _define_flags()
  saved = flagsaver.save_flag_values()

  def parse(*args):
    flag_parsing.parse(['main', *args])
    return flags.FLAGS

  yield parse
  flagsaver.restore_flag_values(saved)
