"""Estimator: its refusals, and their messages."""

import os

import pytest
import tensorflow as tf

from official import estimator as est
from official import optimizers
from official.estimator import metrics
from tests import linear


def spec_with(**kwargs):
  """A model_fn that returns a trivial spec with these fields."""

  def model_fn(features, labels, mode):
    weight = tf.Variable(lambda: 1.0, name='weight')
    loss = tf.reduce_mean(features['x']) * weight
    fields = {'predictions': features['x'], 'loss': loss}
    fields['train_op'] = optimizers.MomentumOptimizer(0.1, 0.9).minimize(loss)
    fields |= {k: v() if callable(v) else v for k, v in kwargs.items()}
    return est.EstimatorSpec(mode, **fields)

  return model_fn


@pytest.mark.parametrize(
  'function, params, message',
  [
    (None, None, 'model_fn must be provided to Estimator.'),
    (lambda labels: 0, None, 'must include features argument'),
    (lambda features, x: 0, None, r"not expected args: \['x'\]"),
    (lambda features: 0, {}, 'does not include params argument'),
  ],
)
def test_a_wrong_model_fn(tmp_path, function, params, message):
  with pytest.raises(ValueError, match=message):
    est.Estimator(function, str(tmp_path), params=params)


@pytest.mark.parametrize(
  'kwargs, message',
  [
    ({'config': 3}, 'config must be an instance of RunConfig'),
    ({'model_dir': ''}, 'model_dir should be non-empty'),
    (
      {'model_dir': 'a', 'config': est.RunConfig(model_dir='b')},
      'are set both in constructor and `RunConfig`',
    ),
    ({'warm_start_from': 3}, 'warm_start_from must be None, a path or'),
  ],
)
def test_a_wrong_construction(kwargs, message):
  with pytest.raises(ValueError, match=message):
    est.Estimator(linear.model_fn, params={}, **kwargs)


@pytest.mark.parametrize(
  'kwargs, error, message',
  [
    (
      {'steps': 1, 'max_steps': 1},
      ValueError,
      'Can not provide both steps and max_steps.',
    ),
    ({'steps': 0}, ValueError, 'Must specify steps > 0, given: 0'),
    ({'max_steps': -1}, ValueError, 'Must specify max_steps > 0, given: -1'),
    ({'hooks': ['a']}, TypeError, "hooks must be a list of Hook, given: 'a'"),
    (
      {'saving_listeners': [1]},
      TypeError,
      'saving_listeners must be a list of CheckpointSaverListener',
    ),
    ({'input_fn': 3}, TypeError, 'input_fn must be callable, given: 3'),
    (
      {'input_fn': lambda: (1, 2, 3)},
      ValueError,
      r'input_fn should return \(features, labels\) as a len 2 tuple.',
    ),
    (
      {'input_fn': lambda: linear.eval_input().take(0)},
      ValueError,
      'Training had no batch',
    ),
  ],
)
def test_wrong_arguments_of_train(tmp_path, kwargs, error, message):
  kwargs = {'input_fn': linear.train_input} | kwargs
  with pytest.raises(error, match=message):
    linear.make(tmp_path).train(**kwargs)


def test_listeners_without_checkpoints(tmp_path):
  estimator = linear.make(
    tmp_path, save_checkpoints_steps=None, save_checkpoints_secs=None
  )
  with pytest.raises(ValueError, match='There should be a CheckpointSaverHook'):
    estimator.train(
      linear.train_input,
      max_steps=1,
      saving_listeners=[est.CheckpointSaverListener()],
    )


def test_an_evaluator_does_not_train(tmp_path, monkeypatch):
  monkeypatch.setenv(
    'TF_CONFIG',
    '{"cluster": {"chief": ["a:1"]}, '
    '"task": {"type": "evaluator", "index": 0}}',
  )
  with pytest.raises(
    ValueError, match='Train has been called with the wrong config'
  ):
    linear.make(tmp_path).train(linear.train_input)


def test_untrained_weights_are_not_evaluated_exported_or_read(tmp_path):
  estimator = linear.make(tmp_path)
  for call in (
    lambda: estimator.evaluate(linear.eval_input),
    lambda: next(estimator.predict(linear.eval_input)),
    estimator.get_variable_names,
    lambda: estimator.get_variable_value('hidden/kernel'),
  ):
    with pytest.raises(
      ValueError, match='Could not find trained model in mode'
    ):
      call()
  with pytest.raises(ValueError, match="Couldn't find trained model at"):
    estimator.export_saved_model(tmp_path, lambda: None)
  with pytest.raises(ValueError, match='An input_receiver_fn must be defined.'):
    estimator.export_saved_model(tmp_path, None)
  assert estimator.latest_checkpoint() is None
  assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
  'call, message',
  [
    (
      lambda e: e.evaluate(lambda: linear.eval_input().take(0)),
      'Evaluation had no batch',
    ),
    (lambda e: e.evaluate(linear.eval_input, steps=0), 'steps > 0, given: 0'),
    (
      lambda e: next(e.predict(linear.eval_input, 'nothing')),
      'Expected to run at least one output from',
    ),
    (lambda e: e.get_variable_value('nothing'), "no variable 'nothing'"),
    (
      lambda e: e.evaluate(linear.eval_input, checkpoint_path='nowhere'),
      'There is no checkpoint to read at nowhere',
    ),
  ],
)
def test_wrong_calls_of_a_trained_estimator(tmp_path, call, message):
  estimator = linear.make(tmp_path)
  estimator.train(linear.train_input, max_steps=1)
  with pytest.raises(ValueError, match=message):
    call(estimator)


