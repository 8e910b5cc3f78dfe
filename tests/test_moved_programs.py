"""The behaviour that programs of tf.estimator rely on, or a refusal."""

import json
import random

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official import optimizers
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


# The ops of a step.


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


def test_a_step_runs_what_train_op_needs_and_what_reports(tmp_path, capfd):
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


def test_a_keras_layer_made_in_model_fn_keeps_its_state(tmp_path):
  """Moving statistics move, and dropout draws another mask at each step."""
  import keras

  def make(features):
    norm = keras.layers.BatchNormalization(momentum=0.5, name='norm')
    norm(features[:, tf.newaxis], training=True)
    drop = keras.layers.Dropout(0.5, name='drop')
    mask = drop(tf.ones([64]), training=True)
    place = tf.reduce_sum(tf.cast(mask > 0, tf.float32) * tf.range(64.0))
    return place, step()

  losses = linear.Losses()
  estimator = est.Estimator(train_fn(make), tmp_path)
  estimator.train(constant_input, hooks=[losses], steps=3)
  assert len(set(losses.losses)) == 3
  (name,) = [n for n in estimator.get_variable_names() if 'moving_mean' in n]
  mean = X.mean() * (1 - 0.5**3)
  assert estimator.get_variable_value(name) == pytest.approx(mean)


def test_a_train_op_that_is_not_fetched_does_not_run(tmp_path):
  def make(features):
    w = tf.Variable(lambda: tf.zeros([]), name='w')
    optimizers.MomentumOptimizer(1.0, 0.9).minimize(w)
    return tf.reduce_mean(features), step()

  assert trained(tmp_path, make).get_variable_value('w') == 0


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
  predictions = list(estimator.predict(lambda: data))
  assert [p['v'].tolist() for p in predictions] == [[10.0], [20.0], [-1.0]]
  assert [p['h'].tolist() for p in predictions] == [[1, 0], [0, 1], [0, 0]]


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


def test_what_only_a_session_could_do_is_refused_with_the_reason(tmp_path):
  def input_fn():
    data = v1.data.Dataset.from_tensor_slices(X).batch(2)
    return v1.data.make_initializable_iterator(data).get_next()

  def looks_up(features):
    table = tf.lookup.StaticHashTable(
      tf.lookup.KeyValueTensorInitializer(['a'], [1.0]), 0.0
    )
    return tf.reduce_sum(table.lookup(tf.as_string(features))), step()

  estimator = est.Estimator(train_fn(looks_up), tmp_path)
  with pytest.raises(ValueError, match='or use make_one_shot_iterator'):
    estimator.train(input_fn, steps=1)
  estimator.train(constant_input, steps=1)

  def predicts(features, labels, mode):
    return est.EstimatorSpec(mode, {'y': looks_up(features['x'])[0]})

  receiver = est.build_raw_serving_input_receiver_fn({
    'x': tf.TensorSpec([None], tf.float32)
  })
  with pytest.raises(ValueError, match='such as a lookup table, which cannot'):
    est.Estimator(predicts, tmp_path).export_saved_model(
      tmp_path / 'exports', receiver
    )


def test_an_input_fn_without_an_iterator_is_called_once(tmp_path):
  calls = []

  def input_fn():
    calls.append(1)
    return tf.constant([float(len(calls))]), None

  estimator = est.Estimator(
    train_fn(lambda x: (tf.reduce_mean(x), step())), tmp_path
  )
  losses = linear.Losses()
  estimator.train(input_fn, hooks=[losses], steps=2)
  estimator.train(input_fn, hooks=[losses], steps=1)
  estimator.train(
    lambda: tf.data.Dataset.from_tensors((tf.ones([2]), None)), steps=1
  )
  assert losses.losses == [1, 1, 2]


def test_sparse_and_ragged_batches_count_their_rows(tmp_path):
  sparse = tf.SparseTensor([[0, 0], [0, 1], [0, 2]], [1.0, 1.0, 1.0], [2, 3])

  def model_fn(features, labels, mode):
    loss = tf.reduce_mean(labels)
    train_op = step() if mode == 'train' else None
    return est.EstimatorSpec(mode, {}, loss, train_op)

  estimator = est.Estimator(model_fn, tmp_path)
  rows = tf.data.Dataset.from_tensors(sparse).unbatch()
  labels = tf.data.Dataset.from_tensor_slices([0.0, 10.0])
  data = tf.data.Dataset.zip((rows, labels)).batch(1)
  estimator.train(lambda: data, steps=1)
  assert estimator.evaluate(lambda: data)['loss'] == 5.0
  ragged = tf.ragged.constant([[1.0, 1.0, 1.0], []])
  ragged = tf.data.Dataset.from_tensor_slices((ragged, [0.0, 10.0]))
  ragged = ragged.batch(1)
  assert estimator.evaluate(lambda: ragged)['loss'] == 5.0
  no_features = labels.batch(1).map(lambda y: ({}, y))
  assert estimator.evaluate(lambda: no_features)['loss'] == 5.0


