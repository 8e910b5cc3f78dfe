"""Trains several networks alike, with several seeds, and reports on them.

python -m official.experiment --preset report --seeds 1,2,3

Each run is a folder in OUT/runs, the report is OUT/report.html. The same
command again goes on: finished runs are not trained again. The presets:

report  AlexNet 5 and 10 epochs, ResNet-18 1, 3 and 6, GoogLeNet 3; about an
        hour a seed on 2 CPU cores.
short   all three networks for 3 epochs, ResNet-18 for 1 too; about 25 minutes
        a seed.
quick   ResNet-8 and ResNet-18 for an epoch; 2 minutes a seed.
"""

import contextlib
import dataclasses
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

from absl import flags

from official import cli
from official.errors import DataError, UserError
from official.flags import checks, paths
from official.report import writing
from official.report.language import LANGUAGES
from official.run import folder as run_folder
from official.run import rerun


@dataclasses.dataclass(frozen=True)
class Training:
  """A network and how long to train it.

  Attributes:
    name: for the folder of its runs.
    command: the main and its flags.
    epochs: of training.
    epoch_seconds: on 2 CPU cores, roughly; to tell the time left.
  """

  name: str
  command: tuple[str, ...]
  epochs: int
  epoch_seconds: float


def _resnet(size: int, epochs: int) -> Training:
  command = ('resnet.mnist_main', f'--resnet_size={size}')
  seconds = {8: 30, 18: 50}[size]
  return Training(f'resnet-{size}', command, epochs, seconds)


def _alexnet(epochs: int) -> Training:
  return Training('alexnet', ('alexnet.mnist_main',), epochs, 100)


def _googlenet(epochs: int) -> Training:
  return Training('googlenet', ('googlenet.mnist_main',), epochs, 220)


PRESETS = {
  'report': (
    *(_resnet(18, epochs) for epochs in (1, 3, 6)),
    *(_alexnet(epochs) for epochs in (5, 10)),
    _googlenet(3),
  ),
  'short': (_resnet(18, 1), _resnet(18, 3), _alexnet(3), _googlenet(3)),
  'quick': (_resnet(8, 1), _resnet(18, 1)),
}


def define_flags() -> None:
  """The flags of this command."""
  flags.DEFINE_enum('preset', 'report', list(PRESETS), 'What to train.')
  flags.DEFINE_list(
    'seeds', ['1'], 'Each trains everything once; three give intervals.'
  )
  paths.define('out', 'experiment', 'Folder of the runs and the report.')
  paths.define(
    'data_dir', None, 'Folder of IDX files; the embedded MNIST without it.'
  )
  flags.DEFINE_enum('lang', 'en', LANGUAGES, 'Language: English or Chinese.')
  checks.check('seeds', _are_seeds)


def _are_seeds(values: list[str]) -> bool:
  for value in values:
    if not value.isdecimal() or int(value) >= 2**31:
      raise flags.ValidationError(
        f'--seeds must be whole numbers from 0 to {2**31 - 1}, given: {value}'
      )
  if not values or len(set(map(int, values))) < len(values):
    raise flags.ValidationError(
      f'--seeds must name one or more, none twice, given: {",".join(values)}'
    )
  return True


def main() -> None:
  """Trains what is not trained yet, then writes the report."""
  flags_obj = flags.FLAGS
  writing.check_installed()
  run_folder.check_writable('out', flags_obj.out)
  # A seed at a time, so that a report can be had before all of them are done.
  todo = [
    (training, int(seed))
    for seed in flags_obj.seeds
    for training in PRESETS[flags_obj.preset]
  ]
  folders = [_folder(*one) for one in todo]
  clock = _Clock(todo)
  for number, ((training, seed), folder) in enumerate(
    zip(todo, folders, strict=True), start=1
  ):
    said = f'[{number}/{len(todo)}] {os.path.basename(folder)}'
    if _is_finished(folder, training.epochs):
      print(f'{said}: done before', flush=True)
      clock.skip(training)
      continue
    print(f'{said}  {clock.left()}', flush=True)
    with clock.measure(training):
      _train(training, seed, folder)
  writing.write(folders, flags_obj.out, flags_obj.lang)


def _folder(training: Training, seed: int) -> str:
  name = f'{training.name}-{training.epochs}-epochs-seed-{seed}'
  return os.path.join(flags.FLAGS.out, 'runs', name)


def _is_finished(folder: str, epochs: int) -> bool:
  """Whether its last evaluation was after the last epoch, of these data."""
  from official.report import runs

  try:
    run = runs.load(folder)
    is_same_data = run.config.get('data_dir') == flags.FLAGS.data_dir
    return is_same_data and run.last.epoch >= epochs
  except DataError:
    return False


def _train(training: Training, seed: int, folder: str) -> None:
  """Runs the main in a process of its own.

  Raises:
    UserError: it ends with an error, which it has told.
    KeyboardInterrupt: a signal came; the run has been saved.
  """
  command = [
    *('-m', *training.command),
    f'--train_epochs={training.epochs}',
    f'--seed={seed}',
    f'--model_dir={folder}',
    '--save_predictions',
  ]
  if flags.FLAGS.data_dir:
    command.append(f'--data_dir={flags.FLAGS.data_dir}')
  process = subprocess.Popen(
    [sys.executable, *command],
    env=os.environ | {'PYTHONPATH': rerun.python_path()},
    # So that a signal comes to it once, from here: a second one would end it
    # before it has saved.
    process_group=0,
  )
  try:
    code = process.wait()
  except KeyboardInterrupt:
    process.send_signal(signal.SIGTERM)
    process.wait()
    raise
  if code == 128 + signal.SIGPIPE:
    raise BrokenPipeError  # `| head` has seen enough of this command too.
  if code:
    raise UserError(
      f'{shlex.join(["python", *command])} ended with exit code {code}; when '
      'what it says is mended, the same experiment goes on from there'
    )


class _Clock:
  """Tells the time left from the time that was taken so far."""

  def __init__(self, todo: list[tuple[Training, int]]):
    self._left = sum(_expected(training) for training, _ in todo)
    self._expected = self._taken = 0.0

  def skip(self, training: Training) -> None:
    """It need not be trained."""
    self._left -= _expected(training)

  @contextlib.contextmanager
  def measure(self, training: Training) -> Iterator[None]:
    """Within it the network is trained."""
    start = time.monotonic()
    yield
    self._taken += time.monotonic() - start
    self._expected += _expected(training)
    self.skip(training)

  def left(self) -> str:
    """`about 42m left`."""
    pace = self._taken / self._expected if self._expected else 1.0
    from official.run import progress  # It imports TensorFlow.

    return f'about {progress.duration(self._left * pace)} left'


def _expected(training: Training) -> float:
  return training.epochs * training.epoch_seconds


def run() -> None:
  """The command."""
  define_flags()
  cli.run(main)


if __name__ == '__main__':
  run()
