"""`resnet_model_fn`: loss, weight decay, loss scale, fine tuning, metrics."""

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official import layers
from official.optimizers import loss_scaling, schedules
from resnet import resnet_run_loop
from tests import linear

_rng = np.random.RandomState(0)
IMAGES = _rng.rand(24, 4, 4, 1).astype(np.float32)
LABELS = _rng.randint(0, 7, 24).astype(np.int32)


class SmallModel:
  """Convolution, batch norm, dense: every kind of variable."""

  def __init__(self, resnet_size, data_format, resnet_version, dtype):
    del resnet_size, data_format, resnet_version
    self._dtype = dtype

  def __call__(self, images, training):
    nn = layers.Network('net', training=training, dtype=self._dtype)
    x = nn.batch_norm(nn.conv2d(nn.images(images), 3, 3))
    return tf.cast(nn.dense(nn.global_mean(x), 7), tf.float32)


def model_fn(features, labels, mode, params):
  return resnet_run_loop.resnet_model_fn(
    features,
    labels,
    mode,
    SmallModel,
    resnet_size=1,
    data_format=None,
    resnet_version=1,
    **{
      'weight_decay': 0.0,
      'learning_rate_fn': schedules.piecewise_constant([], [0.5]),
      'momentum': 0.9,
      'loss_scale': 1,
    }
    | params,
  )


def input_fn(input_context):
  batch = len(LABELS) // input_context.num_replicas_in_sync
  dataset = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS))
  return dataset.repeat().batch(batch)


def eval_input_fn():
  # Parts of 9, 9 and 6.
  return tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(9)


def train(model_dir, params, steps=1, **config):
  """Trains; returns the Estimator and the variables before and after."""
  estimator = est.Estimator(
    model_fn,
    str(model_dir),
    est.RunConfig(tf_random_seed=1, **config),
    params,
  )
  losses = linear.Losses()
  estimator.train(input_fn, hooks=[losses], steps=steps)
  prefixes = est.Checkpoints(str(model_dir)).all()
  first, last = (
    {
      name: tf.train.load_checkpoint(prefix).get_tensor(name)
      for name in estimator.get_variable_names()
    }
    for prefix in (prefixes[0], prefixes[-1])
  )
  return estimator, first, last, losses.losses


def cross_entropy(logits, labels, smoothing=0.0):
  """Mean over examples, in NumPy."""
  logits = logits - logits.max(1, keepdims=True)
  log_softmax = logits - np.log(np.exp(logits).sum(1, keepdims=True))
  targets = np.eye(7)[labels] * (1 - smoothing) + smoothing / 7
  return -(targets * log_softmax).sum(1).mean()


def logits_in_training(v):
  """What SmallModel computes, in NumPy."""
  x = np.pad(IMAGES, [(0, 0), (1, 1), (1, 1), (0, 0)])
  kernel = v['net/conv2d/kernel']
  x = np.stack(
    [
      np.stack(
        [
          np.einsum('nhwc,hwcf->nf', x[:, r : r + 3, c : c + 3], kernel)
          for c in range(4)
        ],
        1,
      )
      for r in range(4)
    ],
    1,
  )
  x = (x - x.mean((0, 1, 2))) / np.sqrt(x.var((0, 1, 2)) + 1e-5)
  x = x * v['net/batch_normalization/gamma'] + v['net/batch_normalization/beta']
  return x.mean((1, 2)) @ v['net/dense/kernel'] + v['net/dense/bias']


KERNELS = ['net/conv2d/kernel', 'net/dense/kernel', 'net/dense/bias']
NORMS = ['net/batch_normalization/gamma', 'net/batch_normalization/beta']


@pytest.mark.parametrize(
  'loss_filter_fn, decayed',
  [(None, KERNELS), (lambda name: True, KERNELS + NORMS)],
  ids=['without batch norm', 'everything'],
)
@pytest.mark.parametrize('smoothing', [0.0, 0.1])
def test_the_loss_computed_by_hand(
  tmp_path, loss_filter_fn, decayed, smoothing
):
  params = {
    'weight_decay': 0.3,
    'loss_filter_fn': loss_filter_fn,
    'label_smoothing': smoothing,
  }
  _, first, _, losses = train(tmp_path, params)
  l2 = 0.3 * sum(0.5 * (first[name] ** 2).sum() for name in decayed)
  expected = cross_entropy(logits_in_training(first), LABELS, smoothing) + l2
  assert losses == [pytest.approx(expected, rel=1e-5)]


def test_the_gradient_of_weight_decay_is_the_decayed_weight(tmp_path):
  """The first momentum slot is the gradient."""
  _, first, with_decay, _ = train(tmp_path / 'a', {'weight_decay': 0.3})
  _, same, without, _ = train(tmp_path / 'b', {})
  for name in KERNELS + NORMS:
    np.testing.assert_array_equal(first[name], same[name])
    slot = f'{name}/Momentum'
    decay = with_decay[slot] - without[slot]
    expected = 0.3 * first[name] if name in KERNELS else 0 * first[name]
    np.testing.assert_allclose(decay, expected, atol=1e-6)


