"""What a report says, whatever page or slides it is put on."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

from official.report import conclusion, measures, pictures
from official.report.groups import Group
from official.report.language import Language
from official.report.runs import Run

TITLES = {
  'accuracy_by_epoch': 'Accuracy with the epochs',
  'accuracy_by_time': 'Accuracy with the time',
  'loss_by_epoch': 'Loss with the epochs',
  'loss_by_time': 'Loss with the time',
  'seconds_per_epoch': 'Time of an epoch',
  'learning_rate': 'Learning rate',
  'accuracy_by_parameters': 'Accuracy and size',
  'accuracy_by_multiply_adds': 'Accuracy and work',
  'confusion': 'Confusion matrix',
  'calibration': 'Calibration',
  'mistakes': 'The most confident mistakes',
  'filters': 'Filters of the first layer',
}
_MOST_CLASSES = 100  # of a table

# Settings that say where and not what, or that the page has elsewhere.
_UNTOLD = {
  *('arguments', 'class_names', 'environment', 'main', 'model_dir'),
  *('num_images', 'seed', 'working_dir', 'clean', 'eval_only', 'export_only'),
}


@dataclasses.dataclass(frozen=True)
class Table:
  """A table of words.

  Attributes:
    header: a word a column.
    rows: of as many.
  """

  header: list[str]
  rows: list[list[str]]


@dataclasses.dataclass(frozen=True)
class Close:
  """A closer look at one group's first run.

  Attributes:
    title: whose it is.
    kind: of network.
    plots: names of the plots.
    classes: precision and recall of each class; None of too many.
  """

  title: str
  kind: str
  plots: list[str]
  classes: Table | None


@dataclasses.dataclass(frozen=True)
class Content:
  """A report.

  Attributes:
    title: what is compared.
    lead: how much of it.
    sentences: the conclusion.
    notes: how to read it.
    results: a row a group.
    curves: names of plots.
    closer: a closer look, one a group.
    runs: a row a run.
    settings: those in which the runs differ, or that are not at their default.
    environment: versions and machine.
    titles: name of a plot to its title.
  """

  title: str
  lead: str
  sentences: list[str]
  notes: list[str]
  results: Table
  curves: list[str]
  closer: list[Close]
  runs: Table
  settings: Table
  environment: dict[str, str]
  titles: dict[str, str]


def of(groups: Sequence[Group], drawn: Sequence[str], say: Language) -> Content:
  """The content, given the names of the plots that were drawn."""
  runs = [run for group in groups for run in group.runs]
  names = list(dict.fromkeys(group.kind for group in groups))
  datasets = list(dict.fromkeys(run.dataset for run in runs))
  closer = [
    _close(group, f'_{number + 1}', drawn, say)
    for number, group in enumerate(groups)
    if group.predictions is not None
  ]
  notes = [
    say(
      'Each interval is of 95 % by itself. Over seeds it is Student’s and '
      'Welch’s; of one run Wilson’s and Newcombe’s, over the test images.'
    )
  ]
  if any(len(group.runs) > 1 and group.predictions for group in groups):
    notes.append(
      say(
        'The confusion matrix, the classes, the calibration, the mistakes and '
        'the filters are of one run, the first.'
      )
    )
  return Content(
    title=say(
      '{names} on {datasets}',
      names=say.all_of(names),
      datasets=say.all_of(datasets),
    ),
    lead=say(
      '{runs} runs on {train} training and {test} test images. Every figure '
      'and every sentence is computed from what the runs wrote.',
      runs=len(runs),
      train=_counts(run.train_images for run in runs),
      test=_counts(run.last.examples for run in runs),
    ),
    sentences=conclusion.sentences(groups, say),
    notes=notes,
    results=_results(groups, say),
    curves=[name for name in drawn if name in TITLES],
    closer=closer,
    runs=_runs(groups, say),
    settings=_settings(groups, say),
    environment=runs[0].environment,
    titles={
      name: say(TITLES[name if name in TITLES else name.rpartition('_')[0]])
      for name in drawn
    },
  )


def _counts(numbers: Iterable[int]) -> str:
  """Each different one."""
  return ' / '.join(f'{number:,}' for number in dict.fromkeys(numbers))


def _results(groups: Sequence[Group], say: Language) -> Table:
  header = [
    say(name)
    for name in (
      *('network', 'parameters', 'multiply-adds', 'seeds', 'epochs'),
      *('test accuracy, %', '95 % interval', 'cross-entropy', 's an epoch'),
    )
  ]
  rows = []
  for group in groups:
    found = group.accuracy(group.epochs)
    last = group.at(group.epochs)
    entropy = sum(e.cross_entropy for e in last) / len(last)
    predictions = group.predictions
    rows.append([
      group.name,
      f'{group.parameters:,}',
      f'{predictions.multiply_adds:,}' if predictions else '–',
      ', '.join(str(run.seed) for run in group.runs),
      f'{group.epochs:.4g}',
      f'{100 * found.estimate:.2f}',
      say(
        '{low} to {high}',
        low=f'{100 * found.low:.2f}',
        high=f'{100 * found.high:.2f}',
      ),
      f'{entropy:.4f}',
      f'{group.seconds_per_epoch:.1f}',
    ])
  return Table(header, rows)


def _close(
  group: Group, ending: str, drawn: Sequence[str], say: Language
) -> Close:
  run = _run_of_predictions(group)
  names = pictures.class_names(group)
  matrix = measures.confusion(
    group.predictions.labels, group.predictions.classes, len(names)
  )
  header = [
    say(name)
    for name in ('class', 'precision, %', 'recall, %', 'F1, %', 'images')
  ]
  rows = [
    [name, *map(_share, one[:3]), f'{one.count:,}']
    for name, one in zip(names, measures.of_classes(matrix), strict=False)
  ]
  return Close(
    title=say('{name}, seed {seed}', name=group.name, seed=run.seed),
    kind=group.kind,
    plots=[name for name in drawn if name.endswith(ending)],
    classes=Table(header, rows) if len(rows) <= _MOST_CLASSES else None,
  )


def _run_of_predictions(group: Group) -> Run:
  return next(run for run in group.runs if run.folder == group.predicted)


def _share(value: float) -> str:
  return '–' if math.isnan(value) else f'{100 * value:.2f}'


def _runs(groups: Sequence[Group], say: Language) -> Table:
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


def _settings(groups: Sequence[Group], say: Language) -> Table:
  """What each group was trained with, a column a group."""
  configs = [group.runs[0].config for group in groups]
  names = sorted({name for config in configs for name in config} - _UNTOLD)
  rows = []
  for name in names:
    values = [config.get(name) for config in configs]
    if any(value not in (None, False, [], '') for value in values):
      rows.append([name, *('–' if v is None else str(v) for v in values)])
  return Table([say('settings'), *(group.name for group in groups)], rows)
