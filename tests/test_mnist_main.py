"""The MNIST main as people use it: in its own processes, on real images."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from ai_edge_litert import interpreter

from official import estimator as est
from official.datasets import mnist
from official.errors import UsageError, UserError
from official.export import formats
from official.flags import effects
from resnet import mnist_main, resnet_model_fns
from tests.conftest import ROOT, SMALL


def metrics_of(model_dir, kind):
  lines = (model_dir / 'metrics.jsonl').read_text().splitlines()
  return [r for r in map(json.loads, lines) if r['kind'] == kind]


def test_a_run_tells_what_it_does_and_no_more(finished):
  folder, _, result = finished
  assert result.stderr == ''
  lines = result.stdout.splitlines()
  assert lines[0].startswith('ResNet-8 v1, 78,042 parameters · small_mnist')
  assert '512 + 256 images 28x28x1, 10 classes · CPU (' in lines[0]
  assert '· batch 64 · 16 steps (2 epochs) · writes to ' in lines[0]
  assert lines[1].startswith('python -m resnet.mnist_main --batch_size=64 ')
  assert '--resnet_size=8' in lines[1] and '--seed' not in lines[1]
  assert [line.split()[1] for line in lines if line.startswith('step')] == [
    '4/16',
    '8/16',
    '12/16',
    '16/16',
  ]
  evaluations = [line for line in lines if 'test accuracy' in line]
  assert [line[:19] for line in evaluations[:2]] == [
    'epoch 1.00  step 8 ',
    'epoch 2.00  step 16',
  ]
  assert any(line.startswith('exported to ') for line in lines)
  assert 'images/s in training · peak memory' in result.stdout
  assert f'tensorboard --logdir {folder}/run' in result.stdout
  assert f'official.report {folder}/run' in result.stdout
  assert 'official.serve --export_dir ' in result.stdout


def test_a_run_leaves_its_whole_story(finished):
  folder, _, _ = finished
  run = folder / 'run'
  config = json.loads((run / 'config.json').read_text())
  assert config['identity']['network'] == 'ResNet-8 v1'
  assert config['config']['batch_size'] == 64
  assert [r['step'] for r in metrics_of(run, 'train')] == list(range(1, 17))
  assert [r['step'] for r in metrics_of(run, 'eval')] == [8, 16]
  assert list(run.glob('events.out.tfevents.*'))
  assert list(run.glob('eval/events.out.tfevents.*'))
  assert (run / 'model.ckpt-16.index').exists()


def test_predictions_are_those_that_were_evaluated(finished):
  folder, _, result = finished
  run = folder / 'run'
  assert f'predictions written to {run}/predictions.npz' in result.stdout
  found = np.load(run / 'predictions.npz')
  assert found['step'] == 16
  labels = mnist.read(None)['test', 'labels'][:256]
  assert (found['labels'] == labels).all()
  wrong = np.flatnonzero(found['classes'] != labels)
  accuracy = metrics_of(run, 'eval')[-1]['accuracy']
  assert 1 - len(wrong) / 256 == accuracy
  images = mnist.read(None)['test', 'images'][:256, ..., np.newaxis]
  said = predictions_of(run, images)
  assert (said['classes'] == found['classes']).all()
  most = said['probabilities'].max(axis=1)
  np.testing.assert_allclose(found['confidences'], most, rtol=1e-4)
  assert len(found['mistakes']) == 24
  assert (np.diff(found['confidences'][found['mistakes']]) <= 0).all()
  most_wrong = found['confidences'][found['mistakes'][0]]
  assert found['confidences'][wrong].max() == most_wrong
  for index, picture in zip(
    found['mistakes'], found['mistake_images'], strict=True
  ):
    assert np.abs(picture.astype(int) - images[index]).max() <= 1
  assert found['filters'].shape == (3, 3, 1, 16)
  # 28x28: the stem, a projection and two 3x3; 14x14 and 7x7: the same with
  # twice the filters; the dense layer.
  assert found['multiply_adds'] == (
    28**2 * (9 * 16 + 16 * 16 + 2 * 9 * 16 * 16)
    + 14**2 * (16 * 32 + 9 * 16 * 32 + 9 * 32 * 32)
    + 7**2 * (32 * 64 + 9 * 32 * 64 + 9 * 64 * 64)
    + 64 * 10
  )


def test_the_same_command_again_trains_nothing_and_says_so(finished, call):
  folder, args, first = finished
  before = (folder / 'run' / 'metrics.jsonl').read_text()
  again = call(*args)
  assert again.returncode == 0, again.stderr
  lines = again.stdout.splitlines()
  assert 'already trained to step 16 of 16: nothing left to train' in lines[0]
  evaluation = [line for line in lines if line.startswith('epoch')]
  assert evaluation == [
    line for line in first.stdout.splitlines() if line.startswith('epoch 2.00')
  ]
  assert (folder / 'run' / 'metrics.jsonl').read_text() == before


_LOAD = """
import sys
import numpy as np
import tensorflow as tf

