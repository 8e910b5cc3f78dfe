"""What runs have shown, in sentences computed from their figures."""

import itertools
import statistics
from collections.abc import Sequence

from official.report import intervals
from official.report.intervals import Interval
from official.report.runs import Evaluation, Run

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
    name: such as `ResNet-18 v1 on MNIST`, for people.
  """

  def __init__(self, runs: Sequence[Run]):
    self.runs = list(runs)
    self.name = runs[0].network
    self.parameters = runs[0].parameters

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
    values = [evaluation.accuracy for evaluation in self.at(epoch)]
    if len(values) > 1:
      return intervals.mean(values)
    total = self.runs[0].num_images['test']
    return intervals.share(round(values[0] * total), total)


def group(runs: Sequence[Run]) -> list[Group]:
  """Runs by all but their seed, in the order of their first.

  Two groups of one network are told apart by where their settings differ.
  """
  groups: dict[tuple, list[Run]] = {}
  for run in runs:
    key = (run.network, run.dataset, _deciding(run))
    groups.setdefault(key, []).append(run)
  result = [Group(of_group) for of_group in groups.values()]
  for network in {one.name for one in result}:
    same = [one for one in result if one.runs[0].network == network]
    shared = frozenset.intersection(*(_deciding(one.runs[0]) for one in same))
    for one in same if len(same) > 1 else ():
      own = sorted(_deciding(one.runs[0]) - shared)
      told = ' '.join(setting.removeprefix('--') for setting in own)
      one.name = f'{network} ({told or "defaults"})'
  return result


def _deciding(run: Run) -> frozenset[str]:
  """The settings that may change what is learned."""
  return frozenset(
    setting
    for setting in run.settings
    if setting.removeprefix('--').split('=')[0] not in _OTHER_SETTINGS
  )


def sentences(groups: Sequence[Group]) -> list[str]:
  """One a group, and what can be said of each two at equal epochs."""
  said = [_of_one(one) for one in groups]
  for a, b in itertools.combinations(groups, 2):
    said += _of_two(a, b)
  return said


def _of_one(one: Group) -> str:
  epoch = one.epochs
  found = one.accuracy(epoch)
  count = len(one.runs)
  how = f'over {count} seeds' if count > 1 else 'one seed, by its test images'
  return (
    f'{one.name}: {_percent(found.estimate)} % of the test images right after '
    f'{_epochs(epoch)} (95 % interval {_percent(found.low)} to '
    f'{_percent(found.high)}; {how}).'
  )


def _of_two(a: Group, b: Group) -> list[str]:
  datasets = {run.dataset for run in (*a.runs, *b.runs)}
  if len(datasets) > 1:
    return []
  epoch = min(a.epochs, b.epochs)
  both = [[e.accuracy for e in one.at(epoch)] for one in (a, b)]
  if not all(both):
    return [
      f'{a.name} and {b.name} were not evaluated at one epoch, so they are not '
      'compared.'
    ]
  if all(len(values) > 1 for values in both):
    found = intervals.difference_of_means(*both)
  else:
    found = intervals.difference_of_shares(a.accuracy(epoch), b.accuracy(epoch))
  said = [_difference(a, b, epoch, found)]
  slow, fast = sorted((a, b), key=lambda g: -g.seconds_per_epoch)
  said.append(
    f'An epoch takes {slow.name} {_number(slow.seconds_per_epoch)} s and '
    f'{fast.name} {_number(fast.seconds_per_epoch)} s: '
    f'{slow.seconds_per_epoch / fast.seconds_per_epoch:.2f} times as long.'
  )
  return said


def _difference(a: Group, b: Group, epoch: float, found: Interval) -> str:
  after = f'After {_epochs(epoch)}'
  if found.low <= 0 <= found.high:
    return (
      f'{after} {a.name} and {b.name} are not distinguishable: the difference '
      f'of their accuracies is {_percent(found.estimate)} percentage points '
      f'(95 % interval {_percent(found.low)} to {_percent(found.high)}).'
    )
  better, worse = (a, b) if found.estimate > 0 else (b, a)
  sizes = sorted(map(abs, (found.low, found.high)))
  return (
    f'{after} {better.name} is more accurate than {worse.name}, by '
    f'{_percent(abs(found.estimate))} percentage points (95 % interval '
    f'{_percent(sizes[0])} to {_percent(sizes[1])}).'
  )


def _epochs(epoch: float) -> str:
  number = _number(epoch)
  return f'{number} epoch{"" if number == "1" else "s"}'


def _percent(value: float) -> str:
  return f'{100 * value:.2f}'


def _number(value: float) -> str:
  return f'{value:.1f}'.removesuffix('.0')
