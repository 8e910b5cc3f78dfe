"""What programs of tf.estimator rely on: right, or refused with a reason."""

import json
import random

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official.estimator.variables import VariableStore
from tests import linear

v1 = tf.compat.v1
X = np.arange(8, dtype=np.float32)


def step():
  return v1.train.get_global_step().assign_add(1)


def variable(name='w', value=0.0):
  return v1.get_variable(name, initializer=lambda: tf.constant(value))


def train_fn(make):
  """A model_fn of a function from features to loss and train_op."""
  return lambda features, labels, mode: est.EstimatorSpec(
    mode, {'x': features}, *make(features)
  )


def constant_input():
  return tf.constant(X)


def trained(folder, make, input_fn=constant_input, steps=5, **config):
  config = {'tf_random_seed': 1} | config
  estimator = est.Estimator(train_fn(make), folder, est.RunConfig(**config))
  return estimator.train(input_fn, steps=steps)


# What runs in a step.


def test_a_checkpoint_is_restored_once_and_not_at_every_step(tmp_path):
  """init_from_checkpoint gives 7, ten steps of 0.1 leave 6."""
  with tf.Graph().as_default(), v1.Session() as session:
    w = v1.get_variable('w', initializer=7.0)
    session.run(w.initializer)
    checkpoint = v1.train.Saver().save(session, str(tmp_path / 'old'))

  def make(features):
    w = variable()
    v1.train.init_from_checkpoint(checkpoint, {'w': w})
    descent = v1.train.GradientDescentOptimizer(0.1)
    return w, descent.minimize(w, v1.train.get_global_step())

  estimator = trained(tmp_path / 'run', make, steps=4)
  assert estimator.get_variable_value('w') == pytest.approx(6.6)
  # A resumed run goes on from its own checkpoint.
  again = trained(tmp_path / 'run', make, steps=6)
  assert again.get_variable_value('w') == pytest.approx(6.0)


def test_a_step_runs_what_train_op_needs_and_what_tells(tmp_path, capfd):
  def make(features):
    unused, needed, moving = variable('n'), variable('m'), variable('s')
    unused.assign_add(1.0)
    if features.shape[0] == 8:
      v1.add_to_collection(v1.GraphKeys.UPDATE_OPS, moving.assign_add(1.0))
    with tf.control_dependencies([needed.assign_add(1.0)]):
      train_op = step()
    tf.print('seen', tf.reduce_sum(features))
    return tf.reduce_mean(features), train_op

  for steps_per_loop in (1, 5):
    folder = tmp_path / str(steps_per_loop)
    estimator = trained(folder, make, steps_per_loop=steps_per_loop)
    values = [float(estimator.get_variable_value(name)) for name in 'nms']
    assert values == [0, 5, 5]
  assert capfd.readouterr().err.count('seen 28') == 10


def test_an_assertion_in_model_fn_holds(tmp_path):
  def make(features):
    tf.debugging.assert_less(features, 5.0, 'too large')
    return tf.reduce_mean(features), step()

  with pytest.raises(tf.errors.InvalidArgumentError, match='too large'):
    trained(tmp_path, make)


