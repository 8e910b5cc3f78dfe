"""Inference of the project and of its peers, in turns."""

import subprocess
import sys
import tempfile

from benchmarks import command, jobs, turns

_PROJECT = 'benchmarks.sides.project'
_KERAS = 'benchmarks.sides.keras_peer'
_RUNTIMES = 'benchmarks.sides.runtimes'

# The name of a side, its module, and the name of its command.
_WHOLE_CALLS = (('project', _PROJECT), ('Keras', _KERAS))
_ONE_BATCH = (
  ('export, TensorFlow', _PROJECT, 'serve'),
  ('export, TFLite', _RUNTIMES, 'tflite'),
  ('export, ONNX Runtime', _RUNTIMES, 'onnx'),
  ('live model', _PROJECT, 'live'),
  ('Keras model in tf.function', _KERAS, 'call'),
  ('Keras predict', _KERAS, 'predict-array'),
)
_BATCH_SIZES = (1, 64)


def whole_calls(name: str, rounds: int) -> None:
  """Measures whole calls of `evaluate` and `predict`, with their set-up."""
  job = jobs.JOBS[name]
  for word in ('evaluate', 'predict'):
    sides = [
      turns.Side(side, module, word, name) for side, module in _WHOLE_CALLS
    ]
    results = turns.alternate(sides, job.steps, rounds)
    rows = turns.compare(
      [side.name for side in sides], results, job.batch_size * job.steps
    )
    print(f'{word}, {job.steps} batches of {job.batch_size}:\n')
    print(turns.table(turns.header('images'), rows), end='\n\n', flush=True)


def one_batch(name: str, rounds: int) -> None:
  """Measures repeated predictions of one batch in memory."""
  job = jobs.JOBS[name]
  with tempfile.TemporaryDirectory() as directory:
    export_dir = subprocess.run(
      [sys.executable, '-m', _PROJECT, 'export', name, directory],
      capture_output=True,
      text=True,
      check=True,
    ).stdout.split()[-1]
    for batch_size in _BATCH_SIZES:
      sides = [
        turns.Side(
          side,
          module,
          word,
          name,
          str(batch_size),
          *([export_dir] if side.startswith('export') else []),
        )
        for side, module, word in _ONE_BATCH
      ]
      times = max(job.steps * 5 // batch_size, 2)
      results = turns.alternate(sides, times, rounds)
      names = [side.name for side in sides]
      rows = turns.compare(names, results, batch_size * times)
      for row, turns_of_side in zip(rows, results, strict=True):
        milliseconds = [1000 * turn['wall'] / times for turn in turns_of_side]
        row.insert(1, turns.spread(milliseconds))
      header = turns.header('images')
      header.insert(1, 'ms per batch')
      print(f'batch of {batch_size}:\n')
      print(turns.table(header, rows), end='\n\n', flush=True)


def main() -> None:
  """Prints the tables of each job."""
  args = command.parse(__doc__)
  for name in args.jobs:
    command.print_job(name)
    whole_calls(name, args.rounds)
    one_batch(name, args.rounds)


if __name__ == '__main__':
  main()
