"""What a run says: one line at the start, one an evaluation, an ending."""

import resource
import shlex
import sys
import time
from typing import Any

from official import cli
from official import estimator as estimator_lib
from official.datasets import synthetic
from official.datasets.image_dataset import ImageDataset
from official.devices import Devices
from official.flags import effects, parsing
from official.run import config as run_config
from official.run import rate_change, tensorboard
from official.run.durations import duration
from official.run.progress import BatchProgressHook, ProgressHook


class Report:
  """Prints the story of a run to standard output.

  Args:
    network: its name for people.
    dataset: what it trains on.
    devices: what with.
    schedule: a `loop.Schedule`.
    estimator: what runs it.
    flags_obj: the flags of the run.
  """

  def __init__(
    self,
    network: str,
    dataset: ImageDataset,
    devices: Devices,
    schedule: Any,
    estimator: estimator_lib.Estimator,
    flags_obj: Any,
  ):
    self._network = network
    self._dataset = dataset
    self._devices = devices
    self._schedule = schedule
    self.estimator = estimator
    self._flags = flags_obj
    self._start = time.monotonic()
    self._progress: ProgressHook | None = None
    self._said_start = False
    self._export: str | None = None
    self._say = say if devices.is_chief else _say_nothing

  def start_hook(self) -> estimator_lib.Hook:
    """Prints what will happen, once the network is built."""
    return _StartHook(self)

  def progress_hooks(self, every_n_steps: int) -> list[estimator_lib.Hook]:
    """Show the training steps."""
    if not self._devices.is_chief:
      return []
    self._progress = ProgressHook(
      self._schedule.batch_size,
      self._schedule.steps_per_epoch,
      self._schedule.total_steps,
      every_n_steps,
    )
    return [self._progress]

  def evaluation_hooks(self, batches: int) -> list[estimator_lib.Hook]:
    """Show the batches of an evaluation."""
    if not self._devices.is_chief:
      return []
    return [BatchProgressHook(batches, 'evaluating')]

  def starting(self, first_step: int) -> None:
    """What will happen, in one line, before the first step of the whole run."""
    if self._said_start:
      return
    self._said_start = True
    if not self._devices.is_chief:
      say(
        f'{self._devices.worker}: {self._devices.description}; the chief, '
        'worker 1, tells what happens'
      )
      return
    schedule = self._schedule
    epochs = f'{schedule.train_epochs:.2f}'.rstrip('0').rstrip('.')
    plural = '' if epochs == '1' else 's'
    steps = f'{schedule.total_steps:,} steps ({epochs} epoch{plural})'
    if first_step:
      steps += f', going on from step {first_step:,}'
    self._say(
      ' · '.join([
        f'{self._network}, {self.estimator.trainable_parameters:,} parameters',
        f'{self._dataset.name} {_images(self._dataset)}, '
        f'{self._dataset.num_classes} classes',
        self._devices.description,
        f'batch {schedule.batch_size}',
        steps,
        f'writes to {self.estimator.model_dir}',
      ])
    )
    changed = parsing.arguments(self._flags)
    if changed:
      self._say(f'{cli.command()} {shlex.join(changed)}')
    rate_changed = rate_change.line(
      self.estimator.metrics_log.path,
      first_step,
      self.estimator.params['learning_rate_fn'],
    )
    if rate_changed:
      self._say(rate_changed)

  def nothing_to_train(self, step: int) -> None:
    """Why no training follows."""
    total = self._schedule.total_steps
    reason = (
      f'already trained to step {step:,} of {total:,}: nothing left to train'
      if total
      else f'evaluating the checkpoint of step {step:,}'
    )
    self._say(f'{self._network} · {self.estimator.model_dir} · {reason}')

  def past_threshold(self, threshold: float) -> None:
    """Why training ends early."""
    self._say(f'stopping: test accuracy has reached {100 * threshold:g} %')

  def halved_rate(self, reason: str) -> None:
    """What becomes of a loss that is no number, with `--on_nan restore`."""
    self._say(f'{reason} Going back to it, with half the rate.')

  def evaluated(self, results: dict[str, Any]) -> None:
    """The line of one evaluation."""
    step = results['global_step']
    images = ''
    if 'examples' in results:  # Not what the data set has, but what was used.
      images = f'  ({results["examples"]:,.0f} images)'
    self._say(
      f'epoch {step / self._schedule.steps_per_epoch:.2f}  step {step}  '
      f'test accuracy {100 * results["accuracy"]:.2f} %  '
      f'cross-entropy {results["cross_entropy"]:.4f}  '
      f'loss {results["loss"]:.4f}{images}'
    )

  def predicted(self, path: str) -> None:
    """Where the predictions of the test images are."""
    self._say(f'predictions written to {path}')

  def exported(self, path: str) -> None:
    """Where the SavedModel is."""
    self._export = path
    self._say(f'exported to {path}')

  def finish(self, results: dict[str, Any]) -> None:
    """The result, what it took, and what to try next."""
    progress = self._progress
    parts = [f'test accuracy {100 * results["accuracy"]:.2f} %']
    parts.append(duration(time.monotonic() - self._start))
    if progress is not None and progress.seconds:
      speed = progress.images / progress.seconds
      parts.append(f'{speed:,.0f} images/s in training')
    parts.append(f'peak memory {_peak_memory() / 2**30:.1f} GiB')
    self._say(' · '.join(parts))
    self._say('next:')
    for purpose, command in self._next_commands():
      self._say(f'  {purpose}: {command}')

  def _next_commands(self) -> list[tuple[str, str]]:
    model_dir = shlex.quote(self.estimator.model_dir)
    curves = f'tensorboard --logdir {model_dir}'
    if not tensorboard.is_installed():
      curves = f'pip install tensorboard && {curves}'
    if self._export:
      serve = (
        'try it in a browser',
        f'python -m official.serve --export_dir {shlex.quote(self._export)}',
      )
    elif parsing.is_command_line(self._flags):
      serve = ('write a SavedModel', self._export_command())
    else:
      serve = None
    report = f'python -m official.report {model_dir}'
    commands = [('draw the curves', curves), ('report on it', report), serve]
    return [command for command in commands if command]

  def _export_command(self) -> str:
    arguments = parsing.arguments(
      self._flags, but=(*run_config.OF_ONE_CALL, 'export_only')
    )
    if self._flags.model_dir:
      arguments.append(f'--model_dir={self._flags.model_dir}')
    export = ('--export_only', '--export_dir=exports')
    words = [*effects.acting(arguments, *export), *export]
    return f'{cli.command()} {shlex.join(words)}'


class _StartHook(estimator_lib.Hook):
  """Says what will happen, when the network is built."""

  def __init__(self, report: Report):
    self._report = report

  def begin(self, run: estimator_lib.Run) -> None:
    """See `Hook`."""
    self._report.starting(run.first_step)


def _images(dataset: ImageDataset) -> str:
  """How many, and of what size."""
  height, width, channels = dataset.image_shape
  size = f'{height}x{width}x{channels}'
  if synthetic.is_synthetic(dataset):
    return f'random images {size}'
  counts = dataset.num_images
  return f'{counts["train"]:,} + {counts["test"]:,} images {size}'


def _say_nothing(line: str) -> None:
  """What a worker says that is not the chief."""


def say(line: str) -> None:
  """Prints a line now, also into a pipe."""
  print(line, flush=True)


def _peak_memory() -> int:
  """Bytes of memory that this process held at most."""
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak if sys.platform == 'darwin' else peak * 1024
