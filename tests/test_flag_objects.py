"""Two objects of flags in one process: each run reads only its own."""

import copy
import math
import types

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

from official import devices as devices_lib
from official import estimator as est
from official.datasets import in_memory
from official.flags import Settings
from official.run import folder as run_folder
from official.run import tensorboard
from resnet import learning_rates, resnet_run_loop

CLASSES = 4
SPLIT = in_memory.Split(
  np.zeros([8, 2, 2, 1], np.uint8),
  np.array([0, 0, 0, 0, 0, 1, 2, 3], np.int32),
)


def dense(images, training):
  """Logits 1, 0, 0, 0 of every image, by a kernel of 4x4."""
  del training
  kernel = tf.Variable(lambda: tf.eye(CLASSES), name='dense/kernel')
  first = tf.one_hot(tf.zeros([tf.shape(images)[0]], tf.int32), CLASSES)
  return first @ kernel


def dense_model_fn(features, labels, mode, params):
  return resnet_run_loop.image_model_fn(features, labels, mode, params, dense)


def train(flags_obj):
  """The first training step in the log, and the folder's settings."""
  dataset = in_memory.dataset('black', {'train': SPLIT, 'test': SPLIT})
  resnet_run_loop.resnet_main(
    flags_obj,
    dense_model_fn,
    dataset,
    'Dense',
    learning_rates.from_flags(flags_obj, dataset, 8),
    devices_lib.configure(flags_obj),
  )
  log = est.Estimator(dense_model_fn, flags_obj.model_dir, params={})
  config = run_folder.read_config(flags_obj.model_dir)
  return log.metrics_log.read('train')[0], config['config']


def expected_loss(weight_decay, label_smoothing):
  """By hand: 5 of 8 labels are class 0, whose logit is 1; the others' are 0.

  The sum of squares of the kernel, an identity, is 4.
  """
  hit = (1 - label_smoothing) * 5 / 8 + label_smoothing / CLASSES
  return math.log(math.e + 3) - hit + weight_decay * 4 / 2


def copied(parsed):
  """Another `FlagValues` of the same flags."""
  return copy.deepcopy(parsed)


def namespace(parsed):
  return types.SimpleNamespace(**parsed.flag_values_dict())


class Values:
  """Any object with the values as attributes, those of its class too."""

  def __init__(self, values):
    self.__dict__.update(values)

  def helper(self):
    """Not a flag."""


def settings(parsed):
  return Values(parsed.flag_values_dict())


@pytest.mark.parametrize('kind', [copied, namespace, settings])
def test_each_run_trains_with_the_flags_that_it_was_given(
  parse, tmp_path, capsys, kind
):
  """The process's own flags say a decay of 1e-4, two others 0 and 0.5."""
  parsed = parse(
    '--nodeterministic', '--batch_size=8', '--train_epochs=1',
    '--lr_schedule=constant', '--weight_decay=1e-4', '--base_lr=0.25',
    '--summaries=graph,hparams', f'--model_dir={tmp_path}/global',
  )  # fmt: skip
  for name, weight_decay, base_lr in (('none', 0.0, 0.125), ('much', 0.5, 1.0)):
    flags_obj = kind(parsed)
    flags_obj.weight_decay = weight_decay
    flags_obj.base_lr = base_lr
    flags_obj.label_smoothing = 0.25
    flags_obj.keep_checkpoint_max = 3
    flags_obj.model_dir = str(tmp_path / name)
    step, config = train(flags_obj)
    assert step['loss'] == pytest.approx(expected_loss(weight_decay, 0.25))
    assert step['learning_rate'] == base_lr
    assert (config['weight_decay'], config['base_lr']) == (
      weight_decay,
      base_lr,
    )
    assert (config['label_smoothing'], config['keep_checkpoint_max']) == (
      0.25,
      3,
    )
    assert 'helper' not in config
    hparams = tensorboard.hparams_of(Settings.of(flags_obj))
    assert hparams['weight_decay'] == weight_decay
    if kind is copied:
      assert f'--weight_decay={weight_decay}' in config['arguments']
    else:  # No command line is known that would repeat the run.
      assert (config['main'], config['arguments']) == (None, [])
  step, config = train(parsed)
  assert step['loss'] == pytest.approx(expected_loss(1e-4, 0))
  assert (step['learning_rate'], config['weight_decay']) == (0.25, 1e-4)
  lines = capsys.readouterr().out.splitlines()
  told = [
    word for line in lines for word in line.split() if 'weight_decay' in word
  ]
  of_others = ['--weight_decay=0.0', '--weight_decay=0.5']
  assert [word for word in told if word in of_others] == (
    of_others if kind is copied else []
  )


def test_flags_of_a_parser_of_its_own_are_not_those_of_the_process(parse):
  parse('--summaries=hparams', '--batch_size=64')
  own = flags.FlagValues()
  flags.DEFINE_integer('batch_size', 32, 'Images.', flag_values=own)
  flags.DEFINE_list('summaries', [], 'Which.', flag_values=own)
  own(['main', '--batch_size=7'])
  settings = Settings.of(own)
  assert (settings.batch_size, settings.summaries, settings.seed) == (7, (), 1)
  assert settings.invocation.arguments() == ['--batch_size=7']
  assert settings.is_given('batch_size')
  assert not settings.is_given('summaries')
  assert not settings.is_given('seed')
