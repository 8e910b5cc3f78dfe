"""The content of a report, for a page as well as for slides."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence

from official.report import conclusion, measures, pictures, tables
from official.report.groups import Group
from official.report.language import Language
from official.report.predictions import Predictions
from official.report.runs import Run
from official.report.tables import Table

# Name of a plot, without the number of its group -> its title.
TITLES = {
  'accuracy_by_epoch': 'Accuracy by epoch',
  'accuracy_by_time': 'Accuracy by time',
  'loss_by_epoch': 'Loss by epoch',
  'loss_by_time': 'Loss by time',
  'seconds_per_epoch': 'Time per epoch',
  'learning_rate': 'Learning rate',
  'accuracy_by_parameters': 'Accuracy and parameters',
  'accuracy_by_multiply_adds': 'Accuracy and multiply-adds',
  'confusion': 'Confusion matrix',
  'calibration': 'Calibration',
  'mistakes': 'Most confident mistakes',
  'filters': 'Filters of the first layer',
}
_MOST_CLASSES = 100  # Nobody reads a longer table.


@dataclasses.dataclass(frozen=True)
class CloseUp:
  """A closer look at the predictions of one run of a group.

  Attributes:
    title: The group and the seed of the run.
    variant: The variant of the network; see `Group`.
    plots: Names of the plots.
    classes: Precision and recall of each class; None for too many classes.
  """

  title: str
  variant: str
  plots: list[str]
  classes: Table | None


@dataclasses.dataclass(frozen=True)
class Content:
  """A report.

  Attributes:
    title: The networks that are compared, and their data.
    lead: The numbers of runs and images that the report is based on.
    sentences: The sentences of the conclusion.
    notes: Notes on how to read the report.
    results: One row for each group.
    curves: Names of the plots that compare the groups.
    close_ups: One for each group that has predictions.
    runs: One row for each run.
    settings: One column for each group.
    environment: Versions of packages, and the machine.
    titles: Name of each plot -> its title.
  """

  title: str
  lead: str
  sentences: list[str]
  notes: list[str]
  results: Table
  curves: list[str]
  close_ups: list[CloseUp]
  runs: Table
  settings: Table
  environment: Mapping[str, str]
  titles: dict[str, str]


def compose(
  groups: Sequence[Group], plots: Sequence[str], say: Language
) -> Content:
  """Puts all texts and tables of a report together.

  Args:
    groups: The groups of runs to report on.
    plots: Names of the plots that were drawn. The names of plots of one group
      end with the group's number, such as `confusion_1`.
    say: The language.
  """
  runs = [run for group in groups for run in group.runs]
  return Content(
    title=_title(groups, say),
    lead=_lead(runs, say),
    sentences=conclusion.sentences(groups, say),
    notes=_notes(groups, say),
    results=tables.of_results(groups, say),
    curves=[name for name in plots if name in TITLES],
    close_ups=[
      _close_up(group, group.predictions, number, plots, say)
      for number, group in enumerate(groups, start=1)
      if group.predictions is not None
    ],
    runs=tables.of_runs(groups, say),
    settings=tables.of_settings(groups, say),
    environment=runs[0].environment,
    titles={
      name: say(TITLES[name if name in TITLES else name.rpartition('_')[0]])
      for name in plots
    },
  )


def _title(groups: Sequence[Group], say: Language) -> str:
  variants = [group.variant for group in groups]
  datasets = [run.dataset for group in groups for run in group.runs]
  return say(
    '{names} on {datasets}',
    names=say.all_of(_different(variants)),
    datasets=say.all_of(_different(datasets)),
  )


def _lead(runs: Sequence[Run], say: Language) -> str:
  count = len(runs)
  return say(
    '{runs}, {train} training images and {test} test images. All figures and '
    'sentences are computed from the files that the runs wrote.',
    runs=say('1 run') if count == 1 else say('{count} runs', count=count),
    train=_counts(run.train_images for run in runs),
    test=_counts(run.last.examples for run in runs),
  )


def _counts(numbers: Iterable[int]) -> str:
  return ' / '.join(_different(f'{number:,}' for number in numbers))


def _different(texts: Iterable[str]) -> list[str]:
  """Each text once, in the order of their first occurrences."""
  return list(dict.fromkeys(texts))


def _notes(groups: Sequence[Group], say: Language) -> list[str]:
  notes = [
    say(
      'The level of 95 % holds for each interval alone, not for all of them '
      'together. Over several seeds the intervals are Student’s and Welch’s; '
      'of a single run they are Wilson’s and Newcombe’s, over the test images.'
    )
  ]
  if any(len(group.runs) > 1 and group.predictions for group in groups):
    notes.append(
      say(
        'Where a row stands for several seeds, the confusion matrix, the '
        'results by class, the calibration, the mistakes and the filters are '
        'those of a single run.'
      )
    )
  return notes


def _close_up(
  group: Group,
  predictions: Predictions,
  number: int,
  plots: Sequence[str],
  say: Language,
) -> CloseUp:
  names = pictures.class_names(group, predictions)
  matrix = measures.confusion(
    predictions.labels, predictions.classes, len(names)
  )
  classes = None
  if len(names) <= _MOST_CLASSES:
    classes = tables.of_classes(names, measures.by_class(matrix), say)
  run = group.predicting_run or group.runs[0]
  return CloseUp(
    title=say('{name}, seed {seed}', name=group.name, seed=run.seed),
    variant=group.variant,
    plots=[name for name in plots if name.endswith(f'_{number}')],
    classes=classes,
  )
