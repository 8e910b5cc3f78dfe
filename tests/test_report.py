"""The report: its intervals checked by hand, its sentences by the numbers."""

import json

import numpy as np
import pytest

from official.errors import DataError
from official.estimator import checkpoint_listing
from official.report import conclusion, content, groups, intervals, runs
from official.report.language import Language
from official.run import folder as run_folder
from official.run import parameters
from tests.runs import write_run

ENGLISH = Language('en')


@pytest.mark.parametrize(
  'count, total, low, high',
  # Newcombe 1998, table I, method 3.
  [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)],
)
def test_a_share_by_the_published_examples(count, total, low, high):
  found = intervals.proportion(count, total)
  assert found.estimate == count / total
  assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
  'a, b, low, high',
  # Newcombe 1998b, table II, method 10.
  [
    ((56, 70), (48, 80), 0.0524, 0.3339),
    ((9, 10), (3, 10), 0.1705, 0.8090),
    ((10, 10), (0, 10), 0.6075, 1.0),
  ],
)
def test_a_difference_of_proportions_by_the_published_examples(a, b, low, high):
  found = intervals.difference_of_proportions(
    intervals.proportion(*a), intervals.proportion(*b)
  )
  assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_mean_and_a_difference_of_means_by_hand():
  # Mean 2, deviation 1, error 1/sqrt(3), t of 2 degrees 4.303.
  found = intervals.mean([1, 2, 3])
  assert found == pytest.approx((2, 2 - 4.303 / 3**0.5, 2 + 4.303 / 3**0.5))
  # Equal deviations: 4 degrees, t 2.776, error sqrt(2/3).
  found = intervals.difference_of_means([1, 2, 3], [3, 4, 5])
  half = 2.776 * (2 / 3) ** 0.5
  assert found == pytest.approx((-2, -2 - half, -2 + half))
  assert intervals.difference_of_means([1, 1], [2, 2]) == (-1, -1, -1)


def test_an_interval_over_seeds_holds_the_truth_19_times_of_20():
  random = np.random.RandomState(0)
  found = [intervals.mean(random.randn(4).tolist()) for _ in range(4000)]
  held = np.mean([i.low <= 0 <= i.high for i in found])
  assert held == pytest.approx(0.95, abs=0.01)


def test_what_a_folder_tells(tmp_path):
  """Two processes, an hour apart; evaluations of 100 s."""
  run = write_run(tmp_path / 'a', 'AlexNet', [0.9, 0.95], pause=3600)
  assert [e.epoch for e in run.evaluations] == [1, 2]
  assert run.seconds_per_epoch == pytest.approx(5)
  # 9 gaps of half a second and an evaluation; then 9 more and another one.
  assert [e.seconds for e in run.evaluations] == pytest.approx([104.5, 209])
  assert run.curves['loss'].values[:2] == [1, 0.5]
  assert runs.smoothed(run.curves['loss'], 2).values[0] == pytest.approx(
    np.mean([1 / n for n in range(1, 11)])
  )


@pytest.mark.parametrize('recorded', [16, None])
def test_parameters_are_those_of_the_run_or_of_its_checkpoint(
  tmp_path, recorded
):
  """12 and 4: neither the slots nor the statistics are trained."""
  run = write_run(tmp_path / 'a', 'AlexNet', [0.9], parameters=recorded)
  assert run.parameters == 16


def test_a_run_writes_the_parameters_that_its_checkpoint_has(finished):
  folder = str(finished[0] / 'run')
  config = run_folder.read_config(folder)['config']
  checkpoint = checkpoint_listing.latest(folder)
  assert config['parameters'] == parameters.count({}, checkpoint) > 0


def test_of_several_evaluations_at_a_step_the_first_one_counts(tmp_path):
  write_run(tmp_path / 'a', 'AlexNet', [0.9, 0.95])
  later = {
    **{'kind': 'eval', 'step': 10, 'time': 9999.0, 'accuracy': 0.1},
    'cross_entropy': 1.0,
  }
  with open(tmp_path / 'a' / 'metrics.jsonl', 'a') as f:
    f.write(json.dumps(later) + '\n')
  run = runs.load(str(tmp_path / 'a'))
  assert [e.accuracy for e in run.evaluations] == [0.9, 0.95]


def said(*made):
  return conclusion.sentences(groups.group_runs(made, ENGLISH), ENGLISH)


