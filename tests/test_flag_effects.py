"""Every flag acts, or is refused with the reason: all pairs, every main."""

import itertools
import json
import subprocess
import sys

import pytest

from official.errors import UsageError
from official.flags import effects
from tests.conftest import ROOT

MAINS = [
  f'{network}.{data}_main'
  for network in ('resnet', 'alexnet', 'googlenet')
  for data in ('mnist', 'cifar10', 'imagenet')
] + ['docs.examples.lenet_main', 'docs.examples.npz_main']

# Each flag with a value that is not its default, and the flags that this needs.
SAMPLES = {
  'data_dir': 'x',
  'model_dir': 'x',
  'clean': True,
  'train_epochs': 3,
  'epochs_between_evals': 2,
  'stop_threshold': 0.5,
  'batch_size': 7,
  'num_gpus': 0,
  'hooks': 'ProfilerHook',
  'export_dir': 'x',
  'distribution_strategy': 'off',
  'seed': 5,
  'deterministic': True,
  'on_nan': 'restore',
  'save_checkpoints_steps': 9,
  'keep_checkpoint_max': 2,
  'log_steps': 3,
  'summaries': 'graph',
  'inter_op_parallelism_threads': 1,
  'intra_op_parallelism_threads': 1,
  'use_synthetic_data': True,
  'max_train_steps': 4,
  'dtype': 'bf16',
  'loss_scale': 8,
  'all_reduce_alg': 'nccl',
  'num_packs': 2,
  'tf_gpu_thread_mode': 'gpu_private',
  'per_gpu_thread_count': 3,
  'datasets_num_private_threads': 2,
  'enable_xla': True,
  'steps_per_loop': 2,
  'worker_hosts': ('a:1,b:1', {'task_index': 0}),
  'task_index': (0, {'worker_hosts': 'a:1,b:1'}),
  'cluster_timeout': 5,
  'data_format': 'channels_last',
  'fine_tune': (True, {'pretrained_model_checkpoint_path': 'x'}),
  'pretrained_model_checkpoint_path': 'x',
  'eval_only': True,
  'save_predictions': True,
  'export_only': (True, {'export_dir': 'x'}),
  'image_bytes_as_serving_input': True,
  'export_formats': 'tflite',
  'use_train_and_evaluate': True,
  'optimizer': 'adam',
  'enable_lars': True,
  'label_smoothing': 0.5,
  'weight_decay': 0.5,
  'base_lr': 0.5,
  'lr_schedule': 'constant',
  'momentum': 0.5,
  'batch_norm_momentum': 0.5,
  'sync_batch_norm': True,
  'dataset': 'x',
  'held_out_images': 4,
  'augment': False,
  'max_bad_examples': 4,
  'image_size': 32,
  'background_class': False,
  'resnet_version': '2',
  'resnet_size': '34',
  'alexnet_form': 'owt',
  'dropout_rate': 0.25,
  'batch_norm': True,
  'auxiliary_heads': None,  # The other of its two values; see `samples`.
  'units': 7,
  'npz': 'x',
}

TRAINING = """
  clean epochs_between_evals stop_threshold hooks on_nan save_checkpoints_steps
  keep_checkpoint_max log_steps summaries loss_scale steps_per_loop fine_tune
  pretrained_model_checkpoint_path use_train_and_evaluate optimizer base_lr
  lr_schedule momentum batch_norm_momentum sync_batch_norm augment dropout_rate
  auxiliary_heads""".split()

