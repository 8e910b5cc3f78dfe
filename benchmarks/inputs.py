"""Input pipelines without networks: the images per second that they deliver."""

import os
import tempfile
import time

import numpy as np
import tensorflow as tf

from benchmarks import command, turns
from official.datasets import (
  image_folder,
  imagenet,
  in_memory,
  mnist,
  preprocessing,
)
from official.datasets.image_dataset import ImageDataset
from official.estimator import inputs

_BATCH_SIZE = 128
_NUM_PHOTOGRAPHS = 512
_PHOTOGRAPH_SHAPE = (375, 500, 3)


def _cifar() -> ImageDataset:
  """Returns random images in the shape and number of CIFAR-10's."""
  random = np.random.RandomState(0)
  splits = {
    split: in_memory.Split(
      random.randint(0, 256, [count, 32, 32, 3], np.uint8),
      random.randint(0, 10, count, np.int32),
    )
    for split, count in (('train', 50_000), ('test', 10_000))
  }
  return in_memory.dataset(
    'CIFAR-10', splits, preprocessing=preprocessing.CIFAR
  )


def _photographs(folder: str) -> tuple[ImageDataset, ImageDataset]:
  """Writes JPEGs of the usual size, which are smooth as photographs are.

  Pure noise would not compress, and would take longer to decode.

  Returns:
    The same images read from TFRecords, and from one folder for each class.
  """
  random = np.random.RandomState(0)
  for name in ('train', 'validation'):
    path = os.path.join(folder, f'{name}-00000-of-00001')
    with tf.io.TFRecordWriter(path) as writer:
      for label in range(_NUM_PHOTOGRAPHS):
        small = tf.constant(random.randint(0, 256, [24, 32, 3], np.uint8))
        image = tf.image.resize(small, _PHOTOGRAPH_SHAPE[:2], 'bicubic')
        image += random.randn(*_PHOTOGRAPH_SHAPE) * 6
        image = tf.cast(tf.clip_by_value(image, 0, 255), tf.uint8)
        encoded = tf.io.encode_jpeg(image).numpy()
        writer.write(_example(encoded, label % 1000))
        class_folder = os.path.join(folder, 'files', name, str(label % 10))
        os.makedirs(class_folder, exist_ok=True)
        with open(os.path.join(class_folder, f'{label}.jpg'), 'wb') as f:
          f.write(encoded)
  files = image_folder.load(os.path.join(folder, 'files'), 224)
  return imagenet.load(folder, 224), files


def _example(encoded: bytes, label: int) -> bytes:
  feature = {
    'image/encoded': tf.train.Feature(
      bytes_list=tf.train.BytesList(value=[encoded])
    ),
    'image/class/label': tf.train.Feature(
      int64_list=tf.train.Int64List(value=[label + 1])
    ),
  }
  features = tf.train.Features(feature=feature)
  return tf.train.Example(features=features).SerializeToString()


def measure(
  dataset: ImageDataset, is_training: bool, batches: int, rounds: int
) -> list[float]:
  """Returns the images per second of each round, as the Estimator reads them.

  Args:
    dataset: The images.
    is_training: Whether to read them as training does, shuffled and augmented.
    batches: The number of batches in a round.
    rounds: The number of rounds. Each round starts a pipeline of its own, and
      the first batch, which fills its buffers, does not count.
  """
  rates = []
  for _ in range(rounds):
    batched = inputs.make_dataset(
      lambda: dataset.input_fn(is_training, _BATCH_SIZE), mode='train'
    )
    iterator = iter(batched if is_training else batched.repeat())
    next(iterator)
    start = time.perf_counter()
    for _ in range(batches):
      images, _ = next(iterator)
    rates.append(batches * _BATCH_SIZE / (time.perf_counter() - start))
  return rates


def main() -> None:
  """Prints one table of all pipelines."""
  args = command.parse(
    __doc__,
    rounds=5,
    deterministic='with deterministic ops, the default of a main on a CPU',
  )
  if args.deterministic:
    tf.random.set_seed(1)
    tf.config.experimental.enable_op_determinism()
  rows = []
  with tempfile.TemporaryDirectory() as folder:
    records, files = _photographs(folder)
    pipelines = {
      'MNIST, rotated, scaled and shifted': (mnist.load(None), 100),
      'CIFAR-10, cropped and flipped': (_cifar(), 100),
      'JPEG 500x375 to 224, TFRecords': (records, 4),
      'JPEG 500x375 to 224, files': (files, 4),
    }
    for name, (dataset, batches) in pipelines.items():
      speeds = [
        turns.spread(measure(dataset, is_training, batches, args.rounds))
        for is_training in (True, False)
      ]
      rows.append([name, *speeds])
  header = ['data', 'training, images/s', 'evaluation, images/s']
  print(turns.table(header, rows))


if __name__ == '__main__':
  main()