def test_a_keras_layer_and_optimizer_made_outside_run_whole(tmp_path):
  """Momentum is read after it is written; statistics move without a word."""
  import keras

  layer = keras.layers.BatchNormalization(momentum=0.5)
  layer.build([None, 1])
  w = keras.Variable([1.0], name='w')
  optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
  optimizer.build([w])
  counter = tf.Variable(0.0, trainable=False, name='counter')

  def make(features):
    layer(features[:, tf.newaxis], training=True)
    tf.cond(features[0] < 1, lambda: counter.assign_add(1.0), lambda: 0.0)
    optimizer.apply([tf.ones([1])])
    return tf.reduce_mean(w.value), step()

  estimator = trained(tmp_path, make, steps=3)
  velocity, value, mean = 0.0, 1.0, 0.0
  for _ in range(3):
    velocity = 0.9 * velocity - 0.1
    value += velocity
    mean = 0.5 * mean + 0.5 * X.mean()
  assert float(w.value[0]) == pytest.approx(value)
  assert counter.numpy() == 3
  names = [n for n in estimator.get_variable_names() if 'moving_mean' in n]
  (name,) = names
  assert estimator.get_variable_value(name) == pytest.approx(mean)


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_a_vocabulary_column_and_a_table_train_and_predict(tmp_path):
  words = tf.feature_column.categorical_column_with_vocabulary_list(
    's', ['a', 'b']
  )
  column = tf.feature_column.indicator_column(words)

  def model_fn(features, labels, mode):
    one_hot = v1.feature_column.input_layer(features, [column])
    table = tf.lookup.StaticHashTable(
      tf.lookup.KeyValueTensorInitializer(['a', 'b'], [10.0, 20.0]), -1.0
    )
    value = table.lookup(features['s'])
    loss = tf.reduce_sum(one_hot * variable())
    return est.EstimatorSpec(mode, {'v': value, 'h': one_hot}, loss, step())

  estimator = est.Estimator(model_fn, tmp_path)
  data = {'s': tf.constant([['a'], ['b'], ['c']])}
  estimator.train(lambda: data, steps=2)
  found = list(estimator.predict(lambda: data))
  assert [p['v'].tolist() for p in found] == [[10.0], [20.0], [-1.0]]
  assert [p['h'].tolist() for p in found] == [[1, 0], [0, 1], [0, 0]]


# Input.


def test_an_iterator_of_tensorflow_1_gives_batch_after_batch(tmp_path):
  def input_fn():
    data = v1.data.Dataset.from_tensor_slices(X).batch(2)
    return v1.data.make_one_shot_iterator(data).get_next()

  losses = linear.Losses()

  def model_fn(features, labels, mode):
    loss = tf.reduce_max(features)
    metrics = {'mean': v1.metrics.mean(features)}
    return est.EstimatorSpec(mode, features, loss, step(), metrics)

  estimator = est.Estimator(model_fn, tmp_path)
  estimator.train(input_fn, hooks=[losses], steps=9)
  assert losses.losses == [1, 3, 5, 7]
  assert estimator.evaluate(input_fn)['mean'] == X.mean()
  assert list(estimator.predict(input_fn)) == X.tolist()


def test_an_iterator_made_outside_gives_each_batch_once(tmp_path):
  losses = linear.Losses()
  iterator = iter(tf.data.Dataset.from_tensor_slices(X).batch(2))
  estimator = est.Estimator(
    train_fn(lambda x: (tf.reduce_max(x), step())), tmp_path
  )
  estimator.train(lambda: iterator.get_next(), hooks=[losses])
  assert losses.losses == [1, 3, 5, 7]


def test_random_tensors_are_drawn_anew_at_every_step(tmp_path):
  losses = linear.Losses()
  estimator = est.Estimator(
    train_fn(lambda x: (tf.reduce_mean(x), step())), tmp_path
  )
  estimator.train(lambda: tf.random.uniform([4]), hooks=[losses], steps=5)
  assert len(set(losses.losses)) == 5


def test_a_list_of_tensors_is_not_stacked(tmp_path):
  shapes = []

  def model_fn(features, labels, mode):
    shapes.append([feature.shape.as_list() for feature in features])
    loss = tf.reduce_mean(features[0])
    return est.EstimatorSpec(mode, features[0], loss, step())

  estimator = est.Estimator(model_fn, tmp_path)
  for features in (
    [tf.ones([4]), tf.ones([4])],
    [tf.ones([4]), tf.ones([4, 2])],
  ):
    estimator.train(lambda f=features: (f, tf.ones([4])), steps=1)
  assert shapes == [[[4], [4]], [[4], [4, 2]]]


@pytest.mark.parametrize('drop', [True, False])
def test_batches_that_do_not_suffice_for_all_replicas_are_named(
  tmp_path, drop, caplog
):
  """Five batches for two replicas: two steps, and a line for the fifth."""
  losses = linear.Losses()
  estimator = est.Estimator(
    train_fn(lambda x: (tf.reduce_mean(x), step())),
    tmp_path,
    est.RunConfig(train_distribute=linear.two_replicas()),
  )
  data = tf.data.Dataset.from_tensor_slices(np.arange(10, dtype=np.float32))
  estimator.train(lambda: data.batch(2, drop), hooks=[losses])
  assert losses.losses == [1.5, 5.5]
  assert estimator.get_variable_value('global_step') == 2
  assert 'ended after step 2: what is left does not give every' in caplog.text


