"""What a run's folder tells: its settings and all that it measured."""

import dataclasses
import json
import math
import os
import statistics
import zipfile
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from official.errors import DataError
from official.estimator import Checkpoints, slots, step_of
from official.estimator.checkpoints import read
from official.estimator.metrics_log import MetricsLog
from official.run import folder as run_folder
from official.run import predictions as run_predictions

_PAUSE = 60  # seconds without a line in which a run was not at work
_STRETCH = 50  # steps whose mean time is taken
_NOT_TRAINED = {'moving_mean', 'moving_variance'}


@dataclasses.dataclass(frozen=True)
class Evaluation:
  """One evaluation.

  Attributes:
    epoch: passes over the training images before it.
    seconds: the run was at work before it ended.
    accuracy: share of the test images that are right.
    cross_entropy: mean over the test images.
    examples: how many test images there were.
  """

  epoch: float
  seconds: float
  accuracy: float
  cross_entropy: float
  examples: int


@dataclasses.dataclass(frozen=True)
class Curve:
  """What was measured at each step.

  Attributes:
    epochs: passes over the training images by then.
    values: a number each.
  """

  epochs: list[float]
  values: list[float]


@dataclasses.dataclass(frozen=True)
class Run:
  """A run.

  Attributes:
    folder: its `--model_dir`.
    network: its name for people.
    dataset: likewise.
    settings: the flags that are not at their defaults, but the seed.
    config: every setting by name.
    seed: of weights, order and augmentation.
    class_names: one a class.
    num_images: of `'train'` and of `'test'`, as the data set tells.
    parameters: numbers that are trained.
    evaluations: in order.
    curves: by name: `loss`, `train_accuracy`, `learning_rate`.
    seconds_per_epoch: of training alone.
    environment: versions and machine.
    step: of the newest checkpoint.
  """

  folder: str
  network: str
  dataset: str
  settings: tuple[str, ...]
  config: Mapping[str, Any]
  seed: int
  class_names: tuple[str, ...]
  num_images: dict[str, int]
  parameters: int
  evaluations: list[Evaluation]
  curves: dict[str, Curve]
  seconds_per_epoch: float
  environment: dict[str, str]
  step: int

  @property
  def train_epochs(self) -> float:
    """How long the run was meant to be."""
    return float(self.config['train_epochs'])

  @property
  def train_images(self) -> int:
    """How many different ones it was trained on."""
    batch_size = self.config['batch_size']
    if self.config.get('use_synthetic_data'):
      return batch_size  # One batch, again and again.
    return min(self.num_images['train'], self.step * batch_size)

  @property
  def last(self) -> Evaluation:
    """The last evaluation."""
    return self.evaluations[-1]


def load(folder: str) -> Run:
  """Reads the folder of a run.

  Raises:
    DataError: it is none, has no evaluation, or an older version made it.
  """
  if not os.path.isdir(folder):
    raise DataError(f'there is no folder {folder}')
  content = run_folder.read_config(folder)
  identity, config = content.get('identity', {}), content.get('config', {})
  checkpoint = Checkpoints(folder).latest()
  if not identity or checkpoint is None:
    raise DataError(f'{folder} is not the folder of a run')
  if 'num_images' not in config:
    raise DataError(
      f'{folder} was made by an older version: type its command again, which '
      'trains nothing, and it will be known'
    )
  log = MetricsLog(folder)
  train, evals = log.read('train'), _first_of_each_step(log.read('eval'))
  if not train or not evals:
    raise DataError(f'{folder} has no steps and evaluations in metrics.jsonl')
  steps_per_epoch = config['num_images']['train'] / config['batch_size']
  at_work = _seconds_at_work(train + evals)
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
    parameters=_parameters(checkpoint),
    evaluations=[
      Evaluation(
        record['step'] / steps_per_epoch,
        at_work[json.dumps(record)],
        record['accuracy'],
        record['cross_entropy'],
        # Older versions did not count.
        int(record.get('examples', config['num_images']['test'])),
      )
      for record in evals
    ],
    curves={
      name: Curve(
        [record['step'] / steps_per_epoch for record in train],
        [record.get(name, math.nan) for record in train],
      )
      for name in ('loss', 'train_accuracy', 'learning_rate')
    },
    seconds_per_epoch=_seconds_per_step(train + evals) * steps_per_epoch,
    environment=config.get('environment', {}),
    step=step_of(checkpoint),
  )


