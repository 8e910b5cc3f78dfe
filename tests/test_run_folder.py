"""The files that a command leaves in the folder of a run, if it fails too."""

import errno
import functools
import hashlib
import os
import pathlib
import shutil
import socket
import types

import numpy as np
import pytest
import tensorflow as tf

from official import devices as devices_lib
from official import estimator as est
from official import flags as flags_lib
from official.datasets import catalog, in_memory
from official.errors import UsageError, UserError
from official.estimator import checkpoint_folder, manifests
from official.export import folders as export_folders
from official.flags import effects
from official.report import __main__ as report
from official.run import config as run_config
from official.run import folder as run_folder
from official.run import user_errors
from resnet import resnet_model_fns, resnet_run_loop
from resnet.resnet_flags import ResNetSettings
from tests.conftest import SMALL

SPLIT = in_memory.Split(
  np.zeros([64, 4, 4, 1], np.uint8), np.arange(64, dtype=np.int32) % 2
)


def snapshot(folder):
  """Every folder and file below one; of files the time and the content."""
  return {
    str(path.relative_to(folder)): path.is_file()
    and (
      path.stat().st_mtime_ns,
      hashlib.sha256(path.read_bytes()).hexdigest(),
    )
    for path in pathlib.Path(folder).rglob('*')
  }


def network(name='weight', fail_at=None):
  """The model_fn of one variable, which training lowers."""

  def model_fn(features, labels, mode, params):
    weight = tf.Variable(lambda: tf.ones([]), name=name)
    if mode == est.ModeKeys.EVAL:
      metrics = {
        key: est.metrics.mean(weight, name=key)
        for key in ('accuracy', 'cross_entropy')
      }
      return est.EstimatorSpec(mode, loss=weight, eval_metric_ops=metrics)
    step = tf.compat.v1.train.get_global_step()
    loss = tf.identity(weight)
    if fail_at is not None:
      loss += tf.gather(tf.zeros([fail_at]), tf.cast(step, tf.int32))
    updates = [weight.assign_sub(0.01), step.assign_add(1)]
    return est.EstimatorSpec(mode, loss=loss, train_op=tf.group(*updates))

  return model_fn


@pytest.fixture
def zeros(parse, tmp_path):
  """A main on zeros, in this process; everything it writes is in `tmp_path`."""

  def run(*arguments, function=None, check=None):
    usual = ['--train_epochs=1', '--nodeterministic', '--batch_size=8']
    flags_obj = parse(
      *effects.acting(usual, *arguments),
      f'--model_dir={tmp_path}/run',
      *arguments,
    )
    dataset = in_memory.dataset('zeros', {'train': SPLIT, 'test': SPLIT})
    object.__setattr__(dataset, 'check', check)
    return resnet_run_loop.resnet_main(
      flags_obj,
      function or network(),
      dataset,
      'Network',
      lambda step: tf.constant(1.0),
      devices_lib.configure(flags_obj),
    )

  return run


def foreign(folder):
  """A run of which only TensorFlow's checkpoint files exist."""
  saver = checkpoint_folder.Checkpoints(str(folder))
  prefix = saver.save(
    {'weight': tf.constant(1.0), 'global_step': tf.constant(8, tf.int64)}, 8
  )
  os.remove(f'{prefix}.json')


def test_clean_is_refused_where_a_run_is_to_be_read(parse, tmp_path):
  for flag in ('eval_only', 'export_only'):
    with pytest.raises(UsageError, match=f'--{flag}.*clean|clean.*--{flag}'):
      parse(f'--{flag}', '--clean', '--export_dir=e')
    parse(f'--no{flag}', '--noclean')
  settings = flags_lib.Settings(
    model_dir=str(tmp_path), clean=True, eval_only=True
  )
  foreign(tmp_path)
  before = snapshot(tmp_path)
  with (
    pytest.raises(UsageError, match='--clean would delete the run'),
    run_config.opened(settings, 'N', DATASET, True),
  ):
    pass
  assert snapshot(tmp_path) == before


DATASET = in_memory.dataset('zeros', {'train': SPLIT, 'test': SPLIT})


