"""The tables of a report."""

import dataclasses
import math
from collections.abc import Sequence

from official.report.groups import Group
from official.report.language import Language
from official.report.measures import ClassMeasures

# Settings that concern the place of a run rather than the run itself, or that
# the report shows elsewhere.
_NOT_SHOWN = {
  'arguments',
  'class_names',
  'clean',
  'data_format',  # Follows from the machine.
  'environment',
  'eval_only',
  'export_only',
  'main',
  'model_dir',
  'num_images',
  'parameters',
  'seed',
  'working_dir',
}
_NONE = '–'


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of texts.

  Attributes:
    header: The name of each column.
    rows: The rows, each with one cell for each column.
  """

  header: list[str]
  rows: list[list[str]]


def of_results(groups: Sequence[Group], say: Language) -> Table:
  """The accuracy and the cost of each group: one row for each group."""
  names = (
    'network',
    'parameters',
    'multiply-adds',
    'seeds',
    'epochs',
    'test accuracy, %',
    '95 % interval',
    'cross-entropy',
    'seconds per epoch',
  )
  return Table(
    [say(name) for name in names], [_result(group, say) for group in groups]
  )


def _result(group: Group, say: Language) -> list[str]:
  accuracy = group.accuracy(group.epochs)
  evaluations = group.at(group.epochs)
  entropy = sum(e.cross_entropy for e in evaluations) / len(evaluations)
  predictions = group.predictions
  return [
    group.name,
    f'{group.parameters:,}',
    f'{predictions.multiply_adds:,}' if predictions else _NONE,
    ', '.join(str(run.seed) for run in group.runs),
    f'{group.epochs:.4g}',
    _percent(accuracy.estimate),
    say(
      '{low} to {high}',
      low=_percent(accuracy.low),
      high=_percent(accuracy.high),
    ),
    f'{entropy:.4f}',
    f'{group.seconds_per_epoch:.1f}',
  ]


def of_classes(
  names: Sequence[str], measures: Sequence[ClassMeasures], say: Language
) -> Table:
  """Precision and recall: one row for each class."""
  header = ('class', 'precision, %', 'recall, %', 'F1, %', 'images')
  rows = [
    [
      name,
      _percent(of_class.precision),
      _percent(of_class.recall),
      _percent(of_class.f1),
      f'{of_class.num_images:,}',
    ]
    for name, of_class in zip(names, measures, strict=False)
  ]
  return Table([say(name) for name in header], rows)


def of_runs(groups: Sequence[Group], say: Language) -> Table:
  """The folder and the settings of each run: one row for each run."""
  header = [say(name) for name in ('folder', 'network', 'seed', 'settings')]
  rows = [
    [
      run.folder,
      group.name,
      str(run.seed),
      ' '.join([f'--train_epochs={run.train_epochs:g}', *run.settings]),
    ]
    for group in groups
    for run in group.runs
  ]
  return Table(header, rows)


def of_settings(groups: Sequence[Group], say: Language) -> Table:
  """Every setting that some group has: one column for each group."""
  configs = [group.runs[0].config for group in groups]
  names = sorted({name for config in configs for name in config} - _NOT_SHOWN)
  rows = []
  for name in names:
    values = [config.get(name) for config in configs]
    if any(value not in (None, False, [], '') for value in values):
      rows.append([name, *(_NONE if v is None else str(v) for v in values)])
  return Table([say('settings'), *(group.name for group in groups)], rows)


def _percent(share: float) -> str:
  return _NONE if math.isnan(share) else f'{100 * share:.2f}'