@dataclasses.dataclass(frozen=True)
class Predictions:
  """What a network says of the N test images; see `predictions.save`.

  Attributes:
    labels: int32 [N].
    classes: int32 [N].
    confidences: float32 [N].
    mistakes: int32 [M], the most confident ones first.
    mistake_images: uint8 [M, H, W, C].
    filters: float32 [k, k, C, F], of the first convolution.
    multiply_adds: of one image.
  """

  labels: np.ndarray
  classes: np.ndarray
  confidences: np.ndarray
  mistakes: np.ndarray
  mistake_images: np.ndarray
  filters: np.ndarray
  multiply_adds: int


def predictions(run: Run) -> Predictions | None:
  """Of the newest checkpoint; None where the folder has none of it."""
  names = [field.name for field in dataclasses.fields(Predictions)]
  try:
    with np.load(os.path.join(run.folder, run_predictions.FILE)) as file:
      if int(file['step']) != run.step:
        return None
      values = {name: file[name] for name in names}
  except (OSError, KeyError, ValueError, zipfile.BadZipFile):
    return None
  return Predictions(**values | {'multiply_adds': int(values['multiply_adds'])})


def _first_of_each_step(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
  """The evaluations that training made, not those that one looked at later."""
  return list(
    {record['step']: record for record in reversed(records)}.values()
  )[::-1]


def smoothed(curve: Curve, points: int = 200) -> Curve:
  """Means over equal stretches, for a curve of many steps."""
  size = max(len(curve.values) // points, 1)
  stretches = [
    slice(start, start + size) for start in range(0, len(curve.values), size)
  ]
  return Curve(
    [statistics.fmean(curve.epochs[part]) for part in stretches],
    [statistics.fmean(curve.values[part]) for part in stretches],
  )


def _seconds_at_work(records: Sequence[dict[str, Any]]) -> dict[str, float]:
  """Each line to the seconds before it, without those between processes."""
  total, before, result = 0.0, None, {}
  for record in _in_order(records):
    if before is not None:
      gap = max(record['time'] - before, 0)
      # An evaluation may take long; steps do not.
      if record['kind'] == 'eval' or gap < _PAUSE:
        total += gap
    before = record['time']
    result[json.dumps(record)] = total
  return result


def _seconds_per_step(records: Sequence[dict[str, Any]]) -> float:
  """Of training alone: the median over stretches of steps.

  So a while in which the machine was busy with something else does not count.
  """
  order = _in_order(records)
  gaps = [
    gap
    for before, after in zip(order, order[1:], strict=False)
    if before['kind'] == after['kind'] == 'train'
    and 0 <= (gap := after['time'] - before['time']) < _PAUSE
  ]
  if not gaps:
    return math.nan
  # Many steps are logged at once, so single gaps tell nothing.
  stretches = max(len(gaps) // _STRETCH, 1)
  size = len(gaps) / stretches
  edges = [round(size * i) for i in range(stretches + 1)]
  return statistics.median(
    statistics.fmean(gaps[start:end])
    for start, end in zip(edges, edges[1:], strict=False)
  )


def _in_order(records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
  return sorted(records, key=lambda r: (r['step'], r['kind'] == 'eval'))


def _parameters(checkpoint: str) -> int:
  shapes = read(checkpoint).get_variable_to_shape_map()
  others = {'global_step'} | slots.among(shapes)
  return sum(
    math.prod(shape)
    for name, shape in shapes.items()
    if name not in others and name.split('/')[-1] not in _NOT_TRAINED
  )