# The conditions under which flags have no effect, by the code that uses them;
# written independently of `official.flags.effects`.
LEAVES_WITHOUT_EFFECT = {
  ('eval_only', True): TRAINING,  # train_epochs is a part of a run's name.
  ('export_only', True): """
    train_epochs batch_size seed deterministic max_train_steps all_reduce_alg
    num_packs datasets_num_private_threads enable_xla save_predictions
    enable_lars label_smoothing weight_decay""".split()
  + TRAINING,
  ('train_epochs', 0): TRAINING,
  ('train_epochs', 1): ['epochs_between_evals'],
  ('use_synthetic_data', True): """
    held_out_images augment max_bad_examples save_predictions""".split(),
  ('use_train_and_evaluate', True): ['epochs_between_evals'],
  ('enable_lars', True): ['optimizer', 'base_lr', 'lr_schedule'],
  ('optimizer', 'adam'): ['momentum'],
  ('optimizer', 'adadelta'): ['momentum'],
  ('fine_tune', True): """
    batch_norm_momentum sync_batch_norm dropout_rate auxiliary_heads""".split(),
  ('worker_hosts', 'a:1,b:1'): ['num_packs'],
  ('tf_gpu_thread_mode', 'global'): ['per_gpu_thread_count'],
  ('all_reduce_alg', 'ring'): ['num_packs'],
}

# The flags without which other flags have no effect.
NEEDS = {
  'loss_scale': [('dtype', 'fp16')],
  'num_packs': [
    ('all_reduce_alg', 'nccl'),
    ('all_reduce_alg', 'hierarchical_copy'),
  ],
  'per_gpu_thread_count': [
    ('tf_gpu_thread_mode', 'gpu_private'),
    ('tf_gpu_thread_mode', 'gpu_shared'),
  ],
  'cluster_timeout': [('worker_hosts', 'a:1,b:1')],
  'image_bytes_as_serving_input': [('export_dir', 'x')],
  'export_formats': [('export_dir', 'x')],
}

# Further values of flags that change the effect of others.
MODES = [
  {'train_epochs': 0},
  {'train_epochs': 1},
  {'optimizer': 'adadelta'},
  {'dtype': 'fp16'},
  {'all_reduce_alg': 'ring'},
  {'all_reduce_alg': 'hierarchical_copy'},
  {'tf_gpu_thread_mode': 'global'},
]

# Pairs that a validator of both refuses, whatever the other flags.
REFUSED_PAIRS = [
  {'eval_only', 'export_only'},
  {'eval_only', 'clean'},
  {'export_only', 'clean'},
  {'export_formats', 'dtype'},
]

_PARSE = """
import importlib, json, sys
from absl import flags
from official.flags import parsing
from official.flags.invocation import own_flags
from official.errors import UsageError

sys.argv[1:], main = [], importlib.import_module(sys.argv[1])
main.define_flags()
F = flags.FLAGS
names = sorted(flag.name for flag in own_flags(F))
defaults = {name: F[name].default for name in names}
print(json.dumps(defaults), flush=True)
messages = []
for words in json.loads(sys.stdin.readline()):
  try:
    parsing.parse(['main', *words])
    messages.append(None)
  except UsageError as e:
    messages.append(str(e))
  for flag in (F[name] for name in names if F[name].present):
    flag.unparse()
print(json.dumps(messages))
assert 'tensorflow' not in sys.modules
"""


class Main:
  """A main in a process of its own, which parses the given commands."""

  def __init__(self, name):
    self._process = subprocess.Popen(
      [sys.executable, '-c', _PARSE, name],
      cwd=ROOT,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      text=True,
    )
    self.defaults = json.loads(self._process.stdout.readline())

  def parse(self, commands):
    """The error of each command; None where it is accepted."""
    out, _ = self._process.communicate(json.dumps(commands) + '\n')
    assert self._process.returncode == 0
    return json.loads(out)


def sample(name, defaults):
  """Flags and their values, the named one among them."""
  value = SAMPLES[name]
  value, more = value if isinstance(value, tuple) else (value, {})
  if value is None or name in ('batch_norm', 'auxiliary_heads'):
    value = not defaults[name]
  return {name: value} | more


def words_of(given):
  for name, value in given.items():
    if isinstance(value, bool):
      yield f'--{name}' if value else f'--no{name}'
    else:
      yield f'--{name}={value}'


