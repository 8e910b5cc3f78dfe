"""`metrics.jsonl` of a long run: read in little memory, exact over a crash."""

import json
import os
import random
import tracemalloc

import pytest

from official.estimator import evaluation_search
from official.estimator.metrics_log import MetricsLog


def lines_of(folder):
  return (folder / 'metrics.jsonl').read_bytes().splitlines(keepends=True)


def write(folder, *records, end='\n'):
  text = '\n'.join(json.dumps(record) for record in records) + end
  (folder / 'metrics.jsonl').write_text(text)
  return MetricsLog(str(folder))


def line(kind, step, **values):
  return {'kind': kind, 'step': step, 'time': 1000.5 + step, **values}


def test_a_long_log_is_read_in_little_memory(tmp_path):
  """60,000 lines are 9 MB; as dicts they took 60 MB."""
  text = ''.join(
    json.dumps(line('train', step, loss=0.123456789, learning_rate=0.1))
    + '\n'
    + (json.dumps(line('eval', step, accuracy=0.5)) + '\n') * (not step % 1000)
    for step in range(1, 60_001)
  )
  (tmp_path / 'metrics.jsonl').write_text(text)
  log = MetricsLog(str(tmp_path))
  tracemalloc.start()
  try:
    evaluations = log.read('eval')
    log.go_back(50_500, evaluations[:50])
    peak = tracemalloc.get_traced_memory()[1]
  finally:
    tracemalloc.stop()
  assert [r['step'] for r in evaluations] == [*range(1000, 60_001, 1000)]
  assert peak < 2 * 2**20
  assert (tmp_path / 'metrics.jsonl').read_text() == text[
    : text.index('{"kind": "train", "step": 50501')
  ]


def test_no_part_of_a_log_is_searched_twice(tmp_path, monkeypatch):
  log = write(tmp_path, *[line('train', step) for step in range(50_000)])
  read = []
  blocks = evaluation_search._blocks

  def counted(f):
    for buffer, length in blocks(f):
      read.append(length)
      yield buffer, length

  monkeypatch.setattr(evaluation_search, '_blocks', counted)
  assert log.read('eval') == []
  assert sum(read) == os.path.getsize(log.path)
  read.clear()
  MetricsLog(str(tmp_path)).append('eval', 7, {'accuracy': 0.5})
  (evaluation,) = log.read('eval')
  assert (evaluation['step'], evaluation['accuracy']) == (7, 0.5)
  assert sum(read) == len(lines_of(tmp_path)[-1])


@pytest.mark.parametrize('block', [7, 64, 1000])
def test_lines_are_found_wherever_blocks_end(tmp_path, monkeypatch, block):
  """Lines of both kinds, in any order, with the letters of `eval` elsewhere."""
  monkeypatch.setattr(evaluation_search, '_BLOCK', block)
  generator = random.Random(block)
  log = MetricsLog(str(tmp_path))
  expected = []
  for step in range(200):
    name = generator.choice([None, 'eval', 'valid', 'v'])
    if generator.random() < 0.4:
      log.append('eval', step, {'v': step, 'note': 'eval'}, name)
      expected.append((step, name))
    else:
      log.append('train', step, {'eval': 1.0, 'v' * 70: 'an eval', 'é': 'é'})
    if generator.random() < 0.3:
      evaluations = [(r['step'], r.get('name')) for r in log.evaluations()]
      assert evaluations == expected
  for name in (None, 'eval', 'valid', 'v', 'none'):
    steps = [r['step'] for r in MetricsLog(str(tmp_path)).read('eval', name)]
    assert steps == [step for step, of_name in expected if of_name == name]


@pytest.mark.parametrize(
  'separators', [(',', ':'), (', ', ': '), (' , ', ' :')]
)
def test_json_of_another_style_is_read(tmp_path, separators):
  text = json.dumps(line('eval', 3, accuracy=0.5), separators=separators)
  (tmp_path / 'metrics.jsonl').write_text(f'{text}\n{text}')
  log = MetricsLog(str(tmp_path))
  assert [r['step'] for r in log.read('eval')] == [3, 3]
  log.go_back(3, [])
  assert [r['step'] for r in log.read('eval')] == [3, 3]
  log.go_back(2, [])
  assert log.read('eval') == []


