"""The settings of a run: what they take, refuse and remember."""

import copy
import dataclasses
import pickle
import types

import numpy as np
import pytest
from absl import flags as absl_flags

from alexnet import alexnet_flags, alexnet_model
from official import flags, layers
from official.devices import configuration
from official.errors import UsageError
from official.flags import Settings, effects
from official.optimizers import training_step
from official.run import hooks
from resnet import resnet_model
from resnet.resnet_flags import RESNET, ResNetSettings


def test_a_program_makes_them_without_flags():
  settings = Settings(
    model_dir='~/run',
    train_epochs=np.int64(2),
    base_lr=1,
    dtype='fp16',
    loss_scale=128,
    hooks=['ProfilerHook'],
    summaries=None,
    network=ResNetSettings(resnet_size=8),
    extra={'npz': 'a.npz'},
  )
  assert not settings.model_dir.startswith('~')
  assert (settings.train_epochs, settings.base_lr) == (2, 1.0)
  assert type(settings.train_epochs) is int
  assert type(settings.base_lr) is float
  assert (settings.loss_scale, settings.summaries) == ('128', ())
  assert settings.hooks == ('ProfilerHook',)
  values = settings.as_dict()
  assert (values['resnet_size'], values['resnet_version']) == (8, 1)
  assert (values['npz'], values['batch_norm_momentum']) == ('a.npz', 0.997)
  with pytest.raises(dataclasses.FrozenInstanceError):
    settings.train_epochs = 3
  for copied in (copy.deepcopy(settings), pickle.loads(pickle.dumps(settings))):
    assert copied == settings
    assert hash(copied) == hash(settings)


@pytest.mark.parametrize(
  'values, message',
  [
    ({'batch_size': 0}, 'batch_size must be 1 or more, given: 0'),
    ({'batch_size': True}, 'batch_size must be of type int, given: True'),
    ({'batch_size': 2.5}, 'batch_size must be of type int, given: 2.5'),
    ({'batch_size': None}, 'batch_size must be of type int, given: None'),
    ({'optimizer': 'sgd'}, 'must be one of momentum, adadelta, adam, .*: sgd'),
    ({'hooks': [1]}, r'hooks must be a list of strings, given: \[1\]'),
    ({'hooks': 'ProfilerHook'}, 'hooks must be a list of strings'),
    ({'model_dir': 'gs://b/r'}, 'model_dir=gs://b/r: remote paths'),
    ({'extra': {'seed': 3}}, 'seed is a setting of every run'),
    ({'export_only': True}, '--export_only needs --export_dir'),
    ({'loss_scale': 'much'}, 'must be a positive number or dynamic'),
  ],
)
def test_what_they_refuse(values, message):
  with pytest.raises(ValueError, match=message):
    Settings(**values)
  if 'extra' not in values:
    with pytest.raises(UsageError, match=message):
      Settings.of(types.SimpleNamespace(**values))


def test_a_networks_settings_are_checked_too():
  with pytest.raises(ValueError, match='resnet_version must be one of 1, 2'):
    ResNetSettings(resnet_version=3)
  with pytest.raises(UsageError, match='--resnet_size must be of type int'):
    Settings.of(types.SimpleNamespace(resnet_size='big'), ResNetSettings)


def test_flags_must_be_parsed_first():
  values = absl_flags.FlagValues()
  absl_flags.DEFINE_integer('batch_size', 32, 'Images.', flag_values=values)
  with pytest.raises(absl_flags.UnparsedFlagAccessError):
    Settings.of(values)


def test_settings_for_other_images_keep_what_was_given():
  settings = Settings(seed=7, network=ResNetSettings(resnet_size=8))
  small = flags.SettingsForSmallImages.of(settings)
  assert (small.seed, small.network, small.dataset) == (
    7,
    settings.network,
    None,
  )
  assert flags.SettingsForSmallImages.of(small) is small


def test_every_name_that_a_flag_allows_has_something_behind_it():
  optimizers = set(training_step._OPTIMIZERS)
  assert optimizers == {*flags.OPTIMIZERS, 'lars'}
  assert set(configuration._DTYPES) == set(flags.DTYPES)
  assert set(alexnet_model.FORMS) == set(alexnet_flags.FORMS)
  sizes = RESNET.recipes['imagenet'].choices['resnet_size']
  assert set(sizes) == set(resnet_model.IMAGENET_BLOCK_SIZES)
  assert len(hooks.named_hooks(Settings(hooks=flags.HOOKS))) == 4
  for layout in layers.DATA_FORMATS:
    Settings(data_format=layout)


_ORIGINAL_MAIN = """
from absl import flags as absl_flags
from official import flags
from official.flags import parsing
from resnet import resnet_flags

resnet_flags.define_resnet_flags(['18', '34'])
flags.define_dataset()
flags.set_defaults(resnet_size='18', batch_size=128)
absl_flags.DEFINE_string('mine', 'a', 'Of this program.')
parsing.parse(['main', '--resnet_size=34', '--mine=b'])
settings = flags.Settings.of(flags.FLAGS)
assert type(settings) is flags.SettingsForSmallImages
assert settings.batch_size == 128
assert dict(settings.extra) == {
  'mine': 'b', 'resnet_size': 34, 'resnet_version': 1,
  'batch_norm_momentum': 0.997, 'sync_batch_norm': False,
}, settings.extra
try:
  parsing.parse(['main', '--resnet_size=50'])
except Exception as e:
  assert str(e).endswith('must be one of 18, 34, given: 50'), e
else:
  raise AssertionError
"""


def test_a_main_in_the_form_of_the_original_defines_its_flags(run):
  result = run('-c', _ORIGINAL_MAIN)
  assert (result.returncode, result.stderr) == (0, '')


def test_a_flag_that_a_program_defines_itself_acts_as_the_setting_of_its_name():
  values = absl_flags.FlagValues()
  absl_flags.DEFINE_bool('eval_only', False, 'Test.', flag_values=values)
  absl_flags.DEFINE_float('dropout_rate', 0.5, 'Share.', flag_values=values)
  values(['main', '--eval_only', '--dropout_rate=0.3'])
  with pytest.raises(UsageError, match='--dropout_rate has no effect with'):
    effects.check(values)
