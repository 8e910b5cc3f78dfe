"""The conclusion of a report: sentences computed from the runs' numbers."""

import itertools
import math
from collections.abc import Sequence
from operator import attrgetter

from official.report import intervals
from official.report.groups import Group, epochs_text
from official.report.intervals import Interval
from official.report.language import Language

_LENGTH = attrgetter('epochs')


def sentences(groups: Sequence[Group], say: Language) -> list[str]:
  """One sentence for each group, then comparisons.

  Two variants of networks are compared after the same number of epochs. If
  there are groups that were meant to be equally long, these are compared;
  otherwise the longest group of each, at the epoch where the shorter one ended.
  """
  result = [_accuracy(group, say) for group in groups]
  variants: dict[tuple[str, str], list[Group]] = {}
  for group in groups:
    key = (group.runs[0].dataset, group.variant)
    variants.setdefault(key, []).append(group)
  for of_variant in variants.values():
    result += _effect_of_length(of_variant, say)
  for (a_key, a), (b_key, b) in itertools.combinations(variants.items(), 2):
    a_dataset, b_dataset = a_key[0], b_key[0]
    if a_dataset != b_dataset:
      continue  # Accuracies on different images cannot be compared.
    result += [_comparison(*pair, say) for pair in _comparable(a, b)]
    result.append(
      _comparison_of_time(max(a, key=_LENGTH), max(b, key=_LENGTH), say)
    )
  return result


def _comparable(
  a: Sequence[Group], b: Sequence[Group]
) -> list[tuple[Group, Group]]:
  """The pairs of groups to compare, one of each variant."""
  equally_long = [
    (group, other)
    for group, other in itertools.product(a, b)
    if group.runs[0].train_epochs == other.runs[0].train_epochs
  ]
  return equally_long or [(max(a, key=_LENGTH), max(b, key=_LENGTH))]


def _accuracy(group: Group, say: Language) -> str:
  interval = group.accuracy(group.epochs)
  count = len(group.runs)
  # The name of a run that was stopped early must not give the planned length.
  is_finished = round(group.epochs, 1) == group.runs[0].train_epochs
  return say(
    '{name} classifies {accuracy} % of the test images correctly after '
    '{epochs} (95 % interval {low} to {high}, {basis}).',
    name=group.variant if is_finished else group.name,
    accuracy=_percent(interval.estimate),
    epochs=epochs_text(group.epochs, say),
    low=_percent(interval.low),
    high=_percent(interval.high),
    basis=say('over {count} seeds', count=count)
    if count > 1
    else say('over the test images of one run'),
  )


def _effect_of_length(groups: Sequence[Group], say: Language) -> list[str]:
  """The effect of longer training on the accuracy of each variant.

  The shortest group is compared with the longest; there is no sentence where
  they differ in more than their length.
  """
  short, long = min(groups, key=_LENGTH), max(groups, key=_LENGTH)
  if short.epochs == long.epochs:
    return []
  if short.runs[0].settings != long.runs[0].settings:
    return []
  interval = _difference(long, long.epochs, short, short.epochs)
  values = {
    'network': long.variant,
    'long': epochs_text(long.epochs, say),
    'short': epochs_text(short.epochs, say),
    **_bounds(interval),
  }
  if interval.low <= 0 <= interval.high:
    sentence = say(
      '{network}: the accuracies after {long} and after {short} are not '
      'distinguishable: the first minus the second is {difference} percentage '
      'points (95 % interval {low} to {high}).',
      **values,
    )
  else:
    sentence = say(
      '{network}: training for {long} instead of {short} changes the accuracy '
      'by {difference} percentage points (95 % interval {low} to {high}).',
      **values,
    )
  return [sentence]