exported, images, result = sys.argv[1:]
serve = tf.saved_model.load(exported).signatures
images = np.load(images)
pixels = serve['predict'](input=tf.constant(images))
default = serve['serving_default'](input=tf.constant(images))
encoded = [tf.io.encode_png(image).numpy() for image in images]
decoded = serve['image_bytes'](image_bytes=tf.constant(encoded))
one = serve['predict'](input=tf.constant(images[:1]))
assert not any(name.split('.')[0] == 'official' for name in sys.modules)
np.savez(
  result,
  classes=pixels['classes'],
  pixels=pixels['probabilities'],
  default=default['probabilities'],
  decoded=decoded['probabilities'],
  one=one['probabilities'],
)
"""


def predictions_of(model_dir, images):
  """The result of the Estimator itself, from the run's checkpoint."""
  config = json.loads((model_dir / 'config.json').read_text())['config']
  params = config | {
    'num_classes': len(config['class_names']),
    'data_format': 'channels_last',
    'dtype': tf.float32,
    'loss_scale': 1,
    'learning_rate_fn': None,
  }
  estimator = est.Estimator(
    resnet_model_fns.mnist_model_fn, str(model_dir), params=params
  )
  (batch,) = estimator.predict(
    lambda: tf.constant(images / np.float32(255)), yield_single_examples=False
  )
  return batch


def test_the_export_serves_what_the_estimator_predicts(finished, run, tmp_path):
  folder, _, _ = finished
  (exported,) = (folder / 'exports').iterdir()
  images = mnist.read(None)['test', 'images'][:100, ..., np.newaxis]
  np.save(tmp_path / 'images.npy', images)
  args = (exported, tmp_path / 'images.npy', tmp_path / 'result.npz')
  result = run('-c', _LOAD, *args, cwd=tmp_path)
  assert result.returncode == 0, result.stderr
  served = np.load(tmp_path / 'result.npz')
  expected = predictions_of(folder / 'run', images)
  np.testing.assert_array_equal(served['classes'], expected['classes'])
  assert served['classes'].dtype == np.int64
  for name in ('pixels', 'default', 'decoded'):
    assert served[name].shape == (100, 10)
    np.testing.assert_allclose(
      served[name], expected['probabilities'], atol=1e-6
    )
  np.testing.assert_allclose(served['one'], served['pixels'][:1], atol=1e-6)
  names = (exported / 'assets.extra' / 'class_names.txt').read_text().split()
  assert names == list('0123456789')


@pytest.mark.slow
def test_tflite_and_onnx_say_what_the_estimator_predicts(finished, call):
  """Real digits, by the runtimes of the two formats."""
  folder, args, _ = finished
  result = call(
    *effects.acting(args, '--export_only'),
    '--export_only',
    f'--export_dir={folder}/formats',
    '--export_formats=tflite,ONNX',
  )
  assert (result.returncode, result.stderr) == (0, '')
  (exported,) = (folder / 'formats').iterdir()
  images = mnist.read(None)['test', 'images'][:100, ..., np.newaxis]
  expected = predictions_of(folder / 'run', images)

  session = onnxruntime.InferenceSession(
    exported / 'assets.extra' / 'model.onnx'
  )
  names = [output.name for output in session.get_outputs()]
  onnx = dict(zip(names, session.run(names, {'input': images}), strict=True))
  model = interpreter.Interpreter(
    str(exported / 'assets.extra' / 'model.tflite')
  )
  tflite = model.get_signature_runner('predict')(input=images)
  for outputs in (onnx, tflite):
    assert outputs['classes'].dtype == np.int64
    np.testing.assert_array_equal(outputs['classes'], expected['classes'])
    np.testing.assert_allclose(
      outputs['probabilities'], expected['probabilities'], atol=1e-5
    )


