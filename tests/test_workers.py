"""Several worker processes: one training, one loss, one end."""

import json
import shutil
import signal
import socket
from concurrent import futures

import numpy as np
import pytest

from official import estimator as est
from official.devices import cluster, strategies
from official.errors import UsageError
from official.flags import effects
from tests import faults

RESNET = ('--resnet_size=8', '--batch_size=64', '--lr_schedule=constant')
SMALL = (
  *RESNET,
  '--sync_batch_norm',
  '--train_epochs=2',
  '--base_lr=0.0002',
  '--save_checkpoints_steps=3',
)


def free_ports(count):
  sockets = [socket.create_server(('localhost', 0)) for _ in range(count)]
  ports = [s.getsockname()[1] for s in sockets]
  for s in sockets:
    s.close()
  return ports


def start_two(arguments, points=('none', 'none'), module='resnet.mnist_main'):
  hosts = ','.join(f'localhost:{port}' for port in free_ports(2))
  return [
    faults.start(
      points[i],
      [*arguments, f'--worker_hosts={hosts}', f'--task_index={i}'],
      module,
    )
    for i in (1, 0)
  ][::-1]


def run_two(*args, **kwargs):
  return [faults.finish(process) for process in start_two(*args, **kwargs)]


def losses(model_dir):
  return [r['loss'] for r in faults.story(model_dir) if r['kind'] == 'train']


def evaluations(model_dir):
  return [r for r in faults.story(model_dir) if r['kind'] == 'eval']


@pytest.fixture(scope='module')
def two_workers(mnist_folder, tmp_path_factory):
  """Both have run to the end and noted their weights."""
  folder = tmp_path_factory.mktemp('workers')
  arguments = [
    *SMALL,
    f'--data_dir={mnist_folder}',
    f'--model_dir={folder}/run',
    f'--export_dir={folder}/exports',
  ]
  points = [f'weights:{folder}/weights-{i}' for i in range(2)]
  return folder, arguments, run_two(arguments, points)


def test_only_the_chief_reports_and_writes(two_workers):
  folder, _, (chief, other) = two_workers
  assert (chief[0], chief[2]) == (0, ''), chief
  assert (other[0], other[2]) == (0, ''), other
  first, *_ = chief[1].splitlines()
  assert '· 2 workers of CPU (' in first and '· batch 64 · 16 steps' in first
  assert 'epoch 2.00  step 16  test accuracy' in chief[1]
  (line,) = other[1].splitlines()
  assert line.startswith('worker 2 of 2: ')
  assert len(list((folder / 'exports').iterdir())) == 1
  names = [p.name for p in (folder / 'run').iterdir()]
  assert len([n for n in names if n.startswith('events.')]) == 1
  # The files that a single process needs to export the model.
  config = json.loads((folder / 'run' / 'config.json').read_text())['config']
  flags = [argument.split('=')[0] for argument in config['arguments']]
  assert {'--batch_size', '--resnet_size'} <= set(flags)
  assert not {'--worker_hosts', '--task_index', '--sync_batch_norm'} & set(
    flags
  )


def test_all_workers_have_the_same_weights_at_every_checkpoint(two_workers):
  folder, _, _ = two_workers
  chief, other = (
    (folder / f'weights-{i}').read_text().splitlines() for i in range(2)
  )
  # Only the chief saves at the start, where there is nothing yet.
  steps = [int(line.split()[0]) for line in chief]
  assert steps[-1] == 16 and len(steps) >= 6
  assert (
    dict(map(str.split, other)).items() <= dict(map(str.split, chief)).items()
  )
  assert other[-1] == chief[-1]