def _comparison(a: Group, b: Group, say: Language) -> str:
  """Which of two groups is more accurate at the end of the shorter one."""
  epoch = min(a.epochs, b.epochs)
  if not (a.at(epoch) and b.at(epoch)):
    return say(
      '{a} and {b} are not compared: they have no evaluations at the same '
      'epoch.',
      a=a.name,
      b=b.name,
    )
  interval = _difference(a, epoch, b, epoch)
  # Groups that end together need no length in their names, because the sentence
  # gives it. Where one goes on, the length shows which group is meant.
  end_together = round(a.epochs, 1) == round(b.epochs, 1)
  names = [group.variant if end_together else group.name for group in (a, b)]
  epochs = epochs_text(epoch, say)
  if interval.low <= 0 <= interval.high:
    return say(
      'After {epochs}, {a} and {b} are not distinguishable: the accuracy of '
      'the first minus that of the second is {difference} percentage points '
      '(95 % interval {low} to {high}).',
      epochs=epochs,
      a=names[0],
      b=names[1],
      **_bounds(interval),
    )
  if interval.estimate < 0:
    names.reverse()
    interval = Interval(-interval.estimate, -interval.high, -interval.low)
  return say(
    'After {epochs}, {better} is more accurate than {worse} by {difference} '
    'percentage points (95 % interval {low} to {high}).',
    epochs=epochs,
    better=names[0],
    worse=names[1],
    **_bounds(interval),
  )


def _comparison_of_time(a: Group, b: Group, say: Language) -> str:
  """The comparison of the times per epoch of training, by their ratio."""
  slow, fast = sorted((a, b), key=lambda group: -group.seconds_per_epoch)
  values = {
    'slow': slow.variant,
    'fast': fast.variant,
    'slow_seconds': _number(slow.seconds_per_epoch),
    'fast_seconds': _number(fast.seconds_per_epoch),
    'ratio': f'{slow.seconds_per_epoch / fast.seconds_per_epoch:.2f}',
  }
  # Times vary by factors, not by seconds, so the interval is that of a ratio,
  # which is a difference of logarithms.
  logs = [
    [math.log(run.seconds_per_epoch) for run in group.runs]
    for group in (slow, fast)
  ]
  if min(map(len, logs)) < 2:
    return say(
      'An epoch of {slow} takes {slow_seconds} s and an epoch of {fast} '
      '{fast_seconds} s: {ratio} times as long (no interval, because that '
      'needs two seeds of each).',
      **values,
    )
  interval = intervals.difference_of_means(*logs)
  values |= {
    'ratio': f'{math.exp(interval.estimate):.2f}',
    'low': f'{math.exp(interval.low):.2f}',
    'high': f'{math.exp(interval.high):.2f}',
  }
  if interval.low <= 0 <= interval.high:
    return say(
      'The times per epoch are not distinguishable: {slow} takes '
      '{slow_seconds} s and {fast} {fast_seconds} s, {ratio} times as long '
      '(95 % interval {low} to {high}).',
      **values,
    )
  return say(
    'An epoch of {slow} takes {slow_seconds} s and an epoch of {fast} '
    '{fast_seconds} s: {ratio} times as long (95 % interval {low} to {high}).',
    **values,
  )


def _difference(a: Group, a_epoch: float, b: Group, b_epoch: float) -> Interval:
  """The accuracy of a at its epoch minus that of b at its epoch.

  The interval is over the seeds where both groups have several; otherwise it is
  over the test images.
  """
  accuracies = [
    [evaluation.accuracy for evaluation in group.at(epoch)]
    for group, epoch in ((a, a_epoch), (b, b_epoch))
  ]
  if min(map(len, accuracies)) > 1:
    return intervals.difference_of_means(*accuracies)
  return intervals.difference_of_proportions(
    a.accuracy(a_epoch), b.accuracy(b_epoch)
  )


def _bounds(interval: Interval) -> dict[str, str]:
  return {
    'difference': _percent(interval.estimate),
    'low': _percent(interval.low),
    'high': _percent(interval.high),
  }


def _percent(value: float) -> str:
  return f'{100 * value:.2f}'


def _number(value: float) -> str:
  return f'{value:.1f}'.removesuffix('.0')