def test_predictions_of_unequal_length(tmp_path):
  def model_fn(features, labels, mode):
    if mode == est.ModeKeys.PREDICT:
      x = features['x']
      return est.EstimatorSpec(mode, {'a': x, 'b': x[1:]})
    return spec_with()(features, labels, mode)

  estimator = est.Estimator(model_fn, str(tmp_path))
  estimator.train(linear.train_input, max_steps=1)
  with pytest.raises(ValueError, match='Batch length of predictions should be'):
    next(estimator.predict(linear.eval_input))


def test_predict_keys_without_a_dict(tmp_path):
  estimator = est.Estimator(spec_with(), str(tmp_path))
  estimator.train(linear.train_input, max_steps=1)
  with pytest.raises(ValueError, match='predict_keys argument is not valid'):
    next(estimator.predict(linear.eval_input, ['a']))


@pytest.mark.parametrize('name', ['loss', 'global_step'])
def test_a_metric_with_a_name_that_is_taken(tmp_path, name):
  def metric():
    return {name: metrics.mean(tf.constant(1.0))}

  estimator = est.Estimator(spec_with(eval_metric_ops=metric), str(tmp_path))
  estimator.train(linear.train_input, max_steps=1)
  with pytest.raises(ValueError, match=f'Metric with name "{name}" is not all'):
    estimator.evaluate(linear.eval_input)


def test_a_model_fn_that_returns_no_spec(tmp_path):
  estimator = est.Estimator(lambda features, labels: 3, str(tmp_path))
  with pytest.raises(ValueError, match='model_fn should return an Estimator'):
    estimator.train(linear.train_input)


def test_labels_that_model_fn_does_not_take(tmp_path):
  estimator = est.Estimator(lambda features: 3, str(tmp_path))
  with pytest.raises(ValueError, match='model_fn does not take labels'):
    estimator.train(linear.train_input)


def test_a_train_op_that_leaves_the_global_step(tmp_path):
  def model_fn(features, labels, mode):
    weight = tf.Variable(lambda: 1.0, name='weight')
    train_op = weight.assign_add(1.0)
    return est.EstimatorSpec(mode, None, weight.read_value(), train_op)

  estimator = est.Estimator(model_fn, str(tmp_path))
  with pytest.raises(
    ValueError, match='train_op moved global_step from 0 to 0'
  ):
    estimator.train(linear.train_input)


def test_a_variable_that_escapes_the_store(tmp_path):
  def model_fn(features, labels, mode):
    with tf.init_scope():
      tf.Variable(1.0, name='escaped')
    return linear.model_fn(features, labels, mode, {})

  estimator = est.Estimator(model_fn, str(tmp_path))
  with pytest.raises(
    ValueError, match="Variable 'escaped' was made inside mod"
  ):
    estimator.train(linear.train_input)


def test_keras_layers_made_inside_model_fn_need_names(tmp_path):
  import keras

  def model_fn_with(name):
    def model_fn(features, labels, mode):
      logits = keras.layers.Dense(3, name=name)(features['x'])
      loss = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
      )
      train_op = optimizers.MomentumOptimizer(0.1, 0.9).minimize(loss)
      return est.EstimatorSpec(mode, None, loss, train_op)

    return model_fn

  named = est.Estimator(model_fn_with('logits'), str(tmp_path / 'named'))
  named.train(linear.train_input, max_steps=40)
  assert named.evaluate(linear.eval_input)['loss'] < 0.4
  # Without a name Keras counts: `dense`, and `dense_1` in the next mode.
  unnamed = est.Estimator(model_fn_with(None), str(tmp_path / 'unnamed'))
  unnamed.train(linear.train_input, max_steps=1)
  with pytest.raises(ValueError, match='Missing: dense_.*give Keras layers'):
    unnamed.evaluate(linear.eval_input)


def test_an_initial_value_that_is_a_tensor_of_the_graph(tmp_path):
  def model_fn(features, labels, mode):
    tf.Variable(tf.zeros([3]), name='w')

  estimator = est.Estimator(model_fn, str(tmp_path))
  with pytest.raises(
    ValueError, match="initial value of variable 'w' is a ten"
  ):
    estimator.train(linear.train_input)


