"""A run as recorded in its folder: its settings and its measurements."""

import dataclasses
import math
import os
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from official.errors import DataError
from official.estimator import checkpoint_listing
from official.estimator.metrics_log import MetricsLog
from official.report import timing
from official.report.timing import Record
from official.run import folder as run_folder
from official.run import parameters

_CURVES = ('loss', 'train_accuracy', 'learning_rate')


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """One evaluation.

  Attributes:
    epoch: Passes over the training images before it.
    seconds: Seconds that the run had worked by its end, without pauses.
    accuracy: Share of the test images that are classified correctly.
    cross_entropy: Mean cross-entropy over the test images.
    examples: Number of test images.
  """

  epoch: float
  seconds: float
  accuracy: float
  cross_entropy: float
  examples: int


@dataclasses.dataclass(frozen=True)
class Curve:
  """A quantity that was measured at each training step.

  Attributes:
    epochs: Passes over the training images up to each step.
    values: The measurements, one for each step; NaN where there is none.
  """

  epochs: list[float]
  values: list[float]


@dataclasses.dataclass(frozen=True)
class Run:
  """A run.

  Attributes:
    folder: The `--model_dir` of the run.
    network: The name of the network, for people.
    dataset: The name of the data set, for people.
    settings: Flags that are not at their defaults, such as
      `'--optimizer=adam'`, without the seed and the number of epochs.
    config: The value of every setting, by name.
    seed: Seed of the initial weights, the order of the images and the
      augmentation.
    class_names: One name for each class.
    num_images: Number of `'train'` and of `'test'` images in the data set.
    parameters: Number of trained numbers.
    evaluations: The first evaluation at each step, in the order of the steps.
    curves: The curves `'loss'`, `'train_accuracy'` and `'learning_rate'`.
    seconds_per_epoch: Seconds of an epoch of training, without evaluations.
    environment: Versions of packages, and the machine.
    step: The global step of the newest checkpoint.
  """

  folder: str
  network: str
  dataset: str
  settings: tuple[str, ...]
  config: Mapping[str, Any]
  seed: int
  class_names: tuple[str, ...]
  num_images: Mapping[str, int]
  parameters: int
  evaluations: list[Evaluation]
  curves: Mapping[str, Curve]
  seconds_per_epoch: float
  environment: Mapping[str, str]
  step: int

  @property
  def train_epochs(self) -> float:
    """The number of epochs that the run was meant to train."""
    return float(self.config['train_epochs'])

  @property
  def train_images(self) -> int:
    """The number of different images that the run was trained on."""
    batch_size = self.config['batch_size']
    if self.config.get('use_synthetic_data'):
      return batch_size  # Synthetic images are one batch, used repeatedly.
    return min(self.num_images['train'], self.step * batch_size)

  @property
  def last(self) -> Evaluation:
    """The last evaluation."""
    return self.evaluations[-1]


def load(folder: str) -> Run:
  """Reads the folder of a run.

  Raises:
    DataError: The folder is not that of a run, has no evaluation, or was
      written by an older version.
    UsageError: The `config.json` of the run cannot be read.
  """
  checkpoint, identity, config = _checkpoint_and_config(folder)
  steps, evaluations = _measurements(folder)
  steps_per_epoch = config['num_images']['train'] / config['batch_size']
  seconds_per_step = timing.seconds_per_step(steps, evaluations)
  return Run(
    folder=folder,
    network=identity['network'],
    dataset=identity['dataset'],
    settings=tuple(
      argument
      for argument in config['arguments']
      if not argument.startswith(('--seed', '--train_epochs'))
    ),
    config=config,
    seed=config['seed'],
    class_names=tuple(config.get('class_names', ())),
    num_images=config['num_images'],
    parameters=parameters.count(config, checkpoint),
    evaluations=_evaluations(steps, evaluations, config, steps_per_epoch),
    curves={name: _curve(name, steps, steps_per_epoch) for name in _CURVES},
    seconds_per_epoch=seconds_per_step * steps_per_epoch,
    environment=config.get('environment', {}),
    step=checkpoint_listing.step_in_name(checkpoint),
  )


def _checkpoint_and_config(
  folder: str,
) -> tuple[str, dict[str, Any], dict[str, Any]]:
  """The newest checkpoint, the identity of the run, and its settings."""
  if not os.path.isdir(folder):
    raise DataError(f'there is no folder {folder}')
  content = run_folder.read_config(folder)
  identity, config = content.get('identity', {}), content.get('config', {})
  checkpoint = checkpoint_listing.latest(folder)
  if not identity or checkpoint is None:
    raise DataError(f'{folder} is not the folder of a run')
  if 'num_images' not in config:
    raise DataError(
      f'{folder} was made by an older version: type its command again, which '
      'trains nothing, and the report can read it'
    )
  return checkpoint, identity, config


def _measurements(folder: str) -> tuple[list[Record], list[Record]]:
  """The lines of the steps and of the evaluations in `metrics.jsonl`."""
  log = MetricsLog(folder)
  steps = log.read('train')
  evaluations = _first_at_each_step(log.read('eval'))
  if not steps or not evaluations:
    raise DataError(f'{folder} has no steps and evaluations in metrics.jsonl')
  return steps, evaluations


def _first_at_each_step(evaluations: Sequence[Record]) -> list[Record]:
  """The evaluations during training, without later ones of the same step."""
  by_step: dict[int, Record] = {}
  for record in evaluations:
    by_step.setdefault(record['step'], record)
  return [by_step[step] for step in sorted(by_step)]


def _evaluations(
  steps: Sequence[Record],
  evaluations: Sequence[Record],
  config: Mapping[str, Any],
  steps_per_epoch: float,
) -> list[Evaluation]:
  seconds = timing.seconds_until(steps, evaluations)
  return [
    Evaluation(
      epoch=record['step'] / steps_per_epoch,
      seconds=seconds_worked,
      accuracy=record['accuracy'],
      cross_entropy=record['cross_entropy'],
      # Older versions did not count the examples.
      examples=int(record.get('examples', config['num_images']['test'])),
    )
    for record, seconds_worked in zip(evaluations, seconds, strict=True)
  ]


def _curve(name: str, steps: Sequence[Record], steps_per_epoch: float) -> Curve:
  return Curve(
    [record['step'] / steps_per_epoch for record in steps],
    [record.get(name, math.nan) for record in steps],
  )


def smoothed(curve: Curve, points: int = 200) -> Curve:
  """Means over stretches of equal length, for a curve of many steps.

  Args:
    curve: The measurements at each step.
    points: Approximate number of stretches; at least this many if the curve
      has enough steps.
  """
  size = max(len(curve.values) // points, 1)
  stretches = [
    slice(start, start + size) for start in range(0, len(curve.values), size)
  ]
  return Curve(
    [statistics.fmean(curve.epochs[stretch]) for stretch in stretches],
    [statistics.fmean(curve.values[stretch]) for stretch in stretches],
  )
