"""Killed at any point, a run ends with the bits of an uninterrupted one."""

import pathlib
import signal

import pytest
import tensorflow as tf

from official import estimator as est
from tests import conftest, faults

# The small MNIST has 8 steps per epoch, and an evaluation after each.
SMALL = (
  '--batch_size=64',
  '--train_epochs=3',
  '--save_checkpoints_steps=3',
  '--keep_checkpoint_max=2',
  '--log_steps=8',
)
RESNET = ('resnet.mnist_main', 1, ('--resnet_size=8',))
ALEXNET = ('alexnet.mnist_main', 1, ('--dropout_rate=0.5',))
REPLICAS = (
  'alexnet.mnist_main',
  2,
  ('--dropout_rate=0.5', '--distribution_strategy=mirrored'),
)
RESNET_REPLICAS = (
  'resnet.mnist_main',
  2,
  ('--resnet_size=8', '--distribution_strategy=mirrored'),
)

# The points of the fast tests; all are in `faults.POINTS`.
FEW = (
  'replace:.index:before:3',
  'append::torn:7',
)


def run(job, folder, mnist_folder, *arguments, point='none'):
  module, devices, flags = job
  arguments = [
    *SMALL,
    *flags,
    f'--data_dir={mnist_folder}',
    f'--model_dir={folder}/run',
    *arguments,
  ]
  return faults.finish(faults.start(point, arguments, module, devices))


def is_whole(folder):
  """Whether a run can go on from the present files at once."""
  checkpoints = est.Checkpoints(str(folder / 'run'))
  latest = checkpoints.latest()
  assert latest is None or tf.train.load_checkpoint(latest)
  return latest is not None


def kill(job, points, killed, mnist_folder):
  """A run that dies at every point in turn, and then finishes."""
  for point in points:
    code, stdout, stderr = run(job, killed, mnist_folder, point=point)
    assert (code, stderr) == (-signal.SIGKILL, ''), (point, stdout, stderr)
    if pathlib.Path(killed / 'run' / 'model.ckpt-0.index').exists():
      assert is_whole(killed), point
  code, stdout, stderr = run(job, killed, mnist_folder)
  assert (code, stderr) == (0, ''), stdout


def compare(killed, unbroken):
  """Whether two runs are the same to the bit."""
  assert faults.digest(killed / 'run') == faults.digest(unbroken / 'run')
  assert faults.story(killed / 'run') == faults.story(unbroken / 'run')
  assert faults.leftovers(killed / 'run') == []


def kill_and_compare(job, points, tmp_path, mnist_folder):
  """A run that dies at every point in turn, and one that does not."""
  killed, unbroken = tmp_path / 'killed', tmp_path / 'unbroken'
  kill(job, points, killed, mnist_folder)
  code, stdout, stderr = run(job, unbroken, mnist_folder)
  assert (code, stderr) == (0, ''), stdout
  compare(killed, unbroken)


def test_killed_inside_a_save_and_a_line(tmp_path, mnist_folder, finished):
  """The other run saved at other steps, and had summaries and an export."""
  few = (RESNET[0], 1, (*conftest.SMALL, '--log_steps=4'))
  kill(few, FEW, tmp_path, mnist_folder)
  compare(tmp_path, finished[0])


@pytest.mark.slow
def test_killed_inside_an_evaluation(tmp_path, mnist_folder):
  kill_and_compare(RESNET, ['call:eval:after:2'], tmp_path, mnist_folder)


@pytest.mark.slow
@pytest.mark.parametrize('part', range(3))
def test_killed_at_every_named_point(tmp_path, mnist_folder, part):
  points = faults.POINTS[part::3]
  kill_and_compare(RESNET, points, tmp_path, mnist_folder)