def test_the_loss_and_its_gradient_do_not_depend_on_the_replicas(tmp_path):
  """Without batch norm's statistics, which are each replica's own."""
  params = {'weight_decay': 0.3, 'fine_tune': True}
  _, _, one, losses = train(tmp_path / 'one', params, 5)
  _, _, two, mirrored = train(
    tmp_path / 'two', params, 5, train_distribute=linear.two_replicas()
  )
  np.testing.assert_allclose(losses, mirrored, rtol=1e-5)
  np.testing.assert_allclose(
    one['net/dense/kernel'], two['net/dense/kernel'], rtol=1e-4, atol=1e-6
  )


def test_a_loss_scale_changes_no_step(tmp_path):
  _, _, plain, _ = train(tmp_path / 'a', {}, 3)
  _, _, scaled, _ = train(tmp_path / 'b', {'loss_scale': 128}, 3)
  for name, value in plain.items():
    np.testing.assert_allclose(scaled[name], value, rtol=1e-5, atol=1e-7)


def test_a_dynamic_loss_scale_changes_no_finite_step(tmp_path, monkeypatch):
  monkeypatch.setattr(loss_scaling, 'GROWTH_STEPS', 2)
  _, _, plain, _ = train(tmp_path / 'a', {}, 3)
  _, _, scaled, _ = train(tmp_path / 'b', {'loss_scale': 'dynamic'}, 3)
  for name, value in plain.items():
    np.testing.assert_allclose(scaled[name], value, rtol=1e-5, atol=1e-7)
  assert scaled['loss_scale'] == 2**16  # doubled after two finite steps
  assert scaled['loss_scale/finite_steps'] == 1


def test_a_step_that_overflows_changes_nothing_and_halves_the_scale(
  tmp_path, monkeypatch
):
  monkeypatch.setattr(loss_scaling, 'INITIAL_SCALE', 3e38)
  # A loss above 2 times the scale is above what float32 holds.
  params = {'loss_scale': 'dynamic', 'weight_decay': 10.0}
  _, first, last, _ = train(tmp_path / 'a', params, 1)
  assert last['loss_scale'] == np.float32(1.5e38)
  changed = [
    n
    for n in first
    if 'loss_scale' not in n
    and 'moving' not in n
    and not np.array_equal(first[n], last[n])
  ]
  assert changed == ['global_step']


def test_a_dynamic_loss_scale_on_two_replicas(tmp_path):
  strategy = linear.two_replicas()
  params = {'loss_scale': 'dynamic'}
  _, _, one, losses = train(tmp_path / 'a', {}, 2, train_distribute=strategy)
  _, _, two, scaled = train(
    tmp_path / 'b', params, 2, train_distribute=strategy
  )
  np.testing.assert_allclose(scaled, losses, rtol=1e-5)
  for name, value in one.items():
    np.testing.assert_allclose(two[name], value, rtol=1e-4, atol=1e-6)


def test_fine_tuning_changes_the_last_layer_alone(tmp_path):
  _, first, last, _ = train(tmp_path, {'fine_tune': True, 'weight_decay': 1.0})
  changed = [n for n in first if not np.array_equal(first[n], last[n])]
  assert {name for name in changed if 'Momentum' not in name} == {
    'global_step',
    'net/dense/kernel',
    'net/dense/bias',
  }


def test_lars_decays_the_weights_itself(tmp_path):
  """The original had the decay in the loss too, and so applied it twice."""
  _, first, _, losses = train(
    tmp_path, {'weight_decay': 0.3, 'enable_lars': True}
  )
  expected = cross_entropy(logits_in_training(first), LABELS)
  assert losses == [pytest.approx(expected, rel=1e-5)]


def test_evaluation_weighs_every_example_alike(tmp_path):
  estimator, _, last, _ = train(tmp_path, {'weight_decay': 0.3}, 3)
  results = estimator.evaluate(eval_input_fn)
  predictions = list(estimator.predict(eval_input_fn))
  probabilities = np.array([p['probabilities'] for p in predictions])
  classes = np.array([p['classes'] for p in predictions])
  assert (probabilities.shape, classes.dtype) == ((24, 7), np.int64)
  l2 = 0.3 * sum(0.5 * (last[name] ** 2).sum() for name in KERNELS)
  entropy = -np.log(probabilities[range(24), LABELS]).mean()
  top_5 = (np.argsort(-probabilities)[:, :5] == LABELS[:, None]).any(1).mean()
  assert results == {
    'loss': pytest.approx(entropy + l2, rel=1e-5),
    'cross_entropy': pytest.approx(entropy, rel=1e-5),
    'accuracy': pytest.approx((classes == LABELS).mean()),
    'accuracy_top_5': pytest.approx(top_5),
    'global_step': 3,
  }


def test_the_scalars_of_a_step_have_the_originals_names(tmp_path):
  seen = {}

  class Names(est.Hook):
    def after_run(self, run):
      seen.update(run.values)

  estimator = est.Estimator(model_fn, str(tmp_path), params={})
  estimator.train(input_fn, hooks=[Names()], steps=1)
  assert sorted(seen) == [
    'cross_entropy',
    'l2_loss',
    'learning_rate',
    'loss',
    'train_accuracy',
  ]
  assert seen['learning_rate'] == 0.5


def test_the_run_loop_has_the_originals_public_names():
  for name in (
    'process_record_dataset',
    'get_synth_input_fn',
    'image_bytes_serving_input_fn',
    'learning_rate_with_decay',
    'resnet_model_fn',
    'resnet_main',
    'define_resnet_flags',
  ):
    assert callable(getattr(resnet_run_loop, name))