@pytest.mark.slow
def test_two_workers_and_one_process_have_the_same_losses(
  two_workers, mnist_folder, tmp_path
):
  """And the evaluation of one checkpoint is the same to the bit."""
  folder, _, _ = two_workers
  alone = [a for a in SMALL if a != '--sync_batch_norm']
  alone += [f'--data_dir={mnist_folder}', f'--model_dir={tmp_path}/one']
  assert faults.finish(faults.start('none', alone))[::2] == (0, '')
  np.testing.assert_allclose(
    losses(tmp_path / 'one'), losses(folder / 'run'), rtol=1e-5
  )
  shutil.copytree(folder / 'run', tmp_path / 'copy')
  (tmp_path / 'copy' / 'metrics.jsonl').unlink()
  alone[-1] = f'--model_dir={tmp_path}/copy'
  alone = [*effects.acting(alone, '--eval_only'), '--eval_only']
  assert faults.finish(faults.start('none', alone))[0] == 0
  assert evaluations(tmp_path / 'copy') == evaluations(folder / 'run')[-1:]


@pytest.mark.slow
def test_a_lost_worker_stops_the_other_and_all_go_on_exactly(
  two_workers, mnist_folder, tmp_path
):
  folder, arguments, _ = two_workers
  arguments = [
    f'--model_dir={tmp_path}/run' if a.startswith('--model_dir') else a
    for a in arguments
    if not a.startswith('--export_dir')
  ]
  chief, lost = run_two(arguments, ('none', 'call:train:before:8'))
  assert lost[0] == -signal.SIGKILL
  assert chief[0] == 1
  (line,) = chief[2].splitlines()
  assert line.startswith('error: another worker of the cluster ended or does')
  assert 'restart all workers: training goes on from the last' in line
  saved = est.step_of(est.Checkpoints(str(tmp_path / 'run')).latest())
  assert 0 < saved < 16
  chief, other = run_two(arguments)
  assert (chief[0], other[0]) == (0, 0)
  assert f'going on from step {saved}' in chief[1]
  assert faults.digest(tmp_path / 'run') == faults.digest(folder / 'run')
  assert faults.story(tmp_path / 'run') == faults.story(folder / 'run')


@pytest.mark.slow
@pytest.mark.parametrize('number, code', [('SIGTERM', 143), ('SIGINT', 130)])
@pytest.mark.parametrize('who', [0, 1])
def test_a_signal_to_one_worker_saves_and_stops_all(
  mnist_folder, tmp_path, who, number, code
):
  arguments = [*SMALL, f'--data_dir={mnist_folder}']
  arguments += [f'--model_dir={tmp_path}/run', '--train_epochs=200']
  points = ['none', 'none']
  points[who] = f'call:train:{number}:2000'
  results = run_two(arguments, points)
  assert results[who][0] == code
  assert results[1 - who][0] == 143, results[1 - who]
  assert 'stopped with another worker' in results[1 - who][2]
  saved = est.step_of(est.Checkpoints(str(tmp_path / 'run')).latest())
  assert len(losses(tmp_path / 'run')) == saved > 0


