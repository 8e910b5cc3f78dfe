"""Trains several networks alike, with several seeds, and reports on them.

python -m official.experiment --preset NAME --seeds 1,2,3

Each run is a folder in OUT/runs, and the report is OUT/report.html. The same
command continues an experiment that was interrupted: finished runs are not
trained again. A preset is a TOML file that says what to train.
"""

import contextlib
import dataclasses
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from absl import flags

from official import cli, output_folders, presets
from official.errors import DataError, UsageError, UserError
from official.flags import checks, paths
from official.presets import Training
from official.report import writing
from official.report.language import LANGUAGES
from official.run import rerun
from official.run.durations import duration


@dataclasses.dataclass(frozen=True)
class PlannedRun:
  """A run of an experiment, whether it has been made or not.

  Attributes:
    training: The network and the number of epochs.
    seed: Seed of the run.
    folder: The `--model_dir` of the run.
    data_dir: The `--data_dir` of the run; None for the main's default.
  """

  training: Training
  seed: int
  folder: str
  data_dir: str | None

  @property
  def expected_seconds(self) -> float:
    """Roughly the seconds that the run takes."""
    return self.training.epochs * self.training.epoch_seconds

  def is_finished(self) -> bool:
    """Whether the run was evaluated after its last epoch, on the same data."""
    # The module imports NumPy; an error in the flags should not wait for it.
    from official.report import runs

    try:
      run = runs.load(self.folder)
    except DataError:
      return False
    is_same_data = run.config.get('data_dir') == self.data_dir
    return is_same_data and run.last.epoch >= self.training.epochs

  def command(self) -> list[str]:
    """The words after `python` that make the run or continue it."""
    words = [
      '-m',
      self.training.main,
      *self.training.flags,
      f'--train_epochs={self.training.epochs}',
      f'--seed={self.seed}',
      f'--model_dir={self.folder}',
      '--save_predictions',
    ]
    if self.data_dir:
      words.append(f'--data_dir={self.data_dir}')
    return words


def define_flags() -> None:
  """Defines the flags of this command."""
  flags.DEFINE_string(
    'preset',
    'report',
    f'What to train: {presets.descriptions()}, or the path of a TOML file.',
  )
  flags.DEFINE_list(
    'seeds', ['1'], 'Each seed trains everything once; three give intervals.'
  )
  paths.define('out', 'experiment', 'Folder of the runs and of the report.')
  paths.define(
    'data_dir', None, 'Folder of IDX files; by default the embedded MNIST.'
  )
  flags.DEFINE_enum('lang', 'en', LANGUAGES, 'English or Chinese.')
  checks.check('preset', _is_preset)
  checks.check('seeds', _are_seeds)


def _is_preset(name_or_path: str) -> bool:
  try:
    presets.load(name_or_path)
  except UsageError as e:
    raise flags.ValidationError(str(e)) from e
  return True


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
  """Makes the runs that are not finished yet, then writes the report."""
  flags_obj = flags.FLAGS
  writing.check_installed()
  output_folders.check_writable('out', flags_obj.out)
  planned_runs = _plan(
    presets.load(flags_obj.preset).trainings,
    [int(seed) for seed in flags_obj.seeds],
    flags_obj.out,
    flags_obj.data_dir,
  )
  remaining_time = _RemainingTime(planned_runs)
  for number, planned_run in enumerate(planned_runs, start=1):
    name = os.path.basename(planned_run.folder)
    progress = f'[{number}/{len(planned_runs)}] {name}'
    if planned_run.is_finished():
      print(f'{progress}: done before', flush=True)
      remaining_time.skip(planned_run)
      continue
    print(f'{progress}  {remaining_time.text()}', flush=True)
    with remaining_time.measuring(planned_run):
      _train(planned_run)
  folders = [planned_run.folder for planned_run in planned_runs]
  writing.write(folders, flags_obj.out, flags_obj.lang)


def _plan(
  trainings: Sequence[Training],
  seeds: Sequence[int],
  out: str,
  data_dir: str | None,
) -> list[PlannedRun]:
  """All runs, in the order of the seeds.

  So a report on the first seeds can be written before the last is trained.
  """
  return [
    PlannedRun(
      training,
      seed,
      os.path.join(
        out, 'runs', f'{training.name}-{training.epochs}-epochs-seed-{seed}'
      ),
      data_dir,
    )
    for seed in seeds
    for training in trainings
  ]


def _train(planned_run: PlannedRun) -> None:
  """Runs the main in a process of its own.

  Raises:
    UserError: The process ended with an error, which it has printed.
    KeyboardInterrupt: A signal came; the run has been saved.
  """
  command = planned_run.command()
  process = subprocess.Popen(
    [sys.executable, *command],
    env=os.environ | {'PYTHONPATH': rerun.python_path()},
    # In a process group of its own it gets a signal once, from here. From the
    # terminal it would get the signal a second time, which ends it before it
    # has saved.
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
      'its error is corrected, the same command continues the experiment'
    )


class _RemainingTime:
  """Estimates the time left from the time that the runs took so far."""

  def __init__(self, planned_runs: Sequence[PlannedRun]):
    self._expected_left = sum(run.expected_seconds for run in planned_runs)
    # Sums over the runs of this process only, whose speed is known.
    self._expected_done = self._seconds_taken = 0.0

  def skip(self, planned_run: PlannedRun) -> None:
    """Leaves out a run that is finished."""
    self._expected_left -= planned_run.expected_seconds

  @contextlib.contextmanager
  def measuring(self, planned_run: PlannedRun) -> Iterator[None]:
    """Measures the time of the run that is made within it."""
    start = time.monotonic()
    yield
    self._seconds_taken += time.monotonic() - start
    self._expected_done += planned_run.expected_seconds
    self._expected_left -= planned_run.expected_seconds

  def text(self) -> str:
    """The time left as text, such as `about 42m left`."""
    slowness = 1.0
    if self._expected_done:
      slowness = self._seconds_taken / self._expected_done
    return f'about {duration(self._expected_left * slowness)} left'


def run() -> None:
  """Runs the command."""
  define_flags()
  cli.run(main, with_tensorflow=False)


if __name__ == '__main__':
  run()
