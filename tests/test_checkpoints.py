"""Checkpoints: whole or passed over, pruned, kept, read by TensorFlow."""

import contextlib
import itertools
import json
import os
import resource
import shutil
import time

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official.estimator import checkpoint_folder, checkpoints
from tests import linear


def save(directory, *steps, **kwargs):
  saver = checkpoint_folder.Checkpoints(str(directory), **kwargs)
  for step in steps:
    values = {
      'global_step': tf.constant(step, tf.int64),
      'layer/kernel': tf.fill([2, 3], float(step)),
    }
    saver.save(values, step)
  return saver


def steps_there(saver):
  return [checkpoints.step_of(prefix) for prefix in saver.all()]


def test_a_checkpoint_is_tensorflows_own_format(tmp_path):
  save(tmp_path, 1, 7)
  latest = tf.train.latest_checkpoint(str(tmp_path))
  assert latest == str(tmp_path / 'model.ckpt-7')
  assert tf.train.list_variables(latest) == [
    ('global_step', []),
    ('layer/kernel', [2, 3]),
  ]
  np.testing.assert_array_equal(
    tf.train.load_variable(latest, 'layer/kernel'), np.full([2, 3], 7.0)
  )


def test_steps_are_numbers_not_strings(tmp_path):
  saver = save(tmp_path, 9, 10, 100, keep_max=2)
  assert steps_there(saver) == [10, 100]
  assert saver.latest() == saver.prefix(100)


@pytest.mark.parametrize('keep_max, left', [(2, [4, 5]), (0, [1, 2, 3, 4, 5])])
def test_old_checkpoints_are_pruned(tmp_path, keep_max, left):
  saver = save(tmp_path, 1, 2, 3, 4, 5, keep_max=keep_max)
  assert steps_there(saver) == left
  assert len(os.listdir(tmp_path)) == 3 * len(left) + 1


def test_what_is_not_pruned_is_not_verified(tmp_path, monkeypatch):
  """There are 3 checkpoints of 5: none is read; one listing of the folder."""
  saver = save(tmp_path, 1, 2, 3)
  listed = []
  names = os.listdir

  def listdir(path):
    listed.append(path)
    return names(path)

  monkeypatch.setattr(os, 'listdir', listdir)
  monkeypatch.setattr(checkpoint_folder.manifests, 'damage', pytest.fail)
  saver._retention.prune(saver.all())
  assert listed == [str(tmp_path)]


def test_a_checkpoint_is_kept_for_good_at_intervals(tmp_path):
  hour = 3600
  saver = save(tmp_path, keep_max=1, keep_every_n_hours=1)
  now = time.time()
  for step, hours in ((1, 0.5), (2, 1.5), (3, 2.0), (4, 2.7), (5, 3.0)):
    save_one(saver, step)
    os.utime(f'{saver.prefix(step)}.index', (now, now + hours * hour))
  save_one(saver, 6)
  assert steps_there(saver) == [2, 4, 6]
  # A later process keeps them too.
  again = save(tmp_path, 7, 8, keep_max=1, keep_every_n_hours=1)
  assert steps_there(again) == [2, 4, 8]


def save_one(saver, step):
  saver.save({'global_step': tf.constant(step, tf.int64)}, step)