@pytest.mark.slow
@pytest.mark.parametrize(
  'job', [ALEXNET, REPLICAS, RESNET_REPLICAS], ids=['one', 'two', 'resnet-two']
)
def test_dropout_and_replicas_go_on_to_the_same_bits(
  tmp_path, mnist_folder, job
):
  points = (
    'call:train:after:5',
    'replace:.index:before:2',
    'call:train:before:4',
  )
  kill_and_compare(job, points, tmp_path, mnist_folder)


@pytest.mark.slow
def test_killed_inside_an_export_there_is_none_or_a_whole_one(
  tmp_path, mnist_folder
):
  export = ('--export_dir', tmp_path / 'exports')
  for point, exports in zip(faults.EXPORT_POINTS, (0, 1), strict=True):
    code, _, stderr = run(RESNET, tmp_path, mnist_folder, *export, point=point)
    assert (code, stderr) == (-signal.SIGKILL, '')
    found = [p for p in (tmp_path / 'exports').iterdir() if p.name.isdigit()]
    assert len(found) == exports
  code, _, stderr = run(RESNET, tmp_path, mnist_folder, *export)
  assert (code, stderr) == (0, '')
  found = sorted(p.name for p in (tmp_path / 'exports').iterdir())
  assert len(found) == 2 and all(name.isdigit() for name in found)
  for name in found:
    loaded = tf.saved_model.load(str(tmp_path / 'exports' / name))
    assert 'serving_default' in loaded.signatures


@pytest.mark.slow
def test_killed_at_random(tmp_path, mnist_folder):
  """`python -m tests.faults` does it 100 times on the whole MNIST."""
  arguments = [
    *SMALL,
    *RESNET[2],
    '--train_epochs=60',
    f'--data_dir={mnist_folder}',
  ]
  wrong, told = faults.kill_at_random(
    arguments, tmp_path / 'killed', kills=8, seed=1, most_seconds=14
  )
  assert wrong == [], told
  for name in ('killed', 'unbroken'):
    process = faults.start(
      'none', [*arguments, f'--model_dir={tmp_path}/{name}']
    )
    assert faults.finish(process)[::2] == (0, '')
  assert faults.digest(tmp_path / 'killed') == faults.digest(
    tmp_path / 'unbroken'
  )
  assert faults.story(tmp_path / 'killed') == faults.story(
    tmp_path / 'unbroken'
  )


SIGNALS = [(signal.SIGINT, 130), (signal.SIGTERM, 143)]


def signalled(tmp_path, mnist_folder, phase, number, delay):
  """A run that gets a signal in a phase, and the same command again."""
  export = ('--export_dir', tmp_path / 'exports')
  point = f'{phase}:{number.name}:{delay}'
  code, _, stderr = run(RESNET, tmp_path, mnist_folder, *export, point=point)
  is_training = phase == 'call:train'
  if is_training:
    saved = est.step_of(est.Checkpoints(str(tmp_path / 'run')).latest())
    steps = [r['step'] for r in faults.story(tmp_path / 'run') if 'loss' in r]
    assert saved == max(steps)
  exports = tmp_path / 'exports'
  assert [p for p in exports.iterdir() if not p.name.isdigit()] == []
  again = run(RESNET, tmp_path, mnist_folder, *export)
  assert again[::2] == (0, '')
  assert faults.leftovers(tmp_path / 'run') == []
  return code, stderr.strip()


@pytest.mark.slow
@pytest.mark.parametrize('number, code', SIGNALS)
@pytest.mark.parametrize(
  'phase, most',
  [
    ('trace:train', 1600),
    ('call:train', 200),
    ('trace:eval', 400),
    ('export:', 500),
  ],
)
def test_a_signal_in_any_phase_ends_the_run_in_order(
  tmp_path, mnist_folder, phase, most, number, code
):
  """Five moments of each phase; the same command then ends the run."""
  for i in range(5):
    folder = tmp_path / str(i)
    folder.mkdir()
    found, line = signalled(folder, mnist_folder, phase, number, most * i // 4)
    word = 'interrupted' if number == signal.SIGINT else 'terminated'
    assert (found, line) == (
      code,
      f'{word}: the same command goes on from here',
    )
