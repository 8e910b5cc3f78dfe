"""Estimator: train, evaluate, predict and export by the contract."""

import json
import os
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official import optimizers
from official.estimator import metrics
from tests import linear


def losses_of(estimator, max_steps=60, **kwargs):
  hook = linear.Losses()
  estimator.train(linear.train_input, [hook], max_steps=max_steps, **kwargs)
  return hook.losses


@pytest.fixture(scope='module')
def reference(tmp_path_factory):
  """The losses of 60 unbroken steps on one device, and its Estimator."""
  estimator = linear.make(tmp_path_factory.mktemp('reference'))
  return estimator, losses_of(estimator)


def test_training_learns(reference):
  estimator, losses = reference
  assert losses[0] == pytest.approx(np.log(3), abs=0.05)
  assert losses[-1] < 0.1
  results = estimator.evaluate(linear.eval_input)
  assert results['accuracy'] > 0.95
  assert results['global_step'] == 60


@pytest.mark.parametrize(
  'config',
  [{'steps_per_loop': 7}, {'jit_compile': True}],
  ids=['steps_per_loop', 'jit_compile'],
)
def test_the_same_losses_however_steps_are_run(tmp_path, reference, config):
  losses = losses_of(linear.make(tmp_path, **config))
  np.testing.assert_allclose(losses, reference[1], rtol=1e-5)


@pytest.mark.parametrize('steps_per_loop', [1, 7])
def test_two_replicas_give_the_losses_of_one(
  tmp_path, reference, steps_per_loop
):
  strategy = linear.two_replicas()
  estimator = linear.make(
    tmp_path, train_distribute=strategy, steps_per_loop=steps_per_loop
  )
  np.testing.assert_allclose(losses_of(estimator), reference[1], rtol=1e-5)
  # 1000 examples in batches of 300: the last batch is smaller, and one replica
  # has none in the last step.
  expected = reference[0].evaluate(linear.eval_input)
  assert estimator.evaluate(linear.eval_input) == pytest.approx(expected)
  assert estimator.trace_counts == {'train': 1, 'eval': 1}


def test_training_in_parts_gives_the_losses_of_training_at_once(
  tmp_path, reference
):
  losses = []
  for steps in (1, 20, 60):  # Each time with a new Estimator, as a new process.
    losses += losses_of(linear.make(tmp_path), steps)
  assert losses == reference[1]


def test_steps_is_relative_and_max_steps_is_absolute(tmp_path):
  estimator = linear.make(tmp_path)
  estimator.train(linear.train_input, steps=3)
  estimator.train(linear.train_input, steps=3)
  assert estimator.get_variable_value('global_step') == 6
  estimator.train(linear.train_input, max_steps=7)
  assert estimator.get_variable_value('global_step') == 7
  hook = linear.Losses()
  assert estimator.train(linear.train_input, [hook], max_steps=7) is estimator
  assert hook.losses == []


def test_each_mode_is_traced_once_over_many_calls(tmp_path):
  estimator = linear.make(tmp_path)
  for step in (2, 4, 6):
    estimator.train(linear.train_input, max_steps=step)
    estimator.evaluate(linear.eval_input)
    list(estimator.predict(linear.eval_input))
  assert estimator.trace_counts == {'train': 1, 'eval': 1, 'infer': 1}


def test_variables_have_the_names_of_their_scopes(reference):
  estimator, _ = reference
  layers = [
    f'{a}/{b}' for a in ('hidden', 'logits') for b in ('bias', 'kernel')
  ]
  slots = [f'{name}/Momentum' for name in layers]
  expected = sorted([*layers, *slots, 'global_step'])
  assert estimator.get_variable_names() == expected
  assert estimator.get_variable_value('hidden/kernel').shape == (8, 16)


def test_training_ends_where_the_data_ends(tmp_path):
  def five_batches(input_context, global_step):
    return linear.train_input(input_context, global_step).take(5)

  for loop, folder in ((1, 'a'), (3, 'b')):
    estimator = linear.make(tmp_path / folder, steps_per_loop=loop)
    estimator.train(five_batches, max_steps=100)
    assert estimator.get_variable_value('global_step') == 5


def test_loss_is_the_mean_over_examples_whatever_the_batches(reference):
  estimator, _ = reference
  data = tf.data.Dataset.from_tensor_slices((
    {'x': linear.IMAGES},
    linear.LABELS,
  ))
  whole = estimator.evaluate(lambda: data.batch(1000))
  for size in (1, 300, 999):
    parts = estimator.evaluate(lambda size=size: data.batch(size))
    assert parts == pytest.approx(whole, rel=1e-4)


def test_evaluation_can_be_of_some_steps_or_another_checkpoint(tmp_path):
  estimator = linear.make(tmp_path, save_checkpoints_steps=5)
  estimator.train(linear.train_input, max_steps=10)
  first = estimator.evaluate(
    linear.eval_input, checkpoint_path=str(tmp_path / 'model.ckpt-5')
  )
  assert first['global_step'] == 5
  last = estimator.evaluate(linear.eval_input, steps=1, name='some')
  assert last['global_step'] == 10
  assert last['loss'] != estimator.evaluate(linear.eval_input)['loss']
  assert os.listdir(tmp_path / 'eval_some')