def test_a_format_without_its_package_is_refused(monkeypatch):
  monkeypatch.setattr(
    formats.importlib.util,
    'find_spec',
    lambda name: None if name == 'tf2onnx' else name,
  )
  formats.check_installed(['tflite'])
  with pytest.raises(UsageError, match='onnx needs the package tf2onnx: pip'):
    formats.check_installed(['tflite', 'onnx'])


@pytest.mark.parametrize(
  'number, code, word',
  [
    (signal.SIGINT, 130, 'interrupted'),
    pytest.param(signal.SIGTERM, 143, 'terminated', marks=pytest.mark.slow),
  ],
)
def test_a_signal_saves_and_says_how_to_go_on(
  command, call, tmp_path, number, code, word
):
  """And while the run goes on, a second one in its folder is refused."""
  process = subprocess.Popen(
    command(*SMALL, '--train_epochs=500', f'--model_dir={tmp_path}/run'),
    cwd=tmp_path,
    env=os.environ | {'PYTHONPATH': str(ROOT)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  for line in process.stdout:
    if line.startswith('epoch 1.00'):
      break
  if number == signal.SIGTERM:
    second = call(*SMALL, f'--model_dir={tmp_path}/run')
    assert second.returncode == 2
    assert f'run is in use by process {process.pid} on ' in second.stderr
    assert '--train_epochs=500' in second.stderr
  process.send_signal(number)
  _, stderr = process.communicate(timeout=60)
  assert process.returncode == code
  assert stderr.strip() == f'{word}: the same command goes on from here'
  steps = [r['step'] for r in metrics_of(tmp_path / 'run', 'train')]
  saved = est.Checkpoints(str(tmp_path / 'run')).latest()
  assert saved.endswith(f'model.ckpt-{steps[-1]}')


def test_on_a_terminal_there_is_a_bar(command, tmp_path):
  main, terminal = pty.openpty()
  process = subprocess.Popen(
    command(
      *SMALL,
      '--train_epochs=4',
      '--epochs_between_evals=4',
      f'--model_dir={tmp_path}/run',
    ),
    cwd=tmp_path,
    env=os.environ
    | {'PYTHONPATH': str(ROOT), 'COLUMNS': '120', 'TERM': 'xterm'},
    stdout=terminal,
  )
  os.close(terminal)
  seen = b''
  while True:
    try:
      seen += os.read(main, 4096)
    except OSError:  # The other end is closed.
      break
  assert process.wait(60) == 0
  text = re.sub(r'\x1b\[[0-9;?]*[A-Za-z]', '', seen.decode())  # Colours.
  assert '━' in text and '/32 ' in text and 'images/s' in text
  assert 'epoch 4.00  step 32  test accuracy' in text


@pytest.mark.slow
def test_evaluation_alone_and_training_further(finished, call, tmp_path):
  folder, args, _ = finished
  shutil.copytree(folder / 'run', tmp_path / 'run')  # Other tests read it too.
  args = [*args, f'--model_dir={tmp_path}/run']
  refused = call(*args, '--eval_only')
  assert (refused.returncode, refused.stdout) == (2, '')
  assert refused.stderr == (
    'error: --log_steps has no effect with --eval_only, which trains nothing; '
    'leave it out\n'
  )
  only = call(*effects.acting(args, '--eval_only'), '--eval_only')
  assert only.returncode == 0, only.stderr
  assert 'evaluating the checkpoint of step 16' in only.stdout
  further = call(*args, '--train_epochs=3', '--use_train_and_evaluate')
  assert further.returncode == 0, further.stderr
  assert 'going on from step 16' in further.stdout
  assert 'epoch 3.00  step 24  test accuracy' in further.stdout


# Errors before the import of TensorFlow.
@pytest.mark.parametrize(
  'args, message',
  [
    (['--resnet_size=9x'], '--resnet_size=9x: it must be a whole number'),
    (['--resnet_sise=18'], 'Did you mean: resnet_size'),
  ],
)
def test_a_wrong_command_gets_one_line(call, tmp_path, args, message):
  result = call(*SMALL, *args, cwd=tmp_path)
  assert (result.returncode, result.stdout) == (2, '')
  (line,) = result.stderr.splitlines()
  assert line.startswith('error: ') and message in line


def truncated(folder, mnist_folder):
  """The same files, each without its last third."""
  folder.mkdir()
  for path in mnist_folder.iterdir():
    content = path.read_bytes()
    (folder / path.name).write_bytes(content[: len(content) * 2 // 3])


# Exit code 2 is a wrong command line, 1 wrong data; in a process of its own
# each is one line, as `cli.run` has it for every error of the user.
@pytest.mark.parametrize(
  'args, code, message',
  [
    (['--resnet_size=19'], 2, '--resnet_size must be one of 18, 34, 50'),
    (['--data_dir=missing'], 2, '--data_dir: there is no folder missing'),
    (['--data_dir=.'], 2, '--data_dir . must hold IDX files'),
    (['--data_dir=truncated'], 1, 'it is truncated or damaged'),
    (['--num_gpus=3'], 2, '--num_gpus 3: TensorFlow sees 0'),
    (['--data_format=channels_first'], 2, 'channels_first needs a GPU'),
    (['--dtype=fp16'], 2, '--dtype fp16 needs a GPU'),
    (['--model_dir=/proc/run'], 2, '--model_dir /proc/run cannot be written'),
    (['--export_dir=/proc/e'], 2, '--export_dir /proc/e cannot be written'),
    (['--model_dir=other'], 2, 'other holds another run: network AlexNet'),
    (
      ['--export_formats=onnx'],
      2,
      '--export_formats has no effect without --export_dir',
    ),
    (['--train_epochs=0'], 2, 'holds no checkpoint to evaluate; train first'),
    (
      ['--pretrained_model_checkpoint_path=missing'],
      2,
      '--pretrained_model_checkpoint_path: there is no checkpoint',
    ),
  ],
)
def test_what_cannot_be_run_is_told_in_one_line_and_leaves_nothing(
  parse, capsys, monkeypatch, tmp_path, mnist_folder, args, code, message
):
  monkeypatch.chdir(tmp_path)
  truncated(tmp_path / 'truncated', mnist_folder)
  (tmp_path / 'other').mkdir()
  config = {'identity': {'network': 'AlexNet'}}
  (tmp_path / 'other' / 'config.json').write_text(json.dumps(config))
  before = sorted(tmp_path.rglob('*'))
  arguments = [f'--data_dir={mnist_folder}', *SMALL, *args]
  arguments.append('--nodeterministic')  # Determinism is of a whole process.
  if args == ['--train_epochs=0']:  # It replaces the epochs of SMALL.
    arguments.remove('--train_epochs=2')
  with pytest.raises(UserError, match=re.escape(message)) as raised:
    parse(*arguments)
    mnist_main.main()
  assert raised.value.exit_code == code
  assert '\n' not in str(raised.value)
  assert capsys.readouterr() == ('', '')
  assert sorted(tmp_path.rglob('*')) == before


def test_help_is_short_and_helpfull_tells_every_flag(call):
  result = call('--help')
  assert (result.returncode, result.stderr) == (0, '')
  assert result.stdout.startswith('Trains a ResNet on MNIST')
  assert 'Training\n  --train_epochs    Passes over the' in result.stdout
  assert '--resnet_size     Number of layers: for' in result.stdout
  assert '6n + 2, for MNIST any of these. [18]' in result.stdout
  assert 'num_packs' not in result.stdout
  assert max(map(len, result.stdout.splitlines())) <= 80
  full = call('--helpfull')
  assert (full.returncode, full.stderr) == (0, '')
  names = ('resnet_size', 'train_epochs', 'export_dir', 'dataset', 'num_packs')
  for name in names:
    assert name in full.stdout
  assert "(default: '18')" in full.stdout
