"""The plan of a run, its folder and its hooks, by arithmetic."""

import os

import pytest

from official import estimator as est
from official.errors import UsageError
from official.flags import Settings
from official.run import folder as run_folder
from official.run import hooks, progress
from official.run.plan import Plan


def plan_of(num_images=1000, **values):
  return Plan.of(Settings(**{'batch_size': 100} | values), num_images)


@pytest.mark.parametrize(
  'values, steps',
  [
    ({'train_epochs': 3}, (10, 20, 30)),
    # The original's example, 25 epochs by 10: 10, 10 and 5.
    ({'train_epochs': 25, 'epochs_between_evals': 10}, (100, 200, 250)),
    ({'train_epochs': 2, 'epochs_between_evals': 9}, (20,)),
    ({'train_epochs': 0}, ()),
    ({'train_epochs': 3, 'eval_only': True}, ()),
    # Epochs that end inside a step.
    ({'train_epochs': 3, 'batch_size': 300}, (4, 7, 10)),
    ({'train_epochs': 3, 'max_train_steps': 15}, (10, 15)),
    ({'train_epochs': 3, 'max_train_steps': 20}, (10, 20)),
    ({'train_epochs': 3, 'max_train_steps': 99}, (10, 20, 30)),
  ],
)
def test_when_to_evaluate(values, steps):
  assert plan_of(**values).evaluation_steps == steps


def test_the_steps_of_the_originals_cifar_run():
  found = plan_of(
    50_000, train_epochs=182, epochs_between_evals=10, batch_size=128
  )
  # The original took 71,108: each of its 19 cycles ended with a short batch.
  assert found.total_steps == 71_094
  assert len(found.evaluation_steps) == 19


def test_a_duration_as_people_say_it():
  said = [progress.duration(s) for s in (0.4, 42, 59.6, 580, 7500)]
  assert said == ['0s', '42s', '1m 00s', '9m 40s', '2h 05m']


def test_hooks_by_the_originals_names_in_any_case():
  names = ['loggingtensorhook', 'ProfilerHook', 'EXAMPLESPERSECONDHOOK']
  kinds = [type(hook) for hook in hooks.named_hooks(Settings(hooks=names))]
  assert kinds == [
    est.LoggingTensorHook,
    est.ProfilerHook,
    est.ExamplesPerSecondHook,
  ]


@pytest.mark.parametrize(
  'names, message',
  [('ProfilerHook', 'must be a list'), (['Other'], 'must be of .*: Other')],
)
def test_wrong_hooks(names, message):
  with pytest.raises(ValueError, match=message):
    Settings(hooks=names)


def prepare(folder, network='ResNet-18 v1', clean=False, training=None):
  """Prepares the folder of a run as training does."""
  folder, identity = str(folder), {'network': network}
  with run_folder.lock(folder) as locked:
    if clean:
      locked.clean()
    run_folder.check(folder, identity, training=training)
    run_folder.write_config(folder, identity, {'seed': 1}, training=training)


def test_a_folder_remembers_whose_it_is(tmp_path):
  prepare(tmp_path / 'run')
  prepare(tmp_path / 'run')
  with pytest.raises(
    UsageError,
    match='holds another run: network ResNet-18 v1 there, AlexNet here',
  ):
    prepare(tmp_path / 'run', 'AlexNet')
  assert run_folder.read_config(str(tmp_path / 'run')) == {
    'identity': {'network': 'ResNet-18 v1'},
    'training': {},
    'config': {'seed': 1},
  }


def test_training_goes_on_with_the_same_batches_alone(tmp_path):
  prepare(tmp_path, training={'batch_size': 64, 'seed': 1})
  prepare(tmp_path)  # An evaluation may use any batch.
  with pytest.raises(
    UsageError, match='batch_size 64 there, 32 here; seed 1 there, 2 here. Give'
  ):
    prepare(tmp_path, training={'batch_size': 32, 'seed': 2})
  assert run_folder.read_config(str(tmp_path))['training'] == {
    'batch_size': 64,
    'seed': 1,
  }


@pytest.mark.parametrize(
  'given, log, save, longest',
  [(None, 100, None, 10), (None, 4, None, 2), (None, 100, 25, 5), (7, 4, 3, 7)],
)
def test_loops_end_where_a_line_or_a_checkpoint_is_due(
  given, log, save, longest
):
  settings = Settings(
    steps_per_loop=given, log_steps=log, save_checkpoints_steps=save
  )
  assert hooks.longest_loop(settings) == longest


def test_clean_deletes_a_run_and_nothing_else(tmp_path):
  run = tmp_path / 'run'
  prepare(run)
  (run / 'model.ckpt-3.index').touch()
  (run / 'metrics.jsonl').touch()
  prepare(run, 'AlexNet', clean=True)
  assert sorted(os.listdir(run)) == ['config.json', 'lock']
  (run / 'thesis.tex').touch()
  with pytest.raises(UsageError, match='will not delete .* thesis.tex'):
    prepare(run, 'AlexNet', clean=True)
  assert (run / 'thesis.tex').exists()


def test_a_folder_is_for_one_process_at_a_time(tmp_path):
  run = str(tmp_path / 'run')
  with run_folder.lock(run) as locked:
    expected = f'run is in use by process {os.getpid()} on .*; wait for it'
    with pytest.raises(UsageError, match=expected), run_folder.lock(run):
      pass
    (tmp_path / 'run' / 'metrics.jsonl').touch()
    with pytest.raises(UsageError, match=expected):
      prepare(run, clean=True)
    assert (tmp_path / 'run' / 'metrics.jsonl').exists()
    locked.clean()
    with pytest.raises(UsageError, match=expected), run_folder.lock(run):
      pass  # Cleaning did not release the lock.
    assert os.listdir(run) == ['lock']
  with run_folder.lock(run):
    pass


def test_a_folder_in_which_nothing_was_done_is_as_it_was(tmp_path):
  """A folder made for a command that is refused is removed, with its lock."""
  run = tmp_path / 'a' / 'b' / 'run'
  for made in (run, tmp_path / 'a' / 'other'):
    with pytest.raises(ZeroDivisionError), run_folder.lock(str(made)):
      raise ZeroDivisionError
    assert os.listdir(tmp_path) == []
    run_folder.check_writable('out', str(made))
    assert os.listdir(tmp_path) == []
  run.mkdir(parents=True)
  (run / 'thesis.tex').touch()
  with pytest.raises(UsageError, match='will not delete'):
    prepare(run, clean=True)
  assert os.listdir(run) == ['thesis.tex']


def test_a_folder_that_cannot_be_made(tmp_path):
  (tmp_path / 'file').touch()
  with pytest.raises(UsageError, match='--model_dir .* cannot be written: Not'):
    prepare(tmp_path / 'file' / 'run')


def test_a_garbled_config(tmp_path):
  (tmp_path / 'config.json').write_text('{')
  with pytest.raises(UsageError, match='config.json cannot be read'):
    prepare(tmp_path)
