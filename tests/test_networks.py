"""One table: every network times every property."""

import numpy as np
import pytest
import tensorflow as tf

from official import estimator as est
from official.estimator.variables import VariableStore
from official.optimizers import schedules
from resnet import resnet_run_loop
from tests import networks
from tests.networks import CLASSES, COUNTS, NETWORKS

BATCH = 4

# Each has a small one of its kind beside it, for tests that compute.
LARGE = ('resnet-18-v1', 'googlenet', 'googlenet-bn', 'alexnet-2012')

every_network = pytest.mark.parametrize('name', NETWORKS)


def images_of(network, count=BATCH):
  random = np.random.RandomState(0)
  return random.randn(count, *network.image_shape).astype(np.float32)


def graph_of(network, training=True, **kwargs):
  """Logits and name to variable, from a graph in which nothing runs."""
  with tf.Graph().as_default() as graph:
    tf.compat.v1.train.create_global_step()
    inputs = tf.compat.v1.placeholder(tf.float32, [None, *network.image_shape])
    logits = network.build(**kwargs)(inputs, training=training)
    variables = graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)
  return logits, {v.name: v for v in variables if 'global_step' not in v.name}


# They only have more blocks than others; deep graphs take seconds to build.
DEEPER = tuple(
  f'ResNet-{size} v' for size in (32, 34, 44, 56, 101, 110, 152, 200)
)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(
      name, marks=pytest.mark.slow if name.startswith(DEEPER) else ()
    )
    for name in COUNTS
  ],
)
def test_parameters_and_multiply_adds_are_as_many_as_published(name):
  count = COUNTS[name]
  counted = networks.count_parameters(count.model, count.image_size)
  assert counted == (count.trainable, count.total, count.multiply_adds)


@every_network
@pytest.mark.parametrize(
  'data_format, dtype',
  [
    ('channels_last', tf.float32),
    ('channels_first', tf.float16),
    ('channels_last', tf.bfloat16),
  ],
)
def test_logits_and_variables_are_float32_whatever_the_dtype(
  name, data_format, dtype
):
  logits, variables = graph_of(
    NETWORKS[name], data_format=data_format, dtype=dtype
  )
  assert logits.shape.as_list() == [None, CLASSES]
  assert logits.dtype == tf.float32
  assert {v.dtype.base_dtype for v in variables.values()} == {tf.float32}


@every_network
def test_variables_are_the_same_in_every_mode_and_layout(name):
  shapes = [
    {n: tuple(v.shape) for n, v in variables.items()}
    for training, data_format in (
      (True, 'channels_first'),
      (True, 'channels_last'),
      (False, 'channels_last'),
    )
    for _, variables in [
      graph_of(NETWORKS[name], training, data_format=data_format)
    ]
  ]
  assert all(shapes_of_mode == shapes[0] for shapes_of_mode in shapes[1:])


def call(network, store, training, **kwargs):
  """Runs the network once; logits, and gradients by variable name."""
  data = images_of(network)

  def build(x):
    with store.trace(), store.scope():
      tf.compat.v1.train.get_or_create_global_step()
      logits = network.build(**kwargs)(x, training=training)
      loss = tf.reduce_mean(tf.square(logits - 1.0))
      variables = tf.compat.v1.trainable_variables()
      gradients = tf.gradients(loss, variables)
    missing = [
      v.name for v, g in zip(variables, gradients, strict=True) if g is None
    ]
    assert missing == []
    return logits, {
      v.name: g for v, g in zip(variables, gradients, strict=True)
    }

  return tf.function(build, autograph=False)(tf.constant(data))


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(
      name,
      marks=pytest.mark.slow if name in LARGE else (),
    )
    for name in NETWORKS
  ],
)
def test_the_gradient_reaches_every_variable(name):
  store = VariableStore(seed=1)
  _, gradients = call(
    NETWORKS[name], store, training=True, data_format='channels_last'
  )
  still = [n for n, g in gradients.items() if not np.abs(g).max() > 0]
  assert gradients
  assert still == []


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=pytest.mark.slow if name in LARGE else ())
    for name in NETWORKS
    if 'resnet' in name or 'bn' in name
  ],
)
def test_moving_averages_move_in_training_alone(name):
  store = VariableStore(seed=1)

  def moving():
    return {
      n: v.numpy().copy() for n, v in store.variables.items() if 'moving' in n
    }

  call(NETWORKS[name], store, training=False, data_format='channels_last')
  before = moving()
  assert before
  for n, value in before.items():
    assert np.all(value == (1 if 'variance' in n else 0))
  call(NETWORKS[name], store, training=True, data_format='channels_last')
  assert [n for n, v in moving().items() if np.all(v == before[n])] == []