def test_evaluation_is_written_to_events_and_metrics(tmp_path):
  estimator = linear.make(tmp_path)
  estimator.train(linear.train_input, max_steps=3)
  results = estimator.evaluate(linear.eval_input)
  (path,) = (tmp_path / 'eval').iterdir()
  events = [e for e in tf.compat.v1.train.summary_iterator(str(path))]
  written = {v.tag: v.simple_value for e in events for v in e.summary.value}
  assert written == pytest.approx({
    'accuracy': results['accuracy'],
    'loss': results['loss'],
  })
  assert events[-1].step == 3
  line = json.loads((tmp_path / 'metrics.jsonl').read_text())
  assert (line['kind'], line['step']) == ('eval', 3)
  assert line['loss'] == results['loss']


def test_predictions_are_rows_or_batches_of_the_chosen_keys(reference):
  estimator, _ = reference
  rows = list(estimator.predict(linear.eval_input))
  assert len(rows) == 1000
  assert set(rows[0]) == {'classes', 'probabilities'}
  accuracy = np.mean([r['classes'] for r in rows] == linear.LABELS)
  expected = estimator.evaluate(linear.eval_input)['accuracy']
  assert accuracy == pytest.approx(expected)
  batches = list(
    estimator.predict(
      linear.eval_input, ['classes'], yield_single_examples=False
    )
  )
  assert [batch['classes'].shape for batch in batches] == [(300,)] * 3 + [
    (100,)
  ]
  assert set(batches[0]) == {'classes'}


def test_two_predictions_can_take_turns_with_each_other_and_training(tmp_path):
  estimator = linear.make(tmp_path)
  estimator.train(linear.train_input, max_steps=5)
  expected = [r['classes'] for r in estimator.predict(linear.eval_input)]
  one, two = (estimator.predict(linear.eval_input) for _ in range(2))
  got = []
  for index, (a, b) in enumerate(zip(one, two, strict=True)):
    if index == 10:
      estimator.train(linear.train_input, max_steps=50)
    assert a['classes'] == b['classes']
    got.append(a['classes'])
  assert got == expected  # All with the checkpoint that was newest at first.


def test_prediction_is_lazy(tmp_path):
  estimator = linear.make(tmp_path)
  generator = estimator.predict(linear.eval_input)
  with pytest.raises(ValueError, match='Could not find trained model'):
    next(generator)


def test_numpy_tensors_are_one_batch_to_predict(reference):
  estimator, _ = reference
  features = {'x': linear.IMAGES[:2]}
  assert len(list(estimator.predict(lambda: features))) == 2


def test_an_export_serves_the_predictions(tmp_path, reference):
  estimator, _ = reference
  path = estimator.export_saved_model(
    tmp_path,
    est.build_raw_serving_input_receiver_fn({'x': tf.TensorSpec([None, 8])}),
    assets_extra={'notes/a.txt': __file__},
  )
  assert path == str(tmp_path / pathlib.Path(path).name)
  assert pathlib.Path(path).name.isdigit()
  assert (pathlib.Path(path) / 'assets.extra/notes/a.txt').exists()
  serve = tf.saved_model.load(path).signatures['serving_default']
  expected = list(estimator.predict(linear.eval_input))
  for batch in (1, 7):  # Any batch size.
    got = serve(x=tf.constant(linear.IMAGES[:batch]))
    np.testing.assert_allclose(
      got['probabilities'],
      [row['probabilities'] for row in expected[:batch]],
      atol=1e-6,
    )


def test_export_of_a_distributed_run_loads_on_one_device(tmp_path, run):
  strategy = linear.two_replicas()
  estimator = linear.make(tmp_path / 'm', train_distribute=strategy)
  estimator.train(linear.train_input, max_steps=2)
  spec = {'x': tf.io.FixedLenFeature([8], tf.float32)}
  path = estimator.export_saved_model(
    tmp_path, est.build_parsing_serving_input_receiver_fn(spec)
  )
  feature = tf.train.Feature(
    float_list=tf.train.FloatList(value=linear.IMAGES[0])
  )
  example = tf.train.Example(
    features=tf.train.Features(feature={'x': feature})
  ).SerializeToString()
  (tmp_path / 'example').write_bytes(example)
  script = (
    'import sys, tensorflow as tf\n'
    'f = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]\n'
    'x = open(sys.argv[2], "rb").read()\n'
    'print(*f(examples=tf.constant([x]))["probabilities"][0].numpy())\n'
  )
  done = run('-c', script, path, tmp_path / 'example')
  assert done.returncode == 0, done.stderr
  expected = next(estimator.predict(linear.eval_input))['probabilities']
  np.testing.assert_allclose(
    [float(p) for p in done.stdout.split()], expected, atol=1e-6
  )


def test_an_export_that_fails_leaves_nothing(tmp_path, reference):
  with pytest.raises(FileNotFoundError):
    reference[0].export_saved_model(
      tmp_path,
      est.build_raw_serving_input_receiver_fn({'x': tf.TensorSpec([None, 8])}),
      assets_extra={'a': str(tmp_path / 'missing')},
    )
  assert os.listdir(tmp_path) == []


