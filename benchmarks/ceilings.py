"""The machine's largest rates: a matrix product and convolutions of 32-bit.

With `--for JOB`, prints the operations of a forward pass of that network and
the two rates, in GFLOP/s, for other programs to read.
"""

import argparse
import statistics
import time
from collections.abc import Callable

from official import environment

environment.configure()

import tensorflow as tf  # noqa: E402

from benchmarks import jobs  # noqa: E402

_SIDE = 2048  # of the matrices
# Images, height and width, channels in and out; ResNet-50's second and third
# stage.
_CONVOLUTIONS = ((8, 56, 64, 64), (8, 28, 128, 128))


def matrix_product() -> float:
  """GFLOP/s of a product of two large square matrices."""
  a = tf.random.normal([_SIDE, _SIDE])
  product = tf.function(lambda: tf.linalg.matmul(a, a))
  return 2 * _SIDE**3 / _seconds(product) / 1e9


def convolutions() -> float:
  """GFLOP/s of large 3x3 convolutions and their two gradients."""
  operations = seconds = 0.0
  for count, size, channels, filters in _CONVOLUTIONS:
    x = tf.random.normal([count, size, size, channels])
    kernel = tf.random.normal([3, 3, channels, filters])

    @tf.function
    def step(x=x, kernel=kernel):
      y = tf.nn.conv2d(x, kernel, 1, 'SAME')
      return y, tf.gradients(y, [x, kernel], y)

    operations += 3 * 2 * count * size**2 * 9 * channels * filters
    seconds += _seconds(step)
  return operations / seconds / 1e9


def forward_operations(job: jobs.Job) -> int:
  """Multiplications and additions of an image's forward pass.

  Convolutions are counted as their definition has them, padding too.
  """
  from benchmarks.sides import keras_peer

  total = 0
  for layer in keras_peer.network(job).layers:
    if hasattr(layer, 'kernel'):
      positions = 1
      for size in layer.output.shape[1:-1]:
        positions *= size
      total += 2 * positions * int(tf.size(layer.kernel))
  return total


def _seconds(work: Callable[[], object], times: int = 9) -> float:
  """The median."""
  work()
  seconds = []
  for _ in range(times):
    start = time.perf_counter()
    work()
    seconds.append(time.perf_counter() - start)
  return statistics.median(seconds)


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--for', dest='job', choices=jobs.JOBS)
  job = parser.parse_args().job
  if job:
    print(forward_operations(jobs.JOBS[job]), matrix_product(), convolutions())
  else:
    print(f'matrix product {matrix_product():.0f} GFLOP/s')
    print(f'convolutions {convolutions():.0f} GFLOP/s')


if __name__ == '__main__':
  main()
