"""Runs that differ only in their seed, as one row of a report."""

import statistics
from collections.abc import Sequence

from official.report import intervals, predictions
from official.report.intervals import Interval
from official.report.language import Language
from official.report.runs import Evaluation, Run

# Settings that do not change what is learned.
_WITHOUT_EFFECT = {
  'hooks',
  'keep_checkpoint_max',
  'log_steps',
  'save_checkpoints_steps',
  'steps_per_loop',
}
_SAME_EPOCH = 0.02  # Evaluations at most this far apart are of the same epoch.


class Group:
  """Runs that differ only in the seed.

  Args:
    runs: The runs, at least one.
    variant: The `variant` of the group.
    name: The `name` of the group.

  Attributes:
    runs: The runs.
    network: The name of the network.
    variant: The network, with the settings or the data set in which it differs
      from other groups of this network, without the number of epochs.
    name: The variant with the number of epochs, where that differs too.
    parameters: Number of trained numbers.
    predictions: The predictions of the first run that has them; None where no
      run has.
    predicting_run: The run of these predictions.
  """

  def __init__(self, runs: Sequence[Run], variant: str, name: str):
    self.runs = list(runs)
    self.variant, self.name = variant, name
    self.network = runs[0].network
    self.parameters = runs[0].parameters
    self.predictions: predictions.Predictions | None = None
    self.predicting_run: Run | None = None
    for run in runs:
      self.predictions = predictions.load(run)
      if self.predictions is not None:
        self.predicting_run = run
        break

  @property
  def epochs(self) -> float:
    """The epoch at which the shortest of the runs ended."""
    return min(run.last.epoch for run in self.runs)

  @property
  def seconds_per_epoch(self) -> float:
    """Seconds that an epoch of training takes: the median of the runs."""
    return statistics.median(run.seconds_per_epoch for run in self.runs)

  def at(self, epoch: float) -> list[Evaluation]:
    """The evaluation of each run at an epoch; runs without one are left out."""
    evaluations = []
    for run in self.runs:
      nearest = min(run.evaluations, key=lambda e: abs(e.epoch - epoch))
      if abs(nearest.epoch - epoch) <= _SAME_EPOCH:
        evaluations.append(nearest)
    return evaluations

  def accuracy(self, epoch: float) -> Interval:
    """The accuracy at an epoch, with its interval.

    The interval is over the seeds; of a single run, over its test images.
    """
    evaluations = self.at(epoch)
    values = [evaluation.accuracy for evaluation in evaluations]
    if len(values) > 1:
      interval = intervals.mean(values)
      # Student's interval may reach beyond 0 or 1, where no accuracy is.
      return interval._replace(
        low=max(interval.low, 0), high=min(interval.high, 1)
      )
    total = evaluations[0].examples
    return intervals.proportion(round(values[0] * total), total)


def group_runs(runs: Sequence[Run], say: Language) -> list[Group]:
  """Groups runs that differ only in their seed, in the order of first runs.

  The names of groups of one network give the settings in which they differ.
  """
  runs_by_key: dict[tuple[object, ...], list[Run]] = {}
  for run in runs:
    key = (run.network, run.dataset, run.train_epochs, _settings(run))
    runs_by_key.setdefault(key, []).append(run)
  members = list(runs_by_key.values())
  groups = []
  for group_members in members:
    first = group_members[0]
    firsts = [m[0] for m in members if m[0].network == first.network]
    variant, name = _names(first, firsts, say)
    groups.append(Group(group_members, variant, name))
  return groups


def _names(run: Run, firsts: Sequence[Run], say: Language) -> tuple[str, str]:
  """The variant and the name of a group; see `Group`.

  Args:
    run: The first run of the group.
    firsts: The first run of each group of this network.
    say: The language.
  """
  shared = frozenset.intersection(*map(_settings, firsts))
  differences = []
  if len({first.dataset for first in firsts}) > 1:
    differences.append(run.dataset)
  own_settings = sorted(_settings(run) - shared)
  differences += [setting.removeprefix('--') for setting in own_settings]
  if not own_settings and any(_settings(first) - shared for first in firsts):
    differences.append(say('defaults'))
  variant = _with_differences(run.network, differences)
  if len({first.train_epochs for first in firsts}) > 1:
    differences = [epochs_text(run.train_epochs, say), *differences]
  return variant, _with_differences(run.network, differences)


def _with_differences(network: str, differences: Sequence[str]) -> str:
  return f'{network} ({", ".join(differences)})' if differences else network


def epochs_text(epochs: float, say: Language) -> str:
  """`1 epoch`, `2.5 epochs`."""
  number = f'{epochs:.1f}'.removesuffix('.0')
  if number == '1':
    return say('1 epoch')
  return say('{number} epochs', number=number)


def _settings(run: Run) -> frozenset[str]:
  """The settings that may change what is learned."""
  return frozenset(
    setting
    for setting in run.settings
    if setting.removeprefix('--').split('=')[0] not in _WITHOUT_EFFECT
  )
