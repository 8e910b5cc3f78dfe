"""`resnet_main` in this process, with a network of few layers.

It counts the images that it used, and fine tuning starts from its own network.
"""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf

from official import devices as devices_lib
from official import estimator as est
from official import layers
from official.datasets import in_memory
from official.errors import UsageError
from official.optimizers import schedules
from official.report import runs
from official.run import predictions
from resnet import resnet_run_loop
from tests import linear

RANDOM = np.random.RandomState(0)


def split(count, classes=2):
  images = RANDOM.randint(0, 256, [count, 4, 4, 1]).astype(np.uint8)
  return in_memory.Split(images, np.arange(count, dtype=np.int32) % classes)


DATASET = in_memory.dataset('tiny', {'train': split(32), 'test': split(10)})
# It says that it has 5 times as many test images as it has.
TOO_SMALL = dataclasses.replace(DATASET, num_images={'train': 32, 'test': 50})
_TRAINING = ('--train_epochs=1', '--summaries=')


def make_model_fn(depth, filters, classes=2):
  def model_fn(features, labels, mode, params):
    def network(images, training):
      nn = layers.Network('net', training=training)
      x = nn.images(images)
      for _ in range(depth):
        x = tf.nn.relu(nn.batch_norm(nn.conv2d(x, filters, 3)))
      return nn.dense(nn.global_mean(x), classes)

    return resnet_run_loop.image_model_fn(
      features, labels, mode, params, network
    )

  return model_fn


def run(
  parse, folder, *arguments, dataset=DATASET, depth=1, filters=4, replicas=1
):
  flags_obj = parse(
    *('--nodeterministic', '--batch_size=4', f'--model_dir={folder}'),
    # An evaluation refuses the flags of training.
    *([] if '--eval_only' in arguments else _TRAINING),
    *arguments,
  )
  devices = devices_lib.configure(flags_obj)
  if replicas == 2:
    devices = dataclasses.replace(
      devices, strategy=linear.two_replicas(), num_replicas=2
    )
  return resnet_run_loop.resnet_main(
    flags_obj,
    make_model_fn(depth, filters, dataset.num_classes),
    dataset,
    'Small',
    schedules.piecewise_constant([], [0.1]),
    devices,
  )


@pytest.mark.parametrize(
  'arguments, dataset, replicas, examples, first_line',
  [
    ([], DATASET, 1, 10, 'tiny 32 + 10 images 4x4x1, 2 classes'),
    ([], DATASET, 2, 10, 'tiny 32 + 10 images 4x4x1, 2 classes'),
    ([], TOO_SMALL, 1, 10, 'tiny 32 + 50 images 4x4x1, 2 classes'),
    (
      ['--use_synthetic_data', '--max_train_steps=2'],
      TOO_SMALL,
      1,
      8,
      'tiny-synthetic random images 4x4x1, 2 classes',
    ),
  ],
)
def test_an_evaluation_counts_the_images_that_it_used(
  parse, tmp_path, capsys, arguments, dataset, replicas, examples, first_line
):
  for more in ([], ['--eval_only']):
    run(
      *(parse, tmp_path, *arguments, *more),
      dataset=dataset,
      replicas=replicas,
    )
  lines = capsys.readouterr().out.splitlines()
  assert first_line in lines[0]
  told = [re.search(r'\((.*) images\)', line) for line in lines]
  assert [m[1] for m in told if m] == [str(examples)] * 2
  log = est.Estimator(make_model_fn(1, 4), str(tmp_path), params={}).metrics_log
  assert [r['examples'] for r in log.read('eval')][-1] == examples
  # So does the report, whose intervals are of as many images.
  found = runs.load(str(tmp_path))
  assert [e.examples for e in found.evaluations] == [examples]
  trained = 4 if '--use_synthetic_data' in arguments else 32
  assert found.train_images == trained


def test_predictions_saved_twice_tell_the_same(parse, tmp_path):
  """The second time nothing is traced, and the network is still counted."""
  run(parse, tmp_path)
  params = {
    'weight_decay': 0.0,
    'learning_rate_fn': None,
    'momentum': 0.9,
    'data_format': 'channels_last',
    'loss_scale': 1,
    'dtype': tf.float32,
    'fine_tune': False,
    'label_smoothing': 0.0,
    'enable_lars': False,
    'optimizer': 'momentum',
  }
  estimator = est.Estimator(make_model_fn(1, 4), str(tmp_path), params=params)
  kernel = estimator.get_variable_value('net/conv2d/kernel')
  for _ in range(2):
    path = predictions.save(estimator, DATASET, 4)
    with np.load(path) as found:
      # 16 positions, 3x3 taps, 1 channel, 4 filters; and 4 weights a class.
      assert found['multiply_adds'] == 16 * 9 * 1 * 4 + 4 * 2
      np.testing.assert_array_equal(found['filters'], kernel)
      assert len(found['classes']) == 10
  assert estimator.trace_counts == {'infer': 1}


def test_predictions_of_images_without_end_are_refused(parse, tmp_path):
  with pytest.raises(UsageError, match='save_predictions'):
    run(parse, tmp_path / 'a', '--use_synthetic_data', '--save_predictions')
  assert not (tmp_path / 'a').exists()


def test_fine_tuning_from_another_network_is_refused(parse, tmp_path):
  run(parse, tmp_path / 'first', depth=1)
  start = f'--pretrained_model_checkpoint_path={tmp_path}/first'
  with pytest.raises(UsageError) as e:
    run(parse, tmp_path / 'a', '--fine_tune', start, depth=3)
  told = str(e.value)
  assert '\n' not in told
  # A kernel, gamma, beta, mean and variance a layer; 2 layers too many.
  assert 'of 15 variables that must come from' in told
  assert f'{tmp_path}/first/model.ckpt-8 10 are not in it (net/' in told
  assert 'and 5 more)' in told
  assert not est.Checkpoints(str(tmp_path / 'a')).all()
  with pytest.raises(UsageError) as e:
    run(parse, tmp_path / 'b', '--fine_tune', start, filters=8)
  assert '5 have another shape there (net/' in str(e.value)
  assert 'net/conv2d/kernel [3, 3, 1, 4], here [3, 3, 1, 8]' in str(e.value)


def test_fine_tuning_from_the_same_network_goes_on_after_a_stop(
  parse, tmp_path
):
  """With a dense layer of another shape, as other classes have."""
  run(parse, tmp_path / 'first')
  three = in_memory.dataset(
    'three', {'train': split(32, classes=3), 'test': split(10, classes=3)}
  )
  start = f'--pretrained_model_checkpoint_path={tmp_path}/first'
  for epochs in (1, 2):
    results = run(
      *(parse, tmp_path / 'second', '--fine_tune', start),
      f'--train_epochs={epochs}',
      dataset=three,
    )
    assert results['global_step'] == 8 * epochs
  before, after = (
    tf.train.load_checkpoint(est.Checkpoints(str(tmp_path / name)).latest())
    for name in ('first', 'second')
  )
  for name in ('conv2d/kernel', 'batch_normalization/moving_mean'):
    np.testing.assert_array_equal(
      before.get_tensor(f'net/{name}'), after.get_tensor(f'net/{name}')
    )