@pytest.mark.filterwarnings('ignore::DeprecationWarning')
def test_replicas_train_as_one_device_by_an_optimizer_of_tensorflow_1(
  tmp_path,
):
  def make(features):
    w = v1.get_variable(
      'w', [], initializer=v1.ones_initializer(), regularizer=lambda w: w * w
    )
    v1.losses.mean_squared_error(features, w * tf.ones_like(features))
    loss = v1.losses.get_total_loss()
    descent = v1.train.GradientDescentOptimizer(0.01)
    return loss, descent.minimize(loss, v1.train.get_global_step())

  def input_fn(input_context):
    size = 8 // input_context.num_replicas_in_sync
    return tf.data.Dataset.from_tensor_slices(X).batch(size).repeat()

  runs = []
  for strategy in (None, linear.two_replicas()):
    losses = linear.Losses()
    estimator = est.Estimator(
      train_fn(make),
      tmp_path / str(strategy is None),
      est.RunConfig(train_distribute=strategy),
    )
    estimator.train(input_fn, hooks=[losses], steps=3)
    runs.append([*losses.losses, estimator.get_variable_value('w')])
  np.testing.assert_allclose(*runs, rtol=1e-5)


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
def test_random_numbers_of_the_process_do_not_change(tmp_path, seed):
  def numbers(between):
    tf.random.set_seed(seed)
    random.seed(seed)
    np.random.seed(seed)
    drawn = [tf.random.uniform([]).numpy(), tf.random.uniform([], seed=3)]
    between()
    return [
      *drawn,
      tf.random.uniform([]).numpy(),
      tf.random.uniform([], seed=3).numpy(),
      random.random(),
      np.random.rand(),
    ]

  def make(features):
    w = v1.get_variable('w', [3])
    return tf.reduce_sum(w), step()

  def build():
    trained(tmp_path, make, tf_random_seed=seed * 1000).evaluate(constant_input)

  assert numbers(lambda: None) == numbers(build)
  assert numbers(lambda: None) == numbers(lambda: VariableStore(seed=7 * seed))


def test_the_seed_fixes_dropout_and_the_order_of_data(tmp_path):
  def input_fn():
    return tf.data.Dataset.from_tensor_slices(X).shuffle(8).repeat().batch(2)

  def make(features):
    kept = tf.nn.dropout(tf.ones([64]), 0.5) * tf.range(64.0)
    return tf.reduce_sum(kept) + 1e4 * features[0], step()

  runs = []
  for name, seed in (('a', 1), ('b', 1), ('c', 2)):
    losses = linear.Losses()
    config = est.RunConfig(tf_random_seed=seed)
    estimator = est.Estimator(train_fn(make), tmp_path / name, config)
    runs.append(losses.losses)
    estimator.train(input_fn, hooks=[losses], steps=4)
  assert runs[0] == runs[1] != runs[2]
  assert len(set(runs[0])) == 4


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
  # Where the user has changed it since, an evaluation is of the checkpoint,
  layer.set_weights([np.full([1, 1], 50.0), np.zeros(1)])
  assert a.evaluate(data)['loss'] == before
  # and that is where the next Estimator begins.
  layer.set_weights([np.full([1, 1], 5.0), np.zeros(1)])
  make(1.0, 'c').train(data, steps=1)
  reader = tf.train.load_checkpoint(str(tmp_path / 'c' / 'model.ckpt-0'))
  assert reader.get_tensor(names[0]) == 5.0


def test_a_shared_layer_is_exported_while_it_is_trained(tmp_path):
  import keras

  layer = keras.layers.Dense(1, use_bias=False)
  layer.build([None, 1])
  layer.set_weights([np.zeros([1, 1])])

  def model_fn(features, labels, mode):
    y = layer(features['x'][:, tf.newaxis])
    kernel = layer.trainable_variables[0].value
    train_op = None
    if mode == 'train':
      with tf.control_dependencies([kernel.assign_add([[1.0]])]):
        train_op = step()
    return est.EstimatorSpec(mode, {'y': y}, tf.reduce_mean(y), train_op)

  receiver = est.build_raw_serving_input_receiver_fn({
    'x': tf.TensorSpec([None], tf.float32)
  })
  estimator = est.Estimator(
    model_fn, tmp_path, est.RunConfig(save_checkpoints_steps=2)
  )

  def data():
    return tf.data.Dataset.from_tensors({'x': tf.ones([1])}).repeat(9)

  est.train_and_evaluate(
    estimator,
    est.TrainSpec(data, max_steps=4),
    est.EvalSpec(
      data, exporters=est.LatestExporter('e', receiver), throttle_secs=0
    ),
  )
  answers = [
    tf.saved_model.load(str(path)).signatures['serving_default'](
      x=tf.ones([1])
    )['y'].numpy().item()
    for path in sorted((tmp_path / 'export' / 'e').iterdir())
  ]  # fmt: skip
  assert answers == [2, 4]
  assert estimator.get_variable_value('global_step') == 4


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