def test_clean_is_advised_only_where_it_is_allowed(tmp_path):
  folder = str(tmp_path)
  run_folder.write_config(folder, {'network': 'A'}, {}, training={'seed': 1})
  with pytest.raises(UsageError, match='A there, B .*--clean to delete'):
    run_folder.check(folder, {'network': 'B'}, training={'seed': 1})
  with pytest.raises(UsageError, match='A there, B .* the flags of') as caught:
    run_folder.check(folder, {'network': 'B'})
  assert '--clean' not in str(caught.value)


def test_clean_waits_for_the_lock(zeros, tmp_path):
  """Another process trains there: nothing of its run is touched."""
  zeros()
  with run_folder.lock(str(tmp_path / 'run')):
    before = snapshot(tmp_path)
    with pytest.raises(UsageError, match='is in use by process'):
      zeros('--clean')
    assert snapshot(tmp_path) == before
    assert zeros('--eval_only')['global_step'] == 8  # This one may look.
  assert zeros('--clean', '--train_epochs=2')['global_step'] == 16


def test_an_evaluation_with_the_wrong_flags_leaves_no_trace(zeros, tmp_path):
  foreign(tmp_path / 'run')
  before = snapshot(tmp_path)
  for arguments in (['--eval_only'], [], ['--train_epochs=2']):
    with pytest.raises(UsageError, match='Missing: another'):
      zeros(*arguments, function=network('another'))
    assert snapshot(tmp_path) == before
  assert zeros('--eval_only')['loss'] == 1.0
  config = run_folder.read_config(str(tmp_path / 'run'))
  assert config['identity']['network'] == 'Network'
  with pytest.raises(UsageError, match='Missing: another'):
    zeros('--eval_only', function=network('another'))


@pytest.mark.parametrize(
  'arguments',
  [['--eval_only'], ['--export_only'], ['--train_epochs=0'], []],
)
def test_a_refused_command_makes_no_folder(zeros, tmp_path, arguments):
  def broken(features, labels, mode, params):
    raise UserError('refused')

  with pytest.raises(UserError, match='no checkpoint|refused'):
    zeros(*arguments, f'--export_dir={tmp_path}/a/exports', function=broken)
  assert os.listdir(tmp_path) == []


def test_a_first_checkpoint_that_fails_leaves_no_settings(
  zeros, tmp_path, monkeypatch
):
  """So that the next command, whatever it trains, is not refused."""

  def full(scratch, values):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

  with monkeypatch.context() as patch:
    patch.setattr(checkpoint_folder, '_write_values', full)
    with pytest.raises(UserError, match='could not be written: No space left'):
      zeros('--batch_size=4', '--summaries=')
  assert not (tmp_path / 'run' / 'config.json').exists()
  assert zeros()['global_step'] == 8


def test_settings_are_there_from_the_first_checkpoint_on(zeros, tmp_path):
  with pytest.raises(tf.errors.InvalidArgumentError):
    zeros(function=network(fail_at=3))
  config = run_folder.read_config(str(tmp_path / 'run'))
  assert config['training']['batch_size'] == 8
  assert est.Checkpoints(str(tmp_path / 'run')).latest().endswith('-0')


def test_an_error_of_the_model_is_not_blamed_on_the_examples(zeros, capsys):
  """Millions of images would be decoded for nothing."""
  with pytest.raises(tf.errors.InvalidArgumentError, match='is not in'):
    zeros(
      function=network(fail_at=3),
      check=functools.partial(pytest.fail, 'the examples were looked through'),
    )
  assert 'an example' not in capsys.readouterr().out


def test_what_only_reads_a_finished_run_changes_nothing_else(
  finished, parse, tmp_path, mnist_folder
):
  shutil.copytree(finished[0] / 'run', tmp_path / 'run')
  before = snapshot(tmp_path / 'run')

  def main(*arguments):
    flags_obj = parse(
      *effects.acting([*SMALL, '--nodeterministic'], *arguments),
      f'--data_dir={mnist_folder}',
      f'--model_dir={tmp_path}/run',
      *arguments,
    )
    settings = flags_lib.Settings.of(flags_obj, ResNetSettings)
    return resnet_run_loop.resnet_main(
      settings,
      resnet_model_fns.mnist_model_fn,
      catalog.load_mnist(flags_obj),
      resnet_model_fns.name_of(settings, 'mnist'),
      lambda step: tf.constant(0.1),
      devices_lib.configure(flags_obj),
    )

  main('--export_only', f'--export_dir={tmp_path}/exports')
  after = snapshot(tmp_path / 'run')
  assert after == before
  main('--eval_only')
  changed = {
    name
    for name, state in snapshot(tmp_path / 'run').items()
    if state != after.get(name)
  }
  assert {name for name in changed if '.tfevents' not in name} <= {
    'eval',
    'metrics.jsonl',
  }