def test_an_evaluation_after_a_torn_line_is_not_lost(tmp_path):
  """A process was killed while it wrote a line; another only evaluates."""
  log = write(tmp_path, line('train', 1), end='\n{"kind": "train", "st')
  log.append('eval', 1, {'accuracy': 0.5})
  assert [r['accuracy'] for r in log.read('eval')] == [0.5]
  assert [r['step'] for r in log.read('train')] == [1]
  log.go_back(1, [])
  kinds = [json.loads(text)['kind'] for text in lines_of(tmp_path)]
  assert kinds == ['train', 'eval']


def test_an_evaluation_that_is_still_being_written_is_read_once(tmp_path):
  whole = json.dumps(line('eval', 2, accuracy=0.5))
  log = write(tmp_path, line('eval', 1), end='\n')
  for end in ('', whole[:20], whole, whole + '\n', whole + '\n'):
    text = lines_of(tmp_path)[0].decode() + end
    with open(log.path, 'r+', encoding='utf-8') as f:  # The same inode.
      f.write(text)
    steps = [r['step'] for r in log.read('eval')]
    assert steps == ([1, 2] if len(end) >= len(whole) else [1])


def test_a_log_that_another_process_replaced_or_cut_is_read_anew(tmp_path):
  log = write(tmp_path, *[line('eval', step) for step in range(9)])
  assert len(log.read('eval')) == 9
  MetricsLog(str(tmp_path)).go_back(3, [])  # Cuts it.
  assert [r['step'] for r in log.read('eval')] == [0, 1, 2, 3]
  write(tmp_path, *[line('eval', step) for step in range(20, 40)])
  assert [r['step'] for r in log.read('eval')] == [*range(20, 40)]
  os.remove(log.path)
  assert log.read('eval') == []
  write(tmp_path, line('eval', 5))
  assert [r['step'] for r in log.read('eval')] == [5]


def test_a_reader_may_change_what_it_has_read(tmp_path):
  log = write(tmp_path, line('eval', 1, accuracy=0.5))
  log.read('eval')[0]['accuracy'] = 'spoilt'
  assert log.read('eval')[0]['accuracy'] == 0.5


@pytest.mark.parametrize(
  'there, step, remembered, left',
  [
    # Steps that a killed run made after its checkpoint are removed.
    ([('train', 1), ('train', 2), ('train', 3)], 2, [], [1, 2]),
    # An evaluation of an old checkpoint stands behind later steps.
    ([('train', 1), ('train', 9), ('eval', 1)], 1, [], [1, 1]),
    # Lost evaluations come back where they belong.
    ([('train', 1), ('train', 3), ('train', 4)], 3, [2], [1, 2, 3]),
    ([('train', 1), ('train', 2), ('train', 3)], 2, [2], [1, 2, 2]),
    ([('train', 1), ('eval', 2)], 2, [2], [1, 2]),
    ([], 2, [1, 2], [1, 2]),
    ([('train', 1), ('eval', 1)], 0, [], []),
  ],
)
def test_a_log_goes_back_to_its_checkpoint(
  tmp_path, there, step, remembered, left
):
  for end in ('\n', '', '\n{"kind": "tra', '\n\xff\n'):
    log = write(tmp_path, *[line(*record) for record in there], end=end)
    log.evaluations()
    log.go_back(step, [line('eval', other) for other in remembered])
    steps = [json.loads(text)['step'] for text in lines_of(tmp_path)]
    assert steps == left, end
    assert os.listdir(tmp_path) == ['metrics.jsonl']
    evaluations = [r['step'] for r in log.read('eval')]
    assert evaluations == [
      r['step']
      for r in map(json.loads, lines_of(tmp_path))
      if 'eval' in r['kind']
    ]


def test_a_log_that_is_right_is_not_written_again(tmp_path):
  log = write(tmp_path, line('train', 1), line('eval', 1), line('train', 2))
  before = os.stat(log.path)
  log.go_back(2, log.evaluations())
  after = os.stat(log.path)
  assert (after.st_ino, after.st_mtime_ns) == (
    before.st_ino,
    before.st_mtime_ns,
  )
