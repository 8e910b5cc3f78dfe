"""Refused flags have no effect, and accepted flags have one.

The outcomes of small runs are compared, each with one flag more than another.
"""

import contextlib
import io
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

from official import devices as devices_lib
from official import estimator as est
from official import layers
from official.datasets import in_memory, preprocessing
from official.errors import UsageError
from official.flags import effects, parsing
from official.flags.invocation import own_flags
from resnet import learning_rates, resnet_run_loop
from tests.conftest import define_flags

RANDOM = np.random.RandomState(0)
SPLIT = in_memory.Split(
  RANDOM.randint(0, 256, [32, 28, 28, 1]).astype(np.uint8),
  np.arange(32, dtype=np.int32) % 4,
)
BASE = [
  '--nodeterministic', '--batch_size=4', '--train_epochs=2', '--base_lr=0.01',
]  # fmt: skip
FLAGS = """
  --train_epochs=3 --epochs_between_evals=2 --stop_threshold=0.0 --batch_size=8
  --hooks=LoggingTensorHook --seed=5 --save_checkpoints_steps=3
  --keep_checkpoint_max=1 --log_steps=3 --summaries=graph --max_train_steps=5
  --pretrained_model_checkpoint_path=BASE --save_predictions
  --image_bytes_as_serving_input --use_train_and_evaluate --optimizer=adam
  --enable_lars --label_smoothing=0.25 --weight_decay=0.25 --base_lr=0.5
  --lr_schedule=constant --momentum=0.5 --batch_norm_momentum=0.5 --noaugment
  --held_out_images=4 --export_dir=EXPORTS""".split()
MODES = {
  'training': [],
  'evaluation': ['--eval_only'],
  'export': ['--export_only', '--export_dir=EXPORTS'],
  'no epochs': ['--train_epochs=0'],
  'synthetic': ['--use_synthetic_data', '--max_train_steps=9'],
  'train_and_evaluate': ['--use_train_and_evaluate'],
  'lars': ['--enable_lars'],
  'adam': ['--optimizer=adam'],
  'fine-tuning': ['--fine_tune', '--pretrained_model_checkpoint_path=BASE'],
}
LOOKS = ('evaluation', 'export', 'no epochs')


def model_fn(features, labels, mode, params):
  def model(images, training):
    net = layers.Network(
      'tiny',
      training=training,
      batch_norm_momentum=params['batch_norm_momentum'],
    )
    x = net.batch_norm(net.max_pool(net.images(images), 4, 4))
    return net.dense(net.flatten(x), 4)

  return resnet_run_loop.image_model_fn(features, labels, mode, params, model)


def run(flags_obj):
  dataset = in_memory.dataset(
    'noise',
    {'train': SPLIT, 'test': SPLIT},
    seed=flags_obj.seed,
    augment=flags_obj.augment,
    held_out=flags_obj.held_out_images,
    preprocessing=preprocessing.MNIST,
  )
  with contextlib.redirect_stdout(io.StringIO()) as out:
    resnet_run_loop.resnet_main(
      flags_obj,
      model_fn,
      dataset,
      'Tiny',
      learning_rates.from_flags(flags_obj, dataset, 4),
      devices_lib.configure(flags_obj),
    )
  return out.getvalue()


def outcome(folder, told):
  """All that a run leaves, except times and names made of them."""
  run_dir = folder / 'run'
  log = est.Estimator(model_fn, str(run_dir), params={}).metrics_log
  found = {
    'log': [record | {'time': 0} for record in log.read()],
    'files': sorted(
      re.sub(r'(tfevents|exports/).*', r'\1', str(p.relative_to(folder)))
      for p in folder.rglob('*')
      if p.name not in ('lock', 'config.json')
    ),
    'told': re.findall(r'^(?:epoch .*|stopping.*|step +\d+)', told, re.M),
    'events': [
      (event.step, [value.tag for value in event.summary.value])
      for path in sorted(run_dir.rglob('*tfevents*'))
      for event in tf.compat.v1.train.summary_iterator(str(path))
    ],
  }
  for path in sorted(run_dir.glob('model.ckpt-*.index')):
    reader = tf.train.load_checkpoint(str(path.with_suffix('')))
    for name in reader.get_variable_to_shape_map():
      if 'CHECKPOINTABLE' not in name:
        value = np.asarray(reader.get_tensor(name))
        found[path.name, name] = value.tobytes()
  for path in sorted(folder.glob('exports/*')):
    for name, signature in tf.saved_model.load(str(path)).signatures.items():
      found['export', name] = sorted(signature.structured_input_signature[1])
      if 'input' in found['export', name]:
        answer = signature(input=tf.constant(SPLIT.images))
        found['answer', name] = answer['probabilities'].numpy().tobytes()
  return found


class Trials:
  """Runs with other flags, each in a folder of its own.

  Args:
    folder: The folder for these runs.
    base: The folder of a run that has been trained.
    starts_there: Whether each run begins with a copy of it.
  """

  def __init__(self, folder, base, starts_there):
    self._folder, self._base = folder, base
    self._starts_there = starts_there

  def parse(self, arguments, number=0):
    """Parses flags as if none had been given before."""
    for flag in own_flags(flags.FLAGS):
      flag.unparse()
    words = [
      word.replace('BASE', f'{self._base}/run').replace(
        'EXPORTS', f'{self._folder}/{number}/exports'
      )
      for word in arguments
    ]
    words.append(f'--model_dir={self._folder}/{number}/run')
    parsing.parse(['main', *words])
    return flags.FLAGS

  def outcome(self, number, arguments, caplog):
    """The outcome of a run, including its log."""
    folder = self._folder / str(number)
    if self._starts_there:
      shutil.copytree(self._base / 'run', folder / 'run')
    tf.random.set_seed(1)
    caplog.clear()
    with caplog.at_level('INFO', 'official'):
      found = outcome(folder, run(self.parse(arguments, number)))
    found['logged'] = sum('learning_rate' in line for line in caplog.messages)
    return found

  def is_refused(self, arguments):
    """Whether some of these flags are refused."""
    try:
      self.parse(arguments)
    except UsageError:
      return True
    return False


@pytest.fixture(scope='module')
def base(tmp_path_factory):
  """The folder of a run of 16 steps."""
  define_flags()
  folder = tmp_path_factory.mktemp('base')
  run(Trials(folder.parent, folder, False).parse(BASE, folder.name))
  return folder


def others(mode):
  """The flags that the mode itself does not set."""
  own = ' '.join(MODES[mode])
  if mode == 'evaluation':
    own += ' --train_epochs'  # The name of the run depends on it.
  return [flag for flag in FLAGS if flag.partition('=')[0] not in own]


@pytest.mark.slow
@pytest.mark.parametrize('mode', MODES)
def test_flags_without_effect_are_those_that_are_refused(
  mode, base, tmp_path, monkeypatch, caplog
):
  trials = Trials(tmp_path, base, mode in LOOKS)
  refused = {f: trials.is_refused([*MODES[mode], f]) for f in others(mode)}
  monkeypatch.setattr(effects, 'check', lambda flags_obj: None)
  arguments = [*BASE, *MODES[mode]]
  without = trials.outcome('without', arguments, caplog)
  assert trials.outcome('again', arguments, caplog) == without
  acts = {}
  for number, flag in enumerate(refused):
    try:
      found = trials.outcome(number, [*arguments, flag], caplog)
    except UsageError as e:  # Refused later, by the run loop.
      found = str(e)
    acts[flag] = found != without
  assert acts == {flag: not is_it for flag, is_it in refused.items()}