@pytest.mark.parametrize(
  'name',
  [
    'resnet-8-v1',
    'resnet-8-v2',
    'alexnet-small',
    pytest.param('alexnet-2012', marks=pytest.mark.slow),
    pytest.param('googlenet', marks=pytest.mark.slow),
  ],
)
def test_both_layouts_give_the_same_logits(name):
  """Under XLA, as TensorFlow has no NCHW convolution on the CPU."""
  network = NETWORKS[name]
  store = VariableStore(seed=1)

  def logits(data_format):
    def build(x):
      with store.trace(), store.scope():
        return network.build(data_format=data_format)(x, training=False)

    compiled = tf.function(build, autograph=False, jit_compile=True)
    return compiled(tf.constant(images_of(network)))

  first, last = logits('channels_first'), logits('channels_last')
  assert np.abs(last).max() > 1e-3
  np.testing.assert_allclose(first, last, atol=1e-4)


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(name, marks=pytest.mark.slow if name in LARGE else ())
    for name in NETWORKS
  ],
)
def test_a_step_lowers_the_loss_and_the_export_says_what_predict_says(
  name, tmp_path
):
  network = NETWORKS[name]
  data = images_of(network)
  labels = np.arange(BATCH, dtype=np.int32)
  dropout = {} if 'resnet' in name else {'dropout_rate': 0.0}
  model = network.build(data_format='channels_last', **dropout)

  def model_fn(features, labels, mode):
    return resnet_run_loop.resnet_model_fn(
      features,
      labels,
      mode,
      lambda *args, **kwargs: model,
      resnet_size=None,
      weight_decay=1e-4,
      learning_rate_fn=schedules.piecewise_constant([], [network.rate]),
      momentum=0.9,
      data_format='channels_last',
      resnet_version=None,
      loss_scale=1,
    )

  def input_fn():
    batch = tf.data.Dataset.from_tensors((data, labels))
    return batch.repeat()

  estimator = est.Estimator(
    model_fn, str(tmp_path / 'run'), est.RunConfig(tf_random_seed=1)
  )
  estimator.train(input_fn, [est.MetricsLogHook()], steps=2)
  losses = [row['loss'] for row in estimator.metrics_log.read('train')]
  assert len(losses) == 2
  assert losses[1] < losses[0]

  exported = estimator.export_saved_model(
    str(tmp_path / 'export'),
    receiver_of(network),
  )
  predicted = estimator.predict(
    lambda: tf.data.Dataset.from_tensors(data), yield_single_examples=False
  )
  signature = tf.saved_model.load(exported).signatures['serving_default']
  served = signature(input=tf.constant(data))
  expected = next(iter(predicted))
  np.testing.assert_allclose(
    served['probabilities'], expected['probabilities'], atol=1e-6
  )
  np.testing.assert_array_equal(served['classes'], expected['classes'])


def receiver_of(network):
  def receiver_fn():
    images = tf.compat.v1.placeholder(tf.float32, [None, *network.image_shape])
    return est.TensorServingInputReceiver(images, {'input': images})

  return receiver_fn
