"""Start-up and checkpoints: seconds until something happens, in processes."""

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


def processes(rounds: int) -> list[list[str]]:
  """Rows: a command and its wall time."""
  rows = []
  for name, words in _COMMANDS.items():
    seconds = []
    for _ in range(rounds):
      with tempfile.TemporaryDirectory() as folder:
        more = [f'--model_dir={folder}/run'] if 'ResNet' in name else []
        start = time.perf_counter()
        subprocess.run(
          [sys.executable, *words, *more],
          cwd=_ROOT,
          capture_output=True,
          check=False,
        )
        seconds.append(time.perf_counter() - start)
    rows.append([name, turns.spread(seconds)])
  return rows


def checkpoints(name: str, rounds: int) -> list[str]:
  """A row: save and read a network with its slots."""
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
  """The command."""
  args = command.parse(__doc__, rounds=5)
  print(turns.table(['command', 'seconds'], processes(args.rounds)))
  print()
  rows = [checkpoints(name, args.rounds) for name in args.jobs]
  header = ['checkpoint', 'size', 'seconds to save', 'rate', 'to read']
  print(turns.table(header, rows))


if __name__ == '__main__':
  main()