# State of the process, and of other Estimators.


@pytest.mark.parametrize('seed', [1, 2])
def test_random_numbers_of_the_process_are_left_alone(tmp_path, seed):
  def numbers(between):
    tf.random.set_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    drawn = [tf.random.uniform([]).numpy()]
    between()
    return [
      *drawn,
      tf.random.uniform([]).numpy(),
      random.random(),
      np.random.rand(),
    ]

  def make(features):
    w = v1.get_variable('w', [3])
    return tf.reduce_sum(w), step()

  assert numbers(lambda: None) == numbers(lambda: trained(tmp_path, make))
  assert numbers(lambda: None) == numbers(lambda: VariableStore(seed=7))


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_the_seed_fixes_initial_values_of_tf_keras_too(tmp_path):
  import tf_keras

  def make(features):
    kernel = tf.Variable(
      lambda: tf_keras.initializers.GlorotUniform()([4, 4]), name='k'
    )
    return tf.reduce_sum(kernel), step()

  first, second = (
    trained(tmp_path / name, make, steps=1).get_variable_value('k')
    for name in 'ab'
  )
  np.testing.assert_array_equal(first, second)


def test_estimators_that_share_a_keras_layer_do_not_change_each_other(
  tmp_path,
):
  import keras

  layer = keras.layers.Dense(1)
  layer.build([None, 1])
  start = layer.get_weights()[0]

  def make(target, name):
    def loss_of(features):
      loss = tf.reduce_mean((layer(features[:, tf.newaxis]) - target) ** 2)
      variables = [v.value for v in layer.trainable_variables]
      adam = v1.train.AdamOptimizer(0.1)
      global_step = v1.train.get_global_step()
      return loss, adam.minimize(loss, global_step, var_list=variables)

    return est.Estimator(train_fn(loss_of), tmp_path / name)

  def data():
    return tf.ones([4])

  a, b = make(1.0, 'a'), make(100.0, 'b')
  a.train(data, steps=50)
  before = a.evaluate(data)['loss']
  b.train(data, steps=50)
  assert a.evaluate(data)['loss'] == before
  # b began with the layer as it was made, not as a had trained it.
  names = [n for n in b.get_variable_names() if n.endswith('kernel')]
  reader = tf.train.load_checkpoint(str(tmp_path / 'b' / 'model.ckpt-0'))
  np.testing.assert_array_equal(reader.get_tensor(names[0]), start)
  # Where the user has changed it since, that is where the next one begins.
  layer.set_weights([np.full([1, 1], 5.0), np.zeros(1)])
  make(1.0, 'c').train(data, steps=1)
  reader = tf.train.load_checkpoint(str(tmp_path / 'c' / 'model.ckpt-0'))
  assert reader.get_tensor(names[0]) == 5.0


def test_an_estimator_in_training_keeps_its_shared_layer(tmp_path):
  import keras

  layer = keras.layers.Dense(1)
  layer.build([None, 1])

  def make(features):
    return tf.reduce_mean(layer(features[:, tf.newaxis])), step()

  other = trained(tmp_path / 'other', make)

  class Evaluates(est.Hook):
    def after_run(self, run):
      other.evaluate(constant_input)

  estimator = est.Estimator(train_fn(make), tmp_path / 'run')
  with pytest.raises(RuntimeError, match='in training in another Estimator'):
    estimator.train(constant_input, hooks=[Evaluates()], steps=2)


# RunConfig and hooks.


SECS, STEPS = 'save_checkpoints_secs', 'save_checkpoints_steps'


