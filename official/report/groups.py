"""Runs that differ in nothing but their seed, as one row of a report."""

import statistics
from collections.abc import Sequence

from official.report import intervals
from official.report.intervals import Interval
from official.report.language import Language
from official.report.runs import Evaluation, Predictions, Run, predictions

# Settings that change nothing of what is learned.
_OTHER_SETTINGS = {
  'hooks',
  'keep_checkpoint_max',
  'log_steps',
  'save_checkpoints_steps',
  'steps_per_loop',
}
_SAME_EPOCH = 0.02  # evaluations no further apart are of the same epoch


class Group:
  """Runs that differ in nothing but the seed.

  Args:
    runs: at least one.

  Attributes:
    network: such as `ResNet-18 v1`.
    kind: the network, with what else than its length tells it from the others.
    name: that and the length.
    parameters: numbers that are trained.
    predictions: of the first run that has them; None where none has.
    predicted: the folder of that run.
  """

  def __init__(self, runs: Sequence[Run]):
    self.runs = list(runs)
    self.network = self.kind = self.name = runs[0].network
    self.parameters = runs[0].parameters
    self.predictions: Predictions | None = None
    self.predicted: str | None = None
    for run in runs:
      self.predictions = predictions(run)
      if self.predictions is not None:
        self.predicted = run.folder
        break

  @property
  def epochs(self) -> float:
    """Where the shortest of the runs ended."""
    return min(run.last.epoch for run in self.runs)

  @property
  def seconds_per_epoch(self) -> float:
    """Of training, the median of the runs."""
    return statistics.median(run.seconds_per_epoch for run in self.runs)

  def at(self, epoch: float) -> list[Evaluation]:
    """The evaluation of each run at an epoch; fewer where some have none."""
    found = []
    for run in self.runs:
      nearest = min(run.evaluations, key=lambda e: abs(e.epoch - epoch))
      if abs(nearest.epoch - epoch) <= _SAME_EPOCH:
        found.append(nearest)
    return found

  def accuracy(self, epoch: float) -> Interval:
    """At an epoch: over the seeds, or of the one run by its test images."""
    evaluations = self.at(epoch)
    values = [evaluation.accuracy for evaluation in evaluations]
    if len(values) > 1:
      found = intervals.mean(values)
      return found._replace(low=max(found.low, 0), high=min(found.high, 1))
    total = evaluations[0].examples
    return intervals.share(round(values[0] * total), total)


def group(runs: Sequence[Run], say: Language) -> list[Group]:
  """Runs by all but their seed, in the order of their first.

  Groups of one network are told apart by what differs between them.
  """
  groups: dict[tuple, list[Run]] = {}
  for run in runs:
    key = (run.network, run.dataset, run.train_epochs, _deciding(run))
    groups.setdefault(key, []).append(run)
  result = [Group(of_group) for of_group in groups.values()]
  for network in {one.network for one in result}:
    same = [one for one in result if one.network == network]
    if len(same) > 1:
      _tell_apart(same, say)
  return result


def _tell_apart(same: Sequence[Group], say: Language) -> None:
  first = [one.runs[0] for one in same]
  lengths = {run.train_epochs for run in first}
  shared = frozenset.intersection(*map(_deciding, first))
  own = [sorted(_deciding(run) - shared) for run in first]
  datasets = {run.dataset for run in first}
  for one, run, settings in zip(same, first, own, strict=True):
    told = [run.dataset] if len(datasets) > 1 else []
    told += [setting.removeprefix('--') for setting in settings]
    if any(own) and not settings:
      told.append(say('defaults'))
    if told:
      one.kind = f'{one.network} ({", ".join(told)})'
    if len(lengths) > 1:
      told.insert(0, epochs_of(run.train_epochs, say))
    one.name = f'{one.network} ({", ".join(told)})'


def epochs_of(epoch: float, say: Language) -> str:
  """`1 epoch`, `2.5 epochs`."""
  number = f'{epoch:.1f}'.removesuffix('.0')
  if number == '1':
    return say('1 epoch')
  return say('{number} epochs', number=number)


def _deciding(run: Run) -> frozenset[str]:
  """The settings that may change what is learned."""
  return frozenset(
    setting
    for setting in run.settings
    if setting.removeprefix('--').split('=')[0] not in _OTHER_SETTINGS
  )