def test_two_variables_of_one_name(tmp_path):
  outside = tf.Variable(1.0, name='w')

  def model_fn(features, labels, mode):
    inside = tf.Variable(lambda: 1.0, name='w')
    loss = tf.reduce_mean(features['x']) * inside * outside
    train_op = optimizers.MomentumOptimizer(0.1, 0.9).minimize(loss)
    return est.EstimatorSpec(mode, None, loss, train_op)

  estimator = est.Estimator(model_fn, str(tmp_path))
  with pytest.raises(ValueError, match="Two variables are named 'w'"):
    estimator.train(linear.train_input)


def test_the_checkpoint_of_another_network_names_what_differs(tmp_path):
  linear.make(tmp_path).train(linear.train_input, max_steps=1)
  other = est.Estimator(spec_with(), str(tmp_path))
  with pytest.raises(
    est.IncompatibleCheckpointError, match='Missing: weight, weight/Momentum'
  ):
    other.train(linear.train_input)


def test_evaluating_in_the_middle_of_training(tmp_path):
  class Evaluate(est.Hook):
    def after_run(self, run):
      run.estimator.evaluate(linear.eval_input)

  with pytest.raises(RuntimeError, match='Training is under way'):
    linear.make(tmp_path).train(linear.train_input, [Evaluate()], max_steps=2)


def test_a_train_op_outside_training_with_several_replicas(tmp_path):
  strategy = linear.two_replicas()
  estimator = est.Estimator(
    spec_with(), str(tmp_path), est.RunConfig(train_distribute=strategy)
  )
  estimator.train(linear.train_input, max_steps=1)
  with pytest.raises(
    ValueError, match="must build its train_op only in mode 'train'"
  ):
    estimator.evaluate(linear.eval_input)


def test_a_metric_of_one_batch_with_several_replicas(tmp_path):
  def model_fn(features, labels, mode):
    if mode == est.ModeKeys.EVAL:
      one, mean = tf.constant(1.0), tf.reduce_mean(features['x'])
      return est.EstimatorSpec(
        mode, None, one, eval_metric_ops={'a': (mean, tf.no_op())}
      )
    return spec_with()(features, labels, mode)

  strategy = linear.two_replicas()
  estimator = est.Estimator(
    model_fn, str(tmp_path), est.RunConfig(train_distribute=strategy)
  )
  estimator.train(linear.train_input, max_steps=1)
  with pytest.raises(
    ValueError, match=r"metrics \['a'\] are computed from one"
  ):
    estimator.evaluate(linear.eval_input)


@pytest.mark.parametrize(
  'kwargs, message',
  [
    ({'model_dir': ''}, 'model_dir should be non-empty'),
    ({'tf_random_seed': 'a'}, 'tf_random_seed should be an integer'),
    ({'save_summary_steps': -1}, 'save_summary_steps should be >= 0'),
    ({'keep_checkpoint_max': -1}, 'keep_checkpoint_max should be >= 0'),
    ({'steps_per_loop': 0}, 'steps_per_loop should be > 0'),
    (
      {'save_checkpoints_steps': 1, 'save_checkpoints_secs': 1},
      'cannot be both set',
    ),
    ({'eval_distribute': 3}, 'eval_distribute must be None or the same'),
  ],
)
def test_a_wrong_run_config(kwargs, message):
  with pytest.raises(ValueError, match=message):
    est.RunConfig(**kwargs)


def test_run_config_checkpoint_intervals_exclude_each_other():
  config = est.RunConfig()
  assert (config.save_checkpoints_steps, config.save_checkpoints_secs) == (
    None,
    600,
  )
  config = config.replace(save_checkpoints_steps=5)
  assert (config.save_checkpoints_steps, config.save_checkpoints_secs) == (
    5,
    None,
  )
  with pytest.raises(ValueError, match='Replacing nothing is not supported'):
    config.replace(nothing=1)


CLUSTER = '{"chief": ["a:1"], "worker": ["b:1", "c:1"]}'


@pytest.mark.parametrize(
  'tf_config, message',
  [
    ('{', 'TF_CONFIG is not JSON'),
    ('{"task": {"type": "chief"}}', 'task type must be WORKER'),
    (f'{{"cluster": {CLUSTER}}}', 'task type and index must be set'),
    (
      f'{{"cluster": {CLUSTER}, "task": {{"type": "ps", "index": 0}}}}',
      'ps is not a task type of',
    ),
    (
      f'{{"cluster": {CLUSTER}, "task": {{"type": "worker", "index": 2}}}}',
      'worker 2 is not a task of',
    ),
  ],
)
def test_a_wrong_tf_config(monkeypatch, tf_config, message):
  monkeypatch.setenv('TF_CONFIG', tf_config)
  with pytest.raises(ValueError, match=message):
    est.RunConfig()


def test_tf_config_gives_the_task(monkeypatch):
  monkeypatch.setenv(
    'TF_CONFIG',
    f'{{"cluster": {CLUSTER}, "task": {{"type": "worker", "index": 1}}}}',
  )
  config = est.RunConfig()
  assert (config.task_type, config.task_id) == ('worker', 1)
  assert not config.is_chief
  assert config.num_worker_replicas == 3
  assert config.cluster_spec['worker'] == ['b:1', 'c:1']