def expected_without_effect(given, defaults):
  """Names of flags that have no effect beside the others."""
  settings = defaults | given
  found = set()
  for name in given:
    killers = [
      setting
      for setting, names in LEAVES_WITHOUT_EFFECT.items()
      if name in names and settings.get(setting[0]) == setting[1]
    ]
    needed = NEEDS.get(name, [])
    lacks = needed and all(settings.get(n) != value for n, value in needed)
    if killers or lacks:
      found.add(name)
  looks = given.get('eval_only') or given.get('train_epochs') == 0
  if looks and not given.get('use_synthetic_data'):
    found |= given.keys() & {'seed', 'max_train_steps'}
  if looks and given.get('enable_lars'):
    found |= given.keys() & {'weight_decay'}
  if settings.get('batch_norm') is False:
    found |= given.keys() & {'batch_norm_momentum', 'sync_batch_norm'}
  if (
    'stop_threshold' in given
    and not given.get('use_train_and_evaluate')
    and settings['epochs_between_evals'] >= settings['train_epochs']
  ):
    found.add('stop_threshold')
  if (
    {'stop_threshold', 'use_train_and_evaluate', 'worker_hosts'} <= given.keys()
  ) and 'save_checkpoints_steps' not in given:
    found.add('stop_threshold')
  return found


def told_without_effect(message):
  """The names in `--a and --b have no effect ...; leave them out. --c ...`."""
  names = set()
  for sentence in message.split(' out. '):
    assert ' no effect ' in sentence, message
    subject = sentence.split(' ha')[0].replace(' and ', ', ')
    typed = {name.removeprefix('--') for name in subject.split(', ')}
    names |= {n if n in SAMPLES else n.removeprefix('no') for n in typed}
  return names


@pytest.mark.parametrize('name', MAINS)
def test_each_pair_of_flags_acts_or_is_refused(name):
  main = Main(name)
  unknown = main.defaults.keys() - SAMPLES.keys()
  assert not unknown, 'a flag without a sample in this test'
  alone = [sample(flag, main.defaults) for flag in main.defaults]
  others = [m for m in MODES if m.keys() <= main.defaults.keys()]
  pairs = [
    first | second
    for first, second in itertools.combinations([*others, *alone], 2)
    if all(second.get(n, value) == value for n, value in first.items())
  ]
  pairs += alone + [
    # Three at a time, where two of them make one condition.
    {'use_train_and_evaluate': True, 'stop_threshold': 0.5, 'train_epochs': 1},
    {'num_packs': 2, 'all_reduce_alg': 'nccl', 'eval_only': True},
    {'loss_scale': 8, 'dtype': 'fp16', 'eval_only': True},
    {'enable_lars': True, 'weight_decay': 0.5, 'eval_only': True},
    {'use_synthetic_data': True, 'eval_only': True, 'max_train_steps': 4},
  ]
  messages = main.parse([list(words_of(given)) for given in pairs])
  refused = 0
  for given, message in zip(pairs, messages, strict=True):
    if any(pair <= given.keys() for pair in REFUSED_PAIRS):
      assert message, given
      continue
    expected = expected_without_effect(given, main.defaults)
    found = told_without_effect(message) if message else set()
    assert found == expected, (given, message)
    refused += bool(expected)
  print(f'{name}: {len(pairs)} pairs, {refused} refused')
  assert len(pairs) > 1500 and refused > 350