def test_what_is_said_of_two_that_differ(tmp_path):
  a = write_run(tmp_path / 'a', 'AlexNet', [0.5, 0.9], seconds=0.4)
  b = write_run(tmp_path / 'b', 'ResNet', [0.6, 0.96, 0.99], seconds=0.8)
  lines = said(a, b)
  assert lines[0] == (
    'AlexNet classifies 90.00 % of the test images correctly after 2 epochs '
    '(95 % interval 87.98 to 91.71, over the test images of one run).'
  )
  assert lines[1].startswith(
    'ResNet classifies 99.00 % of the test images correctly after 3 epochs'
  )
  assert lines[2] == (
    'After 2 epochs, ResNet is more accurate than AlexNet by 6.00 percentage '
    'points (95 % interval 3.79 to 8.27).'
  )
  assert lines[3] == (
    'An epoch of ResNet takes 8 s and an epoch of AlexNet 4 s: 2.00 times as '
    'long (no interval, because that needs two seeds of each).'
  )


def test_an_interval_is_of_as_many_images_as_were_evaluated(tmp_path):
  """Wilson's of 9 of 10, by hand; the set has 1,000."""
  made = write_run(tmp_path / 'a', 'AlexNet', [0.9], examples=10)
  assert '95 % interval 59.58 to 98.21' in said(made)[0]
  composed = content.compose(groups.group_runs([made], ENGLISH), [], ENGLISH)
  assert composed.lead.startswith(
    '1 run, 600 training images and 10 test images.'
  )
  other = write_run(tmp_path / 'b', 'ResNet', [0.9])
  composed = content.compose(
    groups.group_runs([made, other], ENGLISH), [], ENGLISH
  )
  assert (
    '2 runs, 600 training images and 10 / 1,000 test images' in composed.lead
  )


def test_what_is_said_of_two_that_do_not(tmp_path):
  a = write_run(tmp_path / 'a', 'AlexNet', [0.950])
  b = write_run(tmp_path / 'b', 'ResNet', [0.955])
  assert (
    'After 1 epoch, AlexNet and ResNet are not distinguishable' in said(a, b)[2]
  )


def test_seeds_are_one_row_with_an_interval_over_them(tmp_path):
  made = [
    write_run(tmp_path / f'{name}{seed}', name, [accuracy], seed=seed)
    for name, accuracies in (
      ('AlexNet', (0.90, 0.91, 0.92)),
      ('ResNet', (0.96, 0.97, 0.98)),
    )
    for seed, accuracy in enumerate(accuracies)
  ]
  found = groups.group_runs(made, ENGLISH)
  assert [len(group.runs) for group in found] == [3, 3]
  assert content.compose(found, [], ENGLISH).results.rows[0][:7] == [
    'AlexNet',
    '16',
    '–',
    '0, 1, 2',
    '1',
    '91.00',
    '88.52 to 93.48',
  ]
  lines = conclusion.sentences(found, ENGLISH)
  assert 'ResNet is more accurate than AlexNet by 6.00' in lines[2]
  assert '(95 % interval 3.73 to 8.27)' in lines[2]


def test_settings_tell_runs_of_one_network_apart(tmp_path):
  a = write_run(tmp_path / 'a', 'AlexNet', [0.9])
  b = write_run(
    tmp_path / 'b',
    'AlexNet',
    [0.9],
    settings=['--optimizer=adam', '--log_steps=7'],
  )
  names = [group.name for group in groups.group_runs([a, b], ENGLISH)]
  assert names == ['AlexNet (defaults)', 'AlexNet (optimizer=adam)']


@pytest.mark.parametrize(
  'spoil, message',
  [
    (lambda f: (f / 'config.json').unlink(), 'is not the folder of a run'),
    (lambda f: (f / 'metrics.jsonl').unlink(), 'has no steps and evaluations'),
    (
      lambda f: (f / 'config.json').write_text(
        '{"identity": {"network": "x"}, "config": {}}'
      ),
      'was made by an older version: type its command again',
    ),
  ],
)
def test_a_folder_that_cannot_be_reported(tmp_path, spoil, message):
  write_run(tmp_path / 'a', 'AlexNet', [0.9])
  spoil(tmp_path / 'a')
  with pytest.raises(DataError, match=message):
    runs.load(str(tmp_path / 'a'))
  with pytest.raises(DataError, match='there is no folder'):
    runs.load(str(tmp_path / 'b'))
