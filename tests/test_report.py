"""The report: intervals by hand, sentences from figures, pages that stand."""

import html
import json
import re
import xml.etree.ElementTree

import numpy as np
import pytest
import tensorflow as tf

from official.errors import DataError
from official.estimator import Checkpoints
from official.report import conclusion, intervals, pages, plots, runs


@pytest.mark.parametrize(
  'count, total, low, high',
  # Newcombe 1998, table I, method 3.
  [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)],
)
def test_a_share_by_the_published_examples(count, total, low, high):
  found = intervals.share(count, total)
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
def test_a_difference_of_shares_by_the_published_examples(a, b, low, high):
  found = intervals.difference_of_shares(
    intervals.share(*a), intervals.share(*b)
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


def write_run(
  folder, network, accuracies, *, seed=1, seconds=0.5, settings=(), pause=None
):
  """A run of 10 steps an epoch and an evaluation of 1,000 images after each."""
  folder.mkdir(parents=True)
  kernel = tf.ones([3, 4])
  Checkpoints(str(folder)).save(
    {
      'net/dense/kernel': kernel,
      'net/dense/kernel/Momentum': kernel,
      'net/bn/gamma': tf.ones([4]),
      'net/bn/moving_mean': tf.ones([4]),
      'global_step': tf.constant(10 * len(accuracies), tf.int64),
    },
    10 * len(accuracies),
  )
  config = {
    'arguments': [*settings, f'--seed={seed}'],
    'batch_size': 60,
    'num_images': {'train': 600, 'test': 1000},
    'seed': seed,
    'environment': {'tensorflow': '2.21.0'},
  }
  identity = {'network': network, 'dataset': 'MNIST'}
  (folder / 'config.json').write_text(
    json.dumps({'identity': identity, 'config': config})
  )
  now, lines = 1000.0, []
  for epoch, accuracy in enumerate(accuracies):
    for step in range(1, 11):
      now += seconds + (pause if pause and (epoch, step) == (1, 5) else 0)
      lines.append({
        'kind': 'train',
        'step': 10 * epoch + step,
        'time': now,
        'loss': 1 / (10 * epoch + step),
        'train_accuracy': 0.5,
        'learning_rate': 0.1,
      })
    now += 100
    lines.append({
      'kind': 'eval',
      'step': 10 * epoch + 10,
      'time': now,
      'accuracy': accuracy,
      'cross_entropy': 1 - accuracy,
    })
  (folder / 'metrics.jsonl').write_text(
    ''.join(json.dumps(line) + '\n' for line in lines)
  )
  return runs.load(str(folder))


def test_what_a_folder_tells(tmp_path):
  """Two processes, an hour apart; evaluations of 100 s."""
  run = write_run(tmp_path / 'a', 'AlexNet', [0.9, 0.95], pause=3600)
  assert run.parameters == 16  # 12 and 4, not the slots, not the statistics
  assert [e.epoch for e in run.evaluations] == [1, 2]
  assert run.seconds_per_epoch == pytest.approx(5)
  # 9 gaps of half a second and an evaluation; then 9 more and another one.
  assert [e.seconds for e in run.evaluations] == pytest.approx([104.5, 209])
  assert run.curves['loss'].values[:2] == [1, 0.5]
  assert runs.smoothed(run.curves['loss'], 2).values[0] == pytest.approx(
    np.mean([1 / n for n in range(1, 11)])
  )


def said(*made):
  return conclusion.sentences(conclusion.group(made))


def test_what_is_said_of_two_that_differ(tmp_path):
  a = write_run(tmp_path / 'a', 'AlexNet', [0.5, 0.9], seconds=0.4)
  b = write_run(tmp_path / 'b', 'ResNet', [0.6, 0.96, 0.99], seconds=0.8)
  lines = said(a, b)
  assert lines[0] == (
    'AlexNet: 90.00 % of the test images right after 2 epochs (95 % interval '
    '87.98 to 91.71; one seed, by its test images).'
  )
  assert lines[1].startswith('ResNet: 99.00 % of the test images right after 3')
  assert lines[2] == (
    'After 2 epochs ResNet is more accurate than AlexNet, by 6.00 percentage '
    'points (95 % interval 3.79 to 8.27).'
  )
  assert lines[3] == (
    'An epoch takes ResNet 8 s and AlexNet 4 s: 2.00 times as long.'
  )


def test_what_is_said_of_two_that_do_not(tmp_path):
  a = write_run(tmp_path / 'a', 'AlexNet', [0.950])
  b = write_run(tmp_path / 'b', 'ResNet', [0.955])
  assert (
    'After 1 epoch AlexNet and ResNet are not distinguishable' in said(a, b)[2]
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
  groups = conclusion.group(made)
  assert [len(group.runs) for group in groups] == [3, 3]
  assert pages.rows(groups)[0][:6] == [
    'AlexNet',
    '16',
    '0, 1, 2',
    '1',
    '91.00',
    '88.52 to 93.48',
  ]
  lines = conclusion.sentences(groups)
  assert 'ResNet is more accurate than AlexNet, by 6.00' in lines[2]
  assert '(95 % interval 3.73 to 8.27)' in lines[2]


def test_settings_tell_runs_of_one_network_apart(tmp_path):
  a = write_run(tmp_path / 'a', 'AlexNet', [0.9])
  b = write_run(
    tmp_path / 'b',
    'AlexNet',
    [0.9],
    settings=['--optimizer=adam', '--log_steps=7'],
  )
  names = [group.name for group in conclusion.group([a, b])]
  assert names == ['AlexNet (defaults)', 'AlexNet (optimizer=adam)']


def test_the_page_needs_no_network_and_trusts_no_name(tmp_path):
  run = write_run(tmp_path / 'a', '<b>Net</b>', [0.9, 0.95])
  groups = conclusion.group([run])
  sentences = conclusion.sentences(groups)
  drawn = plots.draw(groups)
  page = pages.html(groups, sentences, drawn)
  assert '<b>Net</b>' not in page and '&lt;b&gt;Net&lt;/b&gt;' in page
  sources = re.findall(r'(?:src|href)="([^"]*)"', page)
  assert len(sources) == len(pages.TITLES) == len(drawn)
  assert all(s.startswith('data:image/svg+xml;base64,') for s in sources)
  assert html.escape(sentences[0]) in page
  text = pages.markdown(groups, sentences)
  assert f'- {sentences[0]}' in text
  for name, files in drawn.items():
    assert f']({name}.png)' in text
    assert files['png'].startswith(b'\x89PNG')
    xml.etree.ElementTree.fromstring(files['svg'])
  assert drawn == plots.draw(groups)


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


def test_the_command(tmp_path, run):
  folders = [tmp_path / name for name in ('a', 'b')]
  for folder, accuracy in zip(folders, (0.9, 0.95), strict=True):
    write_run(folder, f'Net {folder.name}', [accuracy])
  out = tmp_path / 'out'
  done = run('-m', 'official.report', f'--out={out}', *folders)
  assert (done.returncode, done.stderr) == (0, '')
  assert 'After 1 epoch Net b is more accurate than Net a' in done.stdout
  names = {path.name for path in out.iterdir()}
  assert {'report.html', 'report.md', 'learning_rate.svg'} <= names
  wrong = run('-m', 'official.report', f'--out={out}', tmp_path)
  assert wrong.returncode == 1
  assert wrong.stderr == f'error: {tmp_path} is not the folder of a run\n'
