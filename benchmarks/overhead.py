"""The cost of the run loop besides its steps.

First 50 evaluations and 50 predictions in this process, to see whether the
memory stays constant. Then the MNIST main in a process of its own: three epochs
with an evaluation after each.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

import tensorflow as tf

from benchmarks import jobs
from benchmarks.sides import project

_NUM_EPOCHS = 3
_NUM_REPEATS = 50
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def measure_epochs() -> None:
  """Prints the wall time of a run over that of its steps and evaluations."""
  with tempfile.TemporaryDirectory() as folder:
    command = [sys.executable, '-m', 'resnet.mnist_main', '--resnet_size=18']
    command += [f'--train_epochs={_NUM_EPOCHS}', f'--model_dir={folder}/run']
    start = time.time()
    subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
    wall = time.time() - start
    with open(f'{folder}/run/metrics.jsonl', encoding='utf-8') as f:
      rows = [json.loads(line) for line in f]
    checkpoint_bytes = sum(
      os.path.getsize(os.path.join(folder, 'run', name))
      for name in os.listdir(f'{folder}/run')
      if 'ckpt' in name
    )
  # The line of a step is written when it ends, so the time between two such
  # lines is that of the second step. One after an evaluation has no such pair.
  step_seconds = [
    after['time'] - before['time']
    for before, after in zip(rows, rows[1:], strict=False)
    if before['kind'] == after['kind'] == 'train'
  ]
  # The first step of each epoch takes as long as the mean of the others.
  steps = sum(step_seconds) * (1 + _NUM_EPOCHS / len(step_seconds))
  evaluation, startup = _evaluation_seconds(), rows[0]['time'] - start
  work = steps + _NUM_EPOCHS * evaluation
  training = rows[-1]['time'] - rows[0]['time']
  print(
    f'{_NUM_EPOCHS} epochs with an evaluation each took {wall:.1f} s: '
    f'{startup:.1f} s to the end of the first step, {steps:.1f} s of steps, '
    f'{_NUM_EPOCHS} x {evaluation:.2f} s of evaluation; checkpoints of '
    f'{checkpoint_bytes / 2**20:.0f} MiB in all'
  )
  print(
    f'from first step to last evaluation / pure work: {training / work:.3f}'
  )
  print(f'whole wall time / pure work: {wall / work:.3f}')


def _evaluation_seconds() -> float:
  """Returns the seconds of an evaluation of 10,000 images: the best of 3."""
  from official.datasets import mnist

  job = jobs.JOBS['resnet18-mnist']
  dataset = mnist.load(None)
  with tempfile.TemporaryDirectory() as folder:
    estimator = project.trained(job, folder)

    def input_fn() -> tf.data.Dataset:
      return dataset.input_fn(False, job.batch_size)

    seconds = []
    for _ in range(4):  # The first one also traces the network.
      start = time.perf_counter()
      estimator.evaluate(input_fn)
      seconds.append(time.perf_counter() - start)
  return min(seconds[1:])


def measure_memory() -> None:
  """Prints how the resident memory grows, and how often a mode was traced."""
  job = jobs.JOBS['resnet18-mnist']
  with tempfile.TemporaryDirectory() as folder:
    estimator = project.trained(job, folder)

    def evaluate() -> None:
      estimator.evaluate(lambda: project.input_fn(job, 32), steps=2)

    def predict() -> None:
      dataset = project.input_fn(job, 32).take(2)
      for _ in estimator.predict(lambda: dataset):
        pass

    for name, work in (('evaluations', evaluate), ('predictions', predict)):
      for _ in range(5):
        work()
      before = _resident_mib()
      for _ in range(_NUM_REPEATS):
        work()
      print(f'{_NUM_REPEATS} {name}: {_resident_mib() - before:+.1f} MiB')
    print(f'traces: {estimator.trace_counts}')


def _resident_mib() -> float:
  with open('/proc/self/statm', encoding='utf-8') as f:
    return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20


if __name__ == '__main__':
  measure_memory()
  measure_epochs()