def test_a_warm_start_takes_the_weights_that_match(tmp_path, reference):
  trained, _ = reference
  settings = est.WarmStartSettings(trained.model_dir, ['hidden'])
  estimator = est.Estimator(
    linear.model_fn, str(tmp_path), est.RunConfig(), {}, settings
  )
  estimator.train(linear.train_input, max_steps=1, hooks=[])
  start = tf.train.load_checkpoint(str(tmp_path / 'model.ckpt-0'))
  for name, same in (('hidden/kernel', True), ('logits/kernel', False)):
    equal = start.get_tensor(name) == trained.get_variable_value(name)
    assert equal.all() == same


def test_params_and_config_cannot_be_changed_from_outside(tmp_path):
  params = {'a': [1]}
  estimator = linear.make(tmp_path, params)
  params['a'].append(2)
  estimator.params['a'].append(3)
  assert estimator.params == {'a': [1]}
  assert estimator.config.model_dir == str(tmp_path)
  assert estimator.eval_dir() == str(tmp_path / 'eval')
  assert estimator.eval_dir('b') == str(tmp_path / 'eval_b')


def test_a_train_op_has_no_effect_in_evaluation(tmp_path):
  def model_fn(features, labels, mode, params):  # As the old documents had it.
    logits = linear.dense(features['x'], 3, 'logits')
    loss = tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    )
    train_op = optimizers.MomentumOptimizer(0.1, 0.9).minimize(loss)
    return est.EstimatorSpec(mode, {'logits': logits}, loss, train_op)

  estimator = linear.make(tmp_path, function=model_fn)
  estimator.train(linear.train_input, max_steps=2)
  first = estimator.evaluate(linear.eval_input)
  assert estimator.evaluate(linear.eval_input) == first
  assert first['global_step'] == 2


def test_a_classic_optimizer_and_metric_of_tensorflow_1_work(tmp_path):
  def model_fn(features, labels, mode):
    with tf.compat.v1.variable_scope('layer'):
      kernel = tf.compat.v1.get_variable('kernel', [8, 3])
    logits = features['x'] @ kernel
    loss = tf.compat.v1.losses.sparse_softmax_cross_entropy(labels, logits)
    classes = tf.argmax(logits, 1)
    if mode == est.ModeKeys.EVAL:
      metric = tf.compat.v1.metrics.accuracy(labels, classes)
      return est.EstimatorSpec(mode, None, loss, eval_metric_ops={'a': metric})
    train_op = tf.compat.v1.train.AdamOptimizer(0.05).minimize(
      loss, global_step=tf.compat.v1.train.get_global_step()
    )
    return est.EstimatorSpec(mode, None, loss, train_op)

  estimator = est.Estimator(model_fn, str(tmp_path))
  estimator.train(linear.train_input, max_steps=100)
  assert estimator.evaluate(linear.eval_input)['a'] > 0.9
  assert estimator.get_variable_names() == [
    'beta1_power',
    'beta2_power',
    'global_step',
    'layer/kernel',
    'layer/kernel/Adam',
    'layer/kernel/Adam_1',
  ]
  # Another Estimator of the same process gives the slots the same names.
  again = est.Estimator(model_fn, str(tmp_path))
  again.train(linear.train_input, max_steps=101)
  assert again.get_variable_names() == estimator.get_variable_names()


def test_a_keras_model_made_outside_is_trained_and_saved(tmp_path):
  import keras

  model = keras.Sequential([keras.Input([8]), keras.layers.Dense(3)])

  def model_fn(features, labels, mode):
    logits = model(features['x'])
    if mode == est.ModeKeys.PREDICT:
      return est.EstimatorSpec(mode, {'logits': logits})
    loss = tf.reduce_mean(
      tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
    )
    if mode == est.ModeKeys.EVAL:
      metric = metrics.accuracy(labels, tf.argmax(logits, 1))
      return est.EstimatorSpec(mode, None, loss, eval_metric_ops={'a': metric})
    train_op = optimizers.AdamOptimizer(0.05).minimize(
      loss, var_list=model.trainable_variables
    )
    return est.EstimatorSpec(mode, None, loss, train_op)

  estimator = est.Estimator(model_fn, str(tmp_path))
  estimator.train(linear.train_input, max_steps=100)
  assert estimator.evaluate(linear.eval_input)['a'] > 0.9
  saved = estimator.get_variable_value(
    model.layers[0].kernel.path.split(':')[0]
  )
  np.testing.assert_array_equal(saved, model.layers[0].kernel.numpy())
  path = estimator.export_saved_model(
    tmp_path,
    est.build_raw_serving_input_receiver_fn({'x': tf.TensorSpec([None, 8])}),
  )
  served = tf.saved_model.load(path).signatures['serving_default']
  np.testing.assert_allclose(
    served(x=tf.constant(linear.IMAGES[:3]))['logits'],
    model(linear.IMAGES[:3]),
    atol=1e-6,
  )