def cut(path):
  os.truncate(path, os.path.getsize(path) // 2)


def flip_a_bit(path):
  with open(path, 'r+b') as f:
    f.seek(os.path.getsize(path) // 2)
    (byte,) = f.read(1)
    f.seek(-1, os.SEEK_CUR)
    f.write(bytes([byte ^ 16]))


def empty(path):
  os.truncate(path, 0)


def garble(path):
  with open(path, 'r+b') as f:
    f.write(os.urandom(os.path.getsize(path)))


@pytest.mark.parametrize(
  'suffix, damage',
  [
    *itertools.product(
      ['.data-00000-of-00001', '.index', '.json'],
      [cut, empty, garble, flip_a_bit],
    ),
    ('.data-00000-of-00001', os.remove),
  ],
)
def test_a_damaged_checkpoint_is_passed_over_and_named(
  tmp_path, caplog, suffix, damage
):
  saver = save(tmp_path, 3, 5)
  damage(saver.prefix(5) + suffix)
  assert saver.latest() == saver.prefix(3)
  assert 'model.ckpt-5 is passed over' in caplog.text


def test_a_checkpoint_of_version_0_1_is_verified_by_its_sizes(tmp_path):
  saver = save(tmp_path, 3, 5)
  for step in (3, 5):
    sizes = {
      path.name: path.stat().st_size
      for path in tmp_path.glob(f'model.ckpt-{step}.*')
      if path.suffix != '.json'
    }
    manifest = tmp_path / f'model.ckpt-{step}.json'
    manifest.write_text(json.dumps({'files': sizes}))
  assert saver.latest() == saver.prefix(5)
  cut(saver.prefix(5) + '.data-00000-of-00001')
  assert saver.latest() == saver.prefix(3)


def test_a_lost_or_garbled_checkpoint_file_does_not_matter(tmp_path):
  saver = save(tmp_path, 3, 5)
  (tmp_path / 'checkpoint').write_text('garbage')
  assert saver.latest() == saver.prefix(5)
  (tmp_path / 'checkpoint').unlink()
  assert saver.latest() == saver.prefix(5)


def test_what_a_killed_save_left_is_removed_by_the_next(tmp_path):
  (tmp_path / 'tmp-checkpoint-9-1').mkdir()
  (tmp_path / 'tmp-checkpoint-9-1' / 'model.ckpt-9.index').touch()
  saver = save(tmp_path)
  assert saver.latest() is None
  save_one(saver, 1)
  assert steps_there(saver) == [1]
  assert not list(tmp_path.glob('tmp-*'))


def test_training_goes_on_from_the_newest_whole_checkpoint(tmp_path, caplog):
  estimator = linear.make(tmp_path, save_checkpoints_steps=5)
  estimator.train(linear.train_input, max_steps=10)
  cut(tmp_path / 'model.ckpt-10.data-00000-of-00001')
  again = linear.make(tmp_path, save_checkpoints_steps=5)
  losses = linear.Losses()
  again.train(linear.train_input, hooks=[losses], max_steps=10)
  assert 'model.ckpt-10 is passed over' in caplog.text
  assert len(losses.losses) == 5
  assert again.latest_checkpoint() == str(tmp_path / 'model.ckpt-10')


def test_a_file_that_is_not_a_checkpoint(tmp_path):
  with pytest.raises(ValueError, match='no checkpoint to read at .*nothing'):
    checkpoints.read(str(tmp_path / 'nothing'))


def test_a_checkpoint_remembers_the_state_of_its_run(tmp_path):
  saver = save(tmp_path)
  values = {'global_step': tf.constant(1, tf.int64)}
  prefix = saver.save(values, 1, {'best': 0.5})
  checkpoints.remember(prefix, {'halvings': 2})
  assert checkpoints.state_of(prefix) == {'best': 0.5, 'halvings': 2}
  assert saver.latest() == prefix
  assert checkpoints.state_of(save(tmp_path, 2).latest()) == {}


@pytest.mark.parametrize('keep_max, left', [(1, [9]), (2, [4, 7, 9])])
def test_the_last_whole_checkpoints_are_not_pruned(tmp_path, keep_max, left):
  """A disk has damaged newer ones: 4 is the last whole one before 9."""
  saver = save(tmp_path, 1, 2, 3, 4, 5, 6, 7, keep_max=0)
  for step in (5, 6, 7):
    cut(saver.prefix(step) + '.data-00000-of-00001')
  pruning = checkpoint_folder.Checkpoints(str(tmp_path), keep_max=keep_max)
  save_one(pruning, 9)
  assert pruning.all() == [pruning.prefix(step) for step in left]


def test_the_time_to_keep_one_for_good_is_not_reset_by_a_restart(tmp_path):
  """Each process lives for 0.6 hours; one checkpoint is kept in each hour."""
  hour = 3600
  now = time.time()
  for step in range(1, 6):
    saver = save(tmp_path, keep_max=1, keep_every_n_hours=1)
    save_one(saver, step)
    at = now + 0.6 * hour * step
    os.utime(f'{saver.prefix(step)}.index', (at, at))
  assert steps_there(saver) == [2, 4, 5]


def test_training_clears_up_after_a_killed_process(tmp_path):
  estimator = linear.make(tmp_path)
  estimator.train(linear.train_input, max_steps=2)
  (tmp_path / 'tmp-checkpoint-9-1').mkdir()
  (tmp_path / 'checkpoint').write_text('garbage')
  linear.make(tmp_path, save_checkpoints_secs=None).train(
    linear.train_input, max_steps=3
  )
  assert not list(tmp_path.glob('tmp-*'))
  assert tf.train.latest_checkpoint(str(tmp_path)).endswith('model.ckpt-2')


@contextlib.contextmanager
def small_files():
  """The system lets no file grow past 1,000 bytes, as if the disk were full.

  Not the tests' own output either, if that is a file: keep it short.
  """
  before = resource.getrlimit(resource.RLIMIT_FSIZE)
  resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
  try:
    yield
  finally:
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_what_cannot_be_written_leaves_nothing(tmp_path):
  saver = save(tmp_path, 1)
  there = sorted(os.listdir(tmp_path))
  values = {
    'global_step': tf.constant(2, tf.int64),
    'layer/kernel': tf.random.stateless_normal([1000], [1, 2]),
  }
  with (
    pytest.raises(
      checkpoint_folder.CheckpointWriteError,
      match=r'ckpt-2 could not be written: .*The last one is .*ckpt-1\.',
    ),
    small_files(),
  ):
    saver.save(values, 2)
  assert sorted(os.listdir(tmp_path)) == there
  assert saver.latest() == saver.prefix(1)


def test_a_folder_that_vanishes_is_made_again(tmp_path):
  """The run goes on: old checkpoints are gone, new ones are saved."""

  class Vanish(est.Hook):
    def after_run(self, run):
      if run.global_step == 5:
        shutil.rmtree(tmp_path)

  estimator = linear.make(tmp_path, save_checkpoints_steps=4)
  estimator.train(linear.train_input, hooks=[Vanish()], max_steps=10)
  assert steps_there(checkpoint_folder.Checkpoints(str(tmp_path))) == [8, 10]
