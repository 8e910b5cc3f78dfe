"""Input pipelines alone: images a second that could be trained on."""

import os
import tempfile
import time

from benchmarks import command, turns
from official import environment

environment.configure()

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from official.datasets import (  # noqa: E402
  image_folder,
  imagenet,
  in_memory,
  mnist,
  preprocessing,
)
from official.estimator import inputs  # noqa: E402

_BATCH = 128
_PHOTOGRAPHS = 512
_PHOTOGRAPH_SHAPE = (375, 500, 3)


def _cifar() -> object:
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


def _photographs(folder: str) -> tuple[object, object]:
  """JPEGs of the usual size, smooth as photographs are.

  Returns:
    Them as TFRecords and as a folder a class.
  """
  random = np.random.RandomState(0)
  for name in ('train', 'validation'):
    path = os.path.join(folder, f'{name}-00000-of-00001')
    with tf.io.TFRecordWriter(path) as writer:
      for label in range(_PHOTOGRAPHS):
        small = tf.constant(random.randint(0, 256, [24, 32, 3], np.uint8))
        image = tf.image.resize(small, _PHOTOGRAPH_SHAPE[:2], 'bicubic')
        image += random.randn(*_PHOTOGRAPH_SHAPE) * 6
        image = tf.cast(tf.clip_by_value(image, 0, 255), tf.uint8)
        encoded = tf.io.encode_jpeg(image).numpy()
        writer.write(_example(encoded, label % 1000))
        of_class = os.path.join(folder, 'files', name, str(label % 10))
        os.makedirs(of_class, exist_ok=True)
        with open(os.path.join(of_class, f'{label}.jpg'), 'wb') as f:
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


def measure(dataset, is_training: bool, batches: int, rounds: int):
  """Images a second of each round, as the Estimator reads them."""
  rates = []
  for _ in range(rounds):
    batched = inputs.make_dataset(
      lambda: dataset.input_fn(is_training, _BATCH), mode='train'
    )
    iterator = iter(batched if is_training else batched.repeat())
    next(iterator)
    start = time.perf_counter()
    for _ in range(batches):
      images, _ = next(iterator)
    rates.append(batches * _BATCH / (time.perf_counter() - start))
  return rates


def main() -> None:
  """The command."""
  args = command.parse(
    __doc__, rounds=5, deterministic='with the ops that a main has on a CPU'
  )
  if args.deterministic:
    tf.random.set_seed(1)
    tf.config.experimental.enable_op_determinism()
  rows = []
  with tempfile.TemporaryDirectory() as folder:
    records, files = _photographs(folder)
    sets = {
      'MNIST, turned, scaled and shifted': (mnist.load(None), 100),
      'CIFAR-10, cropped and mirrored': (_cifar(), 100),
      'JPEG 500x375 to 224, TFRecords': (records, 4),
      'JPEG 500x375 to 224, files': (files, 4),
    }
    for name, (dataset, batches) in sets.items():
      speeds = [
        turns.spread(measure(dataset, is_training, batches, args.rounds))
        for is_training in (True, False)
      ]
      rows.append([name, *speeds])
  header = ['data', 'training, images/s', 'evaluation, images/s']
  print(turns.table(header, rows))


if __name__ == '__main__':
  main()
