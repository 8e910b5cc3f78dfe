"""Evaluation, prediction and the export against peers, in turns."""

import subprocess
import sys
import tempfile

from benchmarks import command, jobs, turns

_PROJECT = 'benchmarks.sides.project'
_KERAS = 'benchmarks.sides.keras_peer'
_RUNTIMES = 'benchmarks.sides.runtimes'

# Name, module, what the module is told.
_WHOLE_CALLS = (('project', _PROJECT), ('Keras', _KERAS))
_ONE_BATCH = (
  ('export, TensorFlow', _PROJECT, 'serve'),
  ('export, TFLite', _RUNTIMES, 'tflite'),
  ('export, ONNX Runtime', _RUNTIMES, 'onnx'),
  ('live model', _PROJECT, 'live'),
  ('Keras model in tf.function', _KERAS, 'call'),
  ('Keras predict', _KERAS, 'predict-array'),
)
_BATCHES = (1, 64)


def whole_calls(name: str, rounds: int) -> None:
  """`evaluate` and `predict` on many batches, what they set up included."""
  job = jobs.JOBS[name]
  for word in ('evaluate', 'predict'):
    sides = [turns.Side(n, module, word, name) for n, module in _WHOLE_CALLS]
    results = turns.alternate(sides, job.steps, rounds)
    rows = turns.compare(
      [side.name for side in sides], results, job.batch_size * job.steps
    )
    print(f'{word}, {job.steps} batches of {job.batch_size}:\n')
    print(turns.table(turns.header('images'), rows), end='\n\n', flush=True)


def one_batch(name: str, rounds: int) -> None:
  """A batch that is there, again and again."""
  job = jobs.JOBS[name]
  with tempfile.TemporaryDirectory() as directory:
    exported = subprocess.run(
      [sys.executable, '-m', _PROJECT, 'export', name, directory],
      capture_output=True,
      text=True,
      check=True,
    ).stdout.split()[-1]
    for batch in _BATCHES:
      sides = [
        turns.Side(
          side,
          module,
          word,
          name,
          str(batch),
          *([exported] if side.startswith('export') else []),
        )
        for side, module, word in _ONE_BATCH
      ]
      times = max(job.steps * 5 // batch, 2)
      results = turns.alternate(sides, times, rounds)
      names = [side.name for side in sides]
      rows = turns.compare(names, results, batch * times)
      for row, done in zip(rows, results, strict=True):
        milliseconds = [1000 * turn['wall'] / times for turn in done]
        row.insert(1, turns.spread(milliseconds))
      header = turns.header('images')
      header.insert(1, 'ms a batch')
      print(f'batch of {batch}:\n')
      print(turns.table(header, rows), end='\n\n', flush=True)


def main() -> None:
  """The command."""
  args = command.parse(__doc__)
  for name in args.jobs:
    command.say_job(name)
    whole_calls(name, args.rounds)
    one_batch(name, args.rounds)


if __name__ == '__main__':
  main()
