"""The output of a run: its start, each evaluation, its end."""

import resource
import shlex
import sys
import time
from typing import Any

from official import estimator as estimator_lib
from official.datasets import synthetic
from official.datasets.image_dataset import ImageDataset
from official.devices import Devices
from official.estimator.hooks.base import HookedEstimator
from official.flags import Settings, effects
from official.flags.invocation import Invocation
from official.run import config, rate_change, tensorboard
from official.run.durations import duration
from official.run.plan import Plan
from official.run.progress import BatchProgressHook, ProgressHook


class Console:
  """Prints the story of a run to standard output, on the chief.

  Args:
    network: The name of the network, for people.
    dataset: The images to train and test on.
    devices: The devices to compute on.
    plan: The steps of the evaluations and of the end.
    settings: The settings of the run.
  """

  def __init__(
    self,
    network: str,
    dataset: ImageDataset,
    devices: Devices,
    plan: Plan,
    settings: Settings,
  ):
    self._network = network
    self._dataset = dataset
    self._devices = devices
    self._plan = plan
    self._settings = settings
    self._start = time.monotonic()
    self._progress: ProgressHook | None = None
    self._has_started = False
    self._export: str | None = None

  def _print(self, line: str) -> None:
    if self._devices.is_chief:
      say(line)

  def training_hooks(self, every_n_steps: int) -> list[estimator_lib.Hook]:
    """Hooks that print the start, and show the training steps on the chief."""
    start = _StartHook(self)
    if not self._devices.is_chief:
      return [start]
    # Kept for the speed that the last lines print.
    self._progress = ProgressHook(
      self._plan.batch_size,
      self._plan.steps_per_epoch,
      self._plan.total_steps,
      every_n_steps,
    )
    return [start, self._progress]

  def evaluation_hooks(self, batches: int) -> list[estimator_lib.Hook]:
    """Hooks that show the batches of an evaluation, on the chief."""
    if not self._devices.is_chief:
      return []
    return [BatchProgressHook(batches, 'evaluating')]

  def starting(self, estimator: HookedEstimator, first_step: int) -> None:
    """Prints the plan of the run, once, although training may start repeatedly.

    Args:
      estimator: The Estimator, which has built the network.
      first_step: The global step from which training goes on.
    """
    if self._has_started:
      return
    self._has_started = True
    if not self._devices.is_chief:
      say(
        f'{self._devices.worker}: {self._devices.description}; the chief, '
        'worker 1, prints what happens'
      )
      return
    say(
      ' · '.join([
        f'{self._network}, {estimator.trainable_parameters:,} parameters',
        f'{self._dataset.name} {_images(self._dataset)}, '
        f'{self._dataset.num_classes} classes',
        self._devices.description,
        f'batch {self._plan.batch_size}',
        self._steps(first_step),
        f'writes to {estimator.model_dir}',
      ])
    )
    invocation = self._settings.invocation
    if invocation is not None and invocation.changed:
      say(f'{invocation.command} {shlex.join(invocation.arguments())}')
    rate_changed = rate_change.line(
      estimator.metrics_log.path,
      first_step,
      estimator.params['learning_rate_fn'],
    )
    if rate_changed:
      say(rate_changed)

  def _steps(self, first_step: int) -> str:
    epochs = f'{self._plan.train_epochs:.2f}'.rstrip('0').rstrip('.')
    plural = '' if epochs == '1' else 's'
    steps = f'{self._plan.total_steps:,} steps ({epochs} epoch{plural})'
    if first_step:
      steps += f', going on from step {first_step:,}'
    return steps

  def nothing_to_train(
    self, estimator: estimator_lib.Estimator, step: int
  ) -> None:
    """Prints why no training follows.

    Args:
      estimator: The Estimator of the run.
      step: The global step of its newest checkpoint.
    """
    total = self._plan.total_steps
    reason = (
      f'already trained to step {step:,} of {total:,}: nothing left to train'
      if total
      else f'evaluating the checkpoint of step {step:,}'
    )
    self._print(f'{self._network} · {estimator.model_dir} · {reason}')

  def past_threshold(self, threshold: float | None) -> None:
    """Prints why training ends early."""
    assert threshold is not None  # Without a threshold nothing stops early.
    self._print(f'stopping: test accuracy has reached {100 * threshold:g} %')

  def halved_rate(self, reason: str) -> None:
    """Prints what `--on_nan restore` does after a loss that is not finite."""
    self._print(f'{reason} Going back to it, with half the rate.')

  def evaluated(self, results: dict[str, Any]) -> None:
    """Prints the line of one evaluation."""
    step = results['global_step']
    images = ''
    # The number of images that were used, which may be less than the data set.
    if 'examples' in results:
      images = f'  ({results["examples"]:,.0f} images)'
    self._print(
      f'epoch {step / self._plan.steps_per_epoch:.2f}  step {step}  '
      f'test accuracy {100 * results["accuracy"]:.2f} %  '
      f'cross-entropy {results["cross_entropy"]:.4f}  '
      f'loss {results["loss"]:.4f}{images}'
    )

  def predicted(self, path: str) -> None:
    """Prints where the predictions of the test images are."""
    self._print(f'predictions written to {path}')

  def exported(self, path: str) -> None:
    """Prints where the SavedModel is."""
    self._export = path
    self._print(f'exported to {path}')

  def finish(self, model_dir: str, results: dict[str, Any]) -> None:
    """Prints the result, the time and memory, and commands to try next.

    Args:
      model_dir: The folder of the run.
      results: The metrics of the last evaluation.
    """
    progress = self._progress
    parts = [f'test accuracy {100 * results["accuracy"]:.2f} %']
    parts.append(duration(time.monotonic() - self._start))
    if progress is not None and progress.seconds:
      speed = progress.images / progress.seconds
      parts.append(f'{speed:,.0f} images/s in training')
    parts.append(f'peak memory {_peak_memory() / 2**30:.1f} GiB')
    self._print(' · '.join(parts))
    self._print('next:')
    for purpose, command in self._next_commands(shlex.quote(model_dir)):
      self._print(f'  {purpose}: {command}')

  def _next_commands(self, model_dir: str) -> list[tuple[str, str]]:
    curves = f'tensorboard --logdir {model_dir}'
    if not tensorboard.is_installed():
      curves = f'pip install tensorboard && {curves}'
    commands = [
      ('draw the curves', curves),
      ('report on it', f'python -m official.report {model_dir}'),
    ]
    if self._export:
      export = shlex.quote(self._export)
      serve = f'python -m official.serve --export_dir {export}'
      commands.append(('try it in a browser', serve))
    elif self._settings.invocation is not None:
      command = self._export_command(self._settings.invocation)
      commands.append(('write a SavedModel', command))
    return commands

  def _export_command(self, invocation: Invocation) -> str:
    arguments = invocation.arguments({*config.OF_ONE_CALL, 'export_only'})
    if 'model_dir' in invocation.changed:
      arguments.append(f'--model_dir={self._settings.model_dir}')
    export = ('--export_only', '--export_dir=exports')
    words = [*effects.acting(arguments, *export), *export]
    return f'{invocation.command} {shlex.join(words)}'


class _StartHook(estimator_lib.Hook):
  """Prints the plan of the run, when the network is built."""

  def __init__(self, console: Console):
    self._console = console

  def begin(self, run: estimator_lib.Run) -> None:
    """See `Hook`."""
    self._console.starting(run.estimator, run.first_step)


def _images(dataset: ImageDataset) -> str:
  """The numbers and the size of the images, as text."""
  height, width, channels = dataset.image_shape
  size = f'{height}x{width}x{channels}'
  if synthetic.is_synthetic(dataset):
    return f'random images {size}'
  counts = dataset.num_images
  return f'{counts["train"]:,} + {counts["test"]:,} images {size}'


def say(line: str) -> None:
  """Prints a line at once, also into a pipe."""
  print(line, flush=True)


def _peak_memory() -> int:
  """The largest memory that this process has held, in bytes."""
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  return peak if sys.platform == 'darwin' else peak * 1024
