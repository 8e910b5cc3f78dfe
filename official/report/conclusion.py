"""What runs have shown, in sentences computed from their figures."""

import itertools
import math
from collections.abc import Sequence

from official.report import intervals
from official.report.groups import Group, epochs_of
from official.report.intervals import Interval
from official.report.language import Language


def sentences(groups: Sequence[Group], say: Language) -> list[str]:
  """One a group, then what can be said of each two networks.

  Two networks are compared after as many epochs: by runs that were meant to be
  so long, where there are such; else by the longest runs of both, where the
  shorter one ended.
  """
  said = [_of_one(one, say) for one in groups]
  by_network: dict[tuple[str, str], list[Group]] = {}
  for one in groups:
    by_network.setdefault((one.kind, one.runs[0].dataset), []).append(one)
  for same in by_network.values():
    said += _of_lengths(same, say)
  for (a_key, a), (b_key, b) in itertools.combinations(by_network.items(), 2):
    if a_key[1] == b_key[1]:
      for pair in _pairs(a, b):
        said += _of_two(*pair, say)
      said.append(_of_time(max(a, key=_length), max(b, key=_length), say))
  return said


def _pairs(a: Sequence[Group], b: Sequence[Group]) -> list[tuple[Group, Group]]:
  equal = [
    (one, other)
    for one, other in itertools.product(a, b)
    if one.runs[0].train_epochs == other.runs[0].train_epochs
  ]
  return equal or [(max(a, key=_length), max(b, key=_length))]


def _length(one: Group) -> float:
  return one.epochs


def _of_one(one: Group, say: Language) -> str:
  epoch = one.epochs
  found = one.accuracy(epoch)
  count = len(one.runs)
  return say(
    '{name}: {accuracy} % of the test images right after {epochs} (95 % '
    'interval {low} to {high}; {how}).',
    name=one.kind if _is_whole(one) else one.name,
    accuracy=_percent(found.estimate),
    epochs=epochs_of(epoch, say),
    low=_percent(found.low),
    high=_percent(found.high),
    how=say('over {count} seeds', count=count)
    if count > 1
    else say('one seed, by its test images'),
  )


def _is_whole(one: Group) -> bool:
  """Whether the runs are as long as they were meant to be."""
  return round(one.epochs, 1) == one.runs[0].train_epochs


def _of_lengths(same: Sequence[Group], say: Language) -> list[str]:
  """The shortest and the longest of one network, if they differ in it alone."""
  short, long = min(same, key=_length), max(same, key=_length)
  alike = short.runs[0].settings == long.runs[0].settings
  if short.epochs == long.epochs or not alike:
    return []
  found = _difference(long, long.epochs, short, short.epochs)
  lengths = {
    'network': long.kind,
    'long': epochs_of(long.epochs, say),
    'short': epochs_of(short.epochs, say),
    **_bounds(found),
  }
  if found.low <= 0 <= found.high:
    return [
      say(
        '{network}: {long} and {short} are not distinguishable in accuracy: '
        'the difference is {difference} percentage points (95 % interval {low} '
        'to {high}).',
        **lengths,
      )
    ]
  return [
    say(
      '{network}: {long} in place of {short} change the accuracy by '
      '{difference} percentage points (95 % interval {low} to {high}).',
      **lengths,
    )
  ]


def _of_two(a: Group, b: Group, say: Language) -> list[str]:
  epoch = min(a.epochs, b.epochs)
  if not (a.at(epoch) and b.at(epoch)):
    return [
      say(
        '{a} and {b} were not evaluated at one epoch, so are not compared.',
        a=a.name,
        b=b.name,
      )
    ]
  found = _difference(a, epoch, b, epoch)
  # At their ends the names say how long the runs were; elsewhere that matters.
  at_ends = round(a.epochs, 1) == round(b.epochs, 1)
  names = [one.kind if at_ends else one.name for one in (a, b)]
  after = say('After {epochs}', epochs=epochs_of(epoch, say))
  if found.low <= 0 <= found.high:
    return [
      say(
        '{after} {a} and {b} are not distinguishable: the difference of their '
        'accuracies is {difference} percentage points (95 % interval {low} to '
        '{high}).',
        after=after,
        a=names[0],
        b=names[1],
        **_bounds(found),
      )
    ]
  better, worse = names if found.estimate > 0 else names[::-1]
  if found.estimate < 0:
    found = Interval(-found.estimate, -found.high, -found.low)
  return [
    say(
      '{after} {better} is more accurate than {worse}, by {difference} '
      'percentage points (95 % interval {low} to {high}).',
      after=after,
      better=better,
      worse=worse,
      **_bounds(found),
    )
  ]


def _of_time(a: Group, b: Group, say: Language) -> str:
  """How an epoch of training compares, by the ratio of the times."""
  slow, fast = sorted((a, b), key=lambda one: -one.seconds_per_epoch)
  times = {
    'slow': slow.kind,
    'fast': fast.kind,
    'slow_seconds': _number(slow.seconds_per_epoch),
    'fast_seconds': _number(fast.seconds_per_epoch),
    'ratio': f'{slow.seconds_per_epoch / fast.seconds_per_epoch:.2f}',
  }
  logs = [
    [math.log(run.seconds_per_epoch) for run in one.runs]
    for one in (slow, fast)
  ]
  if not all(len(values) > 1 for values in logs):
    return say(
      'An epoch takes {slow} {slow_seconds} s and {fast} {fast_seconds} s: '
      '{ratio} times as long (one run, so no interval).',
      **times,
    )
  found = intervals.difference_of_means(*logs)
  times |= {
    'ratio': f'{math.exp(found.estimate):.2f}',
    'low': f'{math.exp(found.low):.2f}',
    'high': f'{math.exp(found.high):.2f}',
  }
  if found.low <= 0 <= found.high:
    return say(
      'The times of an epoch are not distinguishable: {slow} {slow_seconds} s, '
      '{fast} {fast_seconds} s, {ratio} times as long (95 % interval {low} to '
      '{high}).',
      **times,
    )
  return say(
    'An epoch takes {slow} {slow_seconds} s and {fast} {fast_seconds} s: '
    '{ratio} times as long (95 % interval {low} to {high}).',
    **times,
  )


def _difference(a: Group, a_epoch: float, b: Group, b_epoch: float) -> Interval:
  """Of the accuracy of a - b."""
  values = [
    [evaluation.accuracy for evaluation in one.at(epoch)]
    for one, epoch in ((a, a_epoch), (b, b_epoch))
  ]
  if all(len(of_one) > 1 for of_one in values):
    return intervals.difference_of_means(*values)
  return intervals.difference_of_shares(
    a.accuracy(a_epoch), b.accuracy(b_epoch)
  )


def _bounds(found: Interval) -> dict[str, str]:
  return {
    'difference': _percent(found.estimate),
    'low': _percent(found.low),
    'high': _percent(found.high),
  }


def _percent(value: float) -> str:
  return f'{100 * value:.2f}'


def _number(value: float) -> str:
  return f'{value:.1f}'.removesuffix('.0')