class Stop(Exception):
  """Errors that are not about files."""


def os_error(number, *names):
  return OSError(number, os.strerror(number), *names)


@pytest.mark.parametrize(
  'error, is_told',
  [
    (os_error(errno.ENOSPC), True),
    (os_error(errno.ENOSPC, '/elsewhere/x'), True),
    (os_error(errno.EIO), True),
    (os_error(errno.ENOENT, '/the/run/metrics.jsonl'), True),
    (os_error(errno.EACCES, '/the/run'), True),
    (os_error(errno.EACCES, 'data/1.png'), True),
    (os_error(errno.EEXIST, '/tmp/x', None, '/the/run/x'), True),
    (os_error(errno.ENOENT, '/the/running/x'), False),
    (os_error(errno.ENOENT, '/usr/lib/a_file_of_ours'), False),
    (os_error(errno.ENOENT), False),
    (os_error(errno.EBADF), False),
    (os_error(errno.EPIPE), False),
    (ConnectionResetError('peer'), False),
    (OSError('no number'), False),
    (socket.gaierror(-2, 'no such host'), False),
    (tf.errors.NotFoundError(None, None, '/the/run/x; No such file'), True),
    (tf.errors.ResourceExhaustedError(None, None, '/the/run/x; full'), True),
    (tf.errors.ResourceExhaustedError(None, None, 'OOM [1,2] f32'), False),
    (tf.errors.NotFoundError(None, None, 'No registered kernel'), False),
    (Stop(), False),
  ],
)
def test_an_error_of_the_users_files_is_told_and_a_bug_is_not(error, is_told):
  with pytest.raises(UserError if is_told else type(error)) as raised:
    with user_errors.converted(DATASET, ['/the/run', None, 'data']):
      raise error
  assert is_told == (raised.value is not error)
  if is_told and isinstance(error, OSError):  # Only the file and the reason.
    name = error.filename or '/the/run or data'
    assert str(raised.value) == f'{name}: {error.strerror}'


def test_what_a_report_or_an_export_is_made_of_may_not_be_read(
  monkeypatch, tmp_path
):
  folder = str(tmp_path)

  def refuse(name, *args, **options):
    raise os_error(errno.EACCES, os.path.join(folder, 'x'))

  def told(what, *args):
    with pytest.raises(UserError) as caught:
      what(*args)
    return str(caught.value)

  (tmp_path / 'saved_model.pb').write_bytes(b'none')
  assert export_folders.newest_export(folder) == folder
  assert told(export_folders.load, folder).startswith(
    f'{folder} cannot be loaded: '
  )
  wanted = f'{folder}/x: Permission denied'
  with monkeypatch.context() as patched:
    patched.setattr(export_folders, 'open', refuse, raising=False)
    assert told(export_folders.load, folder) == wanted
  with monkeypatch.context() as patched:
    patched.setattr(os, 'listdir', refuse)
    assert told(export_folders.newest_export, folder) == wanted
  monkeypatch.setattr(report.writing, 'check_installed', lambda: None)
  monkeypatch.setattr(report.writing, 'write', refuse)
  values = types.SimpleNamespace(
    FLAGS=types.SimpleNamespace(out='o', lang='en')
  )
  monkeypatch.setattr(report, 'flags', values)
  assert told(report.main, [folder]) == wanted


def test_a_manifest_that_may_not_be_read_does_not_spoil_its_checkpoint(
  zeros, monkeypatch, tmp_path
):
  zeros()
  path = str(tmp_path / 'run' / 'model.ckpt-8.json')

  def opened(name, *args, **options):
    if str(name) == path:
      raise os_error(errno.EACCES, name)
    return open(name, *args, **options)

  monkeypatch.setattr(manifests, 'open', opened, raising=False)
  for arguments in (['--eval_only'], ['--train_epochs=2']):
    with pytest.raises(UserError) as told:
      zeros(*arguments)
    assert str(told.value) == f'{path}: Permission denied'