@pytest.mark.parametrize(
  'changes, secs, steps',
  [
    ([{STEPS: None}], 600, None),
    ([{SECS: 30}, {STEPS: None}], 30, None),
    ([{STEPS: 7}, {SECS: None}], None, 7),
    ([{STEPS: 7}], None, 7),
    ([{STEPS: 7}, {SECS: 9}], 9, None),
    ([{SECS: None, STEPS: None}], None, None),
  ],
)
def test_none_for_one_interval_leaves_the_other(changes, secs, steps):
  config = est.RunConfig()
  for change in changes:
    config = config.replace(**change)
  intervals = config.save_checkpoints_secs, config.save_checkpoints_steps
  assert intervals == (secs, steps)


@pytest.mark.parametrize(
  'cluster, task, message',
  [
    ({'chief': ['h:1'], 'ps': ['h:2']}, 'chief', 'parameter servers are not'),
    ({'worker': ['h:1'], 'ps': ['h:2']}, 'worker', 'parameter servers are not'),
    ({'master': ['h:1'], 'ps': ['h:2']}, 'master', 'parameter servers are not'),
    ({'chief': ['h:0'], 'alloc': ['h:1']}, 'alloc', 'evaluator, given: alloc'),
    ({'chief': ['h:0']}, 'boss', 'evaluator, given: boss'),
    ({'chief': ['h:0'], 'master': ['h:1']}, 'chief', 'must have one chief'),
  ],
)
def test_a_cluster_that_would_train_alone_is_refused(
  monkeypatch, cluster, task, message
):
  content = {'cluster': cluster, 'task': {'type': task, 'index': 0}}
  monkeypatch.setenv('TF_CONFIG', json.dumps(content))
  with pytest.raises(ValueError, match=message):
    est.RunConfig()


def test_a_master_is_the_chief(monkeypatch):
  content = {'cluster': {'master': ['h:1']}, 'task': {'type': 'master'}}
  content['task']['index'] = 0
  monkeypatch.setenv('TF_CONFIG', json.dumps(content))
  config = est.RunConfig()
  assert config.is_chief and config.num_worker_replicas == 1


def test_methods_of_hooks_that_need_a_session_are_refused(tmp_path):
  class Session(est.Hook):
    def after_create_session(self, session, coord):
      pass

  class Args(est.Hook):
    def before_run(self, run):
      return ['loss']

  def make(features):
    return tf.reduce_mean(features), step()

  estimator = est.Estimator(train_fn(make), tmp_path)
  with pytest.raises(TypeError, match=r'Session.after_create_session would ne'):
    estimator.train(constant_input, hooks=[Session()], steps=1)
  with pytest.raises(TypeError, match=r'Session.after_create_session would ne'):
    est.EstimatorSpec('infer', tf.ones([1]), prediction_hooks=[Session()])
  with pytest.raises(TypeError, match=r'Args.before_run returned something'):
    estimator.train(constant_input, hooks=[Args()], steps=1)


# Collections and summaries.


@pytest.mark.filterwarnings('ignore:.*TF1 summary ops:UserWarning')
def test_collections_hold_the_variables_and_summaries_are_written(
  tmp_path, caplog
):
  seen = {}

  def make(features):
    w = variable('w', 2.0)
    variable('local/frozen')
    accumulator = v1.get_local_variable('sum', [], initializer=tf.zeros)
    del accumulator
    for name in ('global', 'local', 'trainable'):
      variables = getattr(v1, f'{name}_variables')()
      seen[name] = [v.name for v in variables]
    loss = w * tf.reduce_mean(features)
    v1.summary.scalar('my_scalar', loss)
    v1.summary.histogram('my_histogram', features)
    return loss, step()

  estimator = trained(tmp_path, make, save_summary_steps=1)
  assert seen == {
    'global': ['global_step:0', 'w:0', 'local/frozen:0'],
    'local': ['sum:0'],
    'trainable': ['w:0', 'local/frozen:0'],
  }
  (events,) = tmp_path.glob('events*')
  values = {
    value.tag: value.simple_value
    for record in tf.data.TFRecordDataset(str(events))
    for value in v1.Event.FromString(record.numpy()).summary.value
  }
  assert values['my_scalar'] == 7.0
  assert 'these of model_fn are not: my_histogram' in caplog.text
  assert estimator.get_variable_names() == [
    'global_step', 'local/frozen', 'w'
  ]  # fmt: skip