@pytest.mark.slow
@pytest.mark.parametrize(
  'module, arguments, sync',
  [
    ('resnet.mnist_main', (*RESNET, '--base_lr=0.0002'), '--sync_batch_norm'),
    (
      'alexnet.mnist_main',
      (
        '--batch_size=64',
        '--dropout_rate=0',
        '--lr_schedule=constant',
        '--base_lr=0.00003',
      ),
      '--augment',
    ),
  ],
)
def test_sixty_steps_of_mnist_on_one_device_two_replicas_and_two_workers(
  tmp_path, module, arguments, sync
):
  arguments = [*arguments, '--train_epochs=1', '--max_train_steps=60']
  mirrored = '--distribution_strategy=mirrored'
  folders = [tmp_path / name for name in ('one', 'replicas', 'workers')]
  one = [*arguments, f'--model_dir={folders[0]}']
  assert faults.finish(faults.start('none', one, module))[::2] == (0, '')
  replicas = [*arguments, mirrored, sync, f'--model_dir={folders[1]}']
  two = faults.finish(faults.start('none', replicas, module, devices=2))
  assert two[::2] == (0, '')
  points = [f'weights:{tmp_path}/weights-{i}' for i in range(2)]
  both = [*arguments, sync, f'--model_dir={folders[2]}']
  for result in run_two(both, points, module):
    assert result[::2] == (0, '')
  expected = losses(folders[0])
  assert len(expected) == 60
  others = [losses(folder) for folder in folders[1:]]
  worst = [
    np.max(np.abs(np.subtract(values, expected)) / expected)
    for values in others
  ]
  print(json.dumps({'module': module, 'largest difference': worst}))
  assert max(worst) < 1e-5
  weights = [
    (tmp_path / f'weights-{i}').read_text().splitlines()[-1] for i in range(2)
  ]
  assert weights[0] == weights[1]
  # The same checkpoint by each of the three.
  for name in ('replicas', 'workers'):
    shutil.copytree(folders[0], tmp_path / f'by-{name}')
    (tmp_path / f'by-{name}' / 'metrics.jsonl').unlink()
  by = [*effects.acting(arguments, '--eval_only'), '--eval_only']
  replicas = [*by, mirrored, f'--model_dir={tmp_path}/by-replicas']
  assert faults.finish(faults.start('none', replicas, module, 2))[0] == 0
  for result in run_two(
    [*by, f'--model_dir={tmp_path}/by-workers'], module=module
  ):
    assert result[0] == 0
  for name in ('replicas', 'workers'):
    assert evaluations(tmp_path / f'by-{name}') == evaluations(folders[0])


def test_a_worker_that_does_not_come_is_named():
  hosts = [f'localhost:{port}' for port in free_ports(2)]
  config = cluster.read(hosts, 0)
  with pytest.raises(UsageError) as caught:
    strategies.join(config, None, seconds=1)
  assert str(caught.value) == (
    'not all workers came within 1 s (--cluster_timeout), '
    f'{hosts[1]} did not: start the same command on each, with its own '
    '--task_index'
  )


@pytest.mark.parametrize(
  'tf_config, message',
  [
    ('{', 'TF_CONFIG is not JSON'),
    (
      '{"cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}, '
      '"task": {"type": "ps", "index": 0}}',
      'a task ps has nothing to do here',
    ),
  ],
)
def test_a_wrong_tf_config(monkeypatch, tf_config, message):
  monkeypatch.setenv('TF_CONFIG', tf_config)
  with pytest.raises(UsageError, match=message):
    cluster.read(None, None)


def test_a_cluster_is_named_once(monkeypatch):
  monkeypatch.setenv('TF_CONFIG', '{"cluster": {}}')
  with pytest.raises(UsageError, match='both name a cluster; give one of them'):
    cluster.read(['a:1', 'b:1'], 0)


@pytest.mark.parametrize(
  'tf_config, name',
  [
    (
      '{"cluster": {"worker": ["a:1", "b:1"]}, '
      '"task": {"type": "worker", "index": 1}}',
      'worker 2 of 2',
    ),
    (
      '{"cluster": {"chief": ["c:1"], "worker": ["a:1", "b:1"]}, '
      '"task": {"type": "worker", "index": 0}}',
      'worker 2 of 3',
    ),
  ],
)
def test_people_count_workers_from_the_chief(monkeypatch, tf_config, name):
  monkeypatch.setenv('TF_CONFIG', tf_config)
  config = cluster.read(None, None)
  assert cluster.name_of(config) == name


def test_workers_that_were_told_different_clusters_are_refused():
  hosts = [f'localhost:{port}' for port in free_ports(3)]
  chief = cluster.read(hosts[:2], 0)
  other = cluster.read([hosts[0], hosts[2]], 1)
  with futures.ThreadPoolExecutor() as pool:
    joining = [
      pool.submit(strategies.join, config, None, 60)
      for config in (chief, other)
    ]
    errors = [worker.exception() for worker in joining]
  assert [type(error) for error in errors] == [UsageError] * 2
  assert str(errors[0]).startswith('worker 2 was given the workers ')
  assert str(errors[1]).startswith(f'the chief at {hosts[0]} was given other')
