"""The seconds that starting, saving and loading take."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

import tensorflow as tf

from benchmarks import command, jobs, turns
from benchmarks.sides import project

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_JOB = 'resnet18-mnist'
_MAIN = ('-m', 'resnet.mnist_main')
# The name of a command, to the arguments of Python.
_COMMANDS = {
  'python -c pass': ('-c', 'pass'),
  'import tensorflow': ('-c', 'import tensorflow'),
  '--help': (*_MAIN, '--help'),
  'a wrong flag': (*_MAIN, '--resnet_size=x'),
  'one step of ResNet-18, one batch evaluated': (
    *_MAIN,
    '--max_train_steps=1',
    '--use_synthetic_data',
  ),
  'the same by Keras': ('-m', 'benchmarks.sides.keras_peer', 'once', _JOB),
}


def start_up(rounds: int) -> list[list[str]]:
  """Returns rows of a table: a command, and the wall time of its process."""
  rows = []
  for name, arguments in _COMMANDS.items():
    seconds = []
    for _ in range(rounds):
      with tempfile.TemporaryDirectory() as folder:
        # A fresh folder each time, or the second run would have nothing to do.
        more = [f'--model_dir={folder}/run'] if 'ResNet' in name else []
        start = time.perf_counter()
        subprocess.run(
          [sys.executable, *arguments, *more],
          cwd=_ROOT,
          capture_output=True,
          check=False,
        )
        seconds.append(time.perf_counter() - start)
    rows.append([name, turns.spread(seconds)])
  return rows


def checkpoints(name: str, rounds: int) -> list[str]:
  """Returns a row of a table: a network with its slots is saved and read."""
  job = jobs.JOBS[name]
  with tempfile.TemporaryDirectory() as folder:
    estimator = project.trained(job, folder)
    saves, loads = [], []
    for _ in range(rounds):
      start = time.perf_counter()
      prefix = estimator.save_checkpoint()
      saves.append(time.perf_counter() - start)
      size = os.path.getsize(f'{prefix}.data-00000-of-00001')
      start = time.perf_counter()
      reader = tf.train.load_checkpoint(prefix)
      for variable in reader.get_variable_to_shape_map():
        reader.get_tensor(variable)
      loads.append(time.perf_counter() - start)
  return [
    name,
    f'{size / 2**20:.0f} MiB',
    turns.spread(saves),
    f'{size / 2**20 / statistics.median(saves):.0f} MiB/s',
    turns.spread(loads),
  ]


def main() -> None:
  """Prints the two tables."""
  args = command.parse(__doc__, rounds=5)
  print(turns.table(['command', 'seconds'], start_up(args.rounds)))
  print()
  rows = [checkpoints(name, args.rounds) for name in args.jobs]
  header = ['checkpoint', 'size', 'seconds to save', 'rate', 'to read']
  print(turns.table(header, rows))


if __name__ == '__main__':
  main()
