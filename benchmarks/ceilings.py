"""The largest rates of the machine, in float32.

The rates are those of a large matrix product and of large convolutions. With
`--for JOB` the command prints one line for other programs to read: the
operations of a forward pass of that network, and the two rates in GFLOP/s.
"""

import argparse
import statistics
import time
from collections.abc import Callable

import tensorflow as tf

from benchmarks import jobs

_MATRIX_SIZE = 2048
# Images, height and width, channels in and out: those of ResNet-50's second and
# third stage, which are large enough to fill the machine.
_CONVOLUTIONS = ((8, 56, 64, 64), (8, 28, 128, 128))


def matrix_product() -> float:
  """Returns the GFLOP/s of a product of two large square matrices."""
  a = tf.random.normal([_MATRIX_SIZE, _MATRIX_SIZE])
  product = tf.function(lambda: tf.linalg.matmul(a, a))
  return 2 * _MATRIX_SIZE**3 / _median_seconds(product) / 1e9


def convolutions() -> float:
  """Returns the GFLOP/s of large 3x3 convolutions and their two gradients."""
  operations = seconds = 0.0
  for count, size, channels, filters in _CONVOLUTIONS:
    x = tf.random.normal([count, size, size, channels])
    kernel = tf.random.normal([3, 3, channels, filters])

    @tf.function
    def step(
      x: tf.Tensor = x, kernel: tf.Tensor = kernel
    ) -> tuple[tf.Tensor, list[tf.Tensor]]:
      y = tf.nn.conv2d(x, kernel, 1, 'SAME')
      return y, tf.gradients(y, [x, kernel], y)

    operations += 3 * 2 * count * size**2 * 9 * channels * filters
    seconds += _median_seconds(step)
  return operations / seconds / 1e9


def forward_operations(job: jobs.Job) -> int:
  """Returns the multiplications and additions of one image's forward pass.

  A convolution counts as its definition has it: every tap at every position,
  padding included. So an algorithm that computes less can exceed the ceiling.
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


def _median_seconds(work: Callable[[], object], times: int = 9) -> float:
  work()
  seconds = []
  for _ in range(times):
    start = time.perf_counter()
    work()
    seconds.append(time.perf_counter() - start)
  return statistics.median(seconds)


def main() -> None:
  """Prints the rates."""
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
