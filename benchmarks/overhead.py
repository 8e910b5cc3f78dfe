"""What the run loop costs beside its steps, and whether its memory is constant.

Three epochs with an evaluation each by the MNIST main, in a process of its own;
then 50 evaluations and 50 predictions in this one.
"""

import json
import os
import subprocess
import sys
import tempfile
import time

from benchmarks import jobs
from benchmarks.sides import project

_EPOCHS = 3
_REPEATS = 50
_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def epochs() -> None:
  """Wall time of the run over its pure steps and evaluations."""
  with tempfile.TemporaryDirectory() as folder:
    command = [sys.executable, '-m', 'resnet.mnist_main', '--resnet_size=18']
    command += [f'--train_epochs={_EPOCHS}', f'--model_dir={folder}/run']
    start = time.time()
    subprocess.run(command, cwd=_ROOT, check=True, stdout=subprocess.DEVNULL)
    wall = time.time() - start
    with open(f'{folder}/run/metrics.jsonl', encoding='utf-8') as f:
      rows = [json.loads(line) for line in f]
    size = sum(
      os.path.getsize(os.path.join(folder, 'run', name))
      for name in os.listdir(f'{folder}/run')
      if 'ckpt' in name
    )
  # A step ends where its line was written.
  steps = [
    after['time'] - before['time']
    for before, after in zip(rows, rows[1:], strict=False)
    if before['kind'] == after['kind'] == 'train'
  ]
  pure = sum(steps) * (1 + _EPOCHS / len(steps))  # Each epoch's first, too.
  evaluation, alone = _evaluation_seconds(), rows[0]['time'] - start
  work = pure + _EPOCHS * evaluation
  between = rows[-1]['time'] - rows[0]['time']
  print(
    f'{_EPOCHS} epochs with an evaluation each took {wall:.1f} s: '
    f'{alone:.1f} s to the end of the first step, {pure:.1f} s of steps, '
    f'{_EPOCHS} x {evaluation:.2f} s of evaluation; checkpoints of '
    f'{size / 2**20:.0f} MiB in all'
  )
  print(f'from first step to last evaluation / pure work: {between / work:.3f}')
  print(f'whole wall / pure work: {wall / work:.3f}')


def _evaluation_seconds() -> float:
  """The 10,000 images through the traced evaluation: the best of 3."""
  from official.datasets import mnist

  job = jobs.JOBS['resnet18-mnist']
  dataset = mnist.load(None)
  with tempfile.TemporaryDirectory() as folder:
    estimator = project.trained(job, folder)

    def input_fn():
      return dataset.input_fn(False, job.batch_size)

    seconds = []
    for _ in range(4):  # The first traces.
      start = time.perf_counter()
      estimator.evaluate(input_fn)
      seconds.append(time.perf_counter() - start)
  return min(seconds[1:])


def memory() -> None:
  """Resident memory over many evaluations and predictions; traces."""
  job = jobs.JOBS['resnet18-mnist']
  with tempfile.TemporaryDirectory() as folder:
    estimator = project.trained(job, folder)

    def evaluate():
      estimator.evaluate(lambda: project.input_fn(job, 32), steps=2)

    def predict():
      dataset = project.input_fn(job, 32).take(2)
      for _ in estimator.predict(lambda: dataset):
        pass

    for name, work in (('evaluations', evaluate), ('predictions', predict)):
      for _ in range(5):
        work()
      before = _resident_mib()
      for _ in range(_REPEATS):
        work()
      print(f'{_REPEATS} {name}: {_resident_mib() - before:+.1f} MiB')
    print(f'traces: {estimator.trace_counts}')


def _resident_mib() -> float:
  with open('/proc/self/statm', encoding='utf-8') as f:
    return int(f.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20


if __name__ == '__main__':
  memory()
  epochs()