@pytest.mark.parametrize(
  'words, message',
  [
    (
      '--enable_lars --base_lr=1 --lr_schedule=constant',
      '--base_lr and --lr_schedule have no effect with --enable_lars, whose '
      'rate follows from --batch_size; leave them out',
    ),
    (
      '--optimizer=momentum --enable_lars',  # Its default, but typed.
      '--optimizer has no effect with --enable_lars, which is an optimizer '
      'itself; leave it out',
    ),
    (
      '--eval_only --optimizer=adam --on_nan=restore --train_epochs=6',
      '--on_nan and --optimizer have no effect with --eval_only, which trains '
      'nothing; leave them out',
    ),
    (
      '--eval_only --optimizer=adam',
      '--optimizer has no effect with --eval_only, which trains nothing; leave '
      'it out',
    ),
    ('--eval_only --train_epochs=6', None),
    ('--train_epochs=1 --epochs_between_evals=1', None),
    (
      '--use_synthetic_data --noaugment --epochs_between_evals=5 -te=1',
      '--epochs_between_evals has no effect with --train_epochs 1, after which '
      'it evaluates anyway; leave it out. --noaugment has no effect with '
      '--use_synthetic_data, whose images are random; leave it out',
    ),
    (
      '--use_train_and_evaluate --epochs_between_evals=2',
      '--epochs_between_evals has no effect with --use_train_and_evaluate, '
      'which evaluates after checkpoints: see --save_checkpoints_steps; leave '
      'it out',
    ),
    (
      '--loss_scale=8',
      '--loss_scale has no effect without --dtype fp16; leave it out',
    ),
    (
      '--optimizer=adam --momentum=0.8',
      '--momentum has no effect without --optimizer momentum or --enable_lars; '
      'leave it out',
    ),
    # A flag that only turns something off is not a request.
    ('--eval_only --noclean --nofine_tune --noenable_lars', None),
    ('--use_train_and_evaluate --stop_threshold=0.9', None),
    ('--use_synthetic_data --data_dir=x --max_bad_examples=0', None),
  ],
)
def test_one_line_names_all_flags_to_leave_out(parse, words, message):
  if message is None:
    parse(*words.split())
    return
  with pytest.raises(UsageError) as caught:
    parse(*words.split())
  assert str(caught.value) == message


@pytest.mark.parametrize(
  'words', ['--eval_only', '--export_only --export_dir=x', '--train_epochs=0']
)
def test_what_only_reads_a_run_does_not_delete_it(parse, words):
  with pytest.raises(UsageError, match='--clean'):
    parse('--clean', *words.split())


def test_a_cluster_by_tf_config_counts(parse, monkeypatch):
  monkeypatch.setenv('TF_CONFIG', '{"cluster": {"worker": ["a:1", "b:1"]}}')
  assert parse('--cluster_timeout=5').cluster_timeout == 5
  with pytest.raises(UsageError, match='num_packs has no .* several workers'):
    parse('--all_reduce_alg=nccl', '--num_packs=2')


def test_flags_of_a_run_that_act_in_another_call_of_its_command():
  """From `config.json`: flags that only training uses are left out."""
  trained = [
    '--alexnet_form=owt', '--base_lr=0.5', '--batch_size=64', '--data_dir=d',
    '--dropout_rate=0.25', '--enable_lars', '--hooks=ProfilerHook',
    '--loss_scale=8', '--dtype=fp16', '--max_train_steps=4', '--noaugment',
    '--nobackground_class', '--seed=3', '--units=7', '--weight_decay=0.5',
  ]  # fmt: skip
  assert effects.acting(trained, '--export_only') == [
    '--alexnet_form=owt', '--data_dir=d', '--dtype=fp16',
    '--nobackground_class', '--units=7',
  ]  # fmt: skip
  assert effects.acting(trained, '--eval_only', '--save_predictions') == [
    '--alexnet_form=owt', '--batch_size=64', '--data_dir=d', '--enable_lars',
    '--dtype=fp16', '--nobackground_class', '--units=7',
  ]  # fmt: skip
  synthetic = ['--max_train_steps=4', '--seed=3', '--use_synthetic_data']
  assert effects.acting(synthetic, '--eval_only') == synthetic
  assert effects.acting(trained, '--use_train_and_evaluate') == [
    argument for argument in trained if not argument.startswith('--base_lr')
  ]
