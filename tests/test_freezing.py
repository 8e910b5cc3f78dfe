"""Frozen exports: the same answers, no variables, nothing computed twice."""

import os

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

from official import estimator as est
from official import layers
from official.estimator import frozen_graphs, inputs

IMAGES = np.random.RandomState(0).randn(4, 8, 8, 3).astype(np.float32)


def model_fn(features, labels, mode):
  nn = layers.Network('net', training=mode == 'train', batch_norm_momentum=0.5)
  x = tf.nn.relu(nn.batch_norm(nn.conv2d(features, 8, 3)))
  x = tf.nn.relu(nn.batch_norm(nn.conv2d(x, 8, 3, 2)))
  logits = nn.dense(nn.global_mean(x), 5)
  predictions = {'logits': logits}
  if mode == 'infer':
    return est.EstimatorSpec(mode, predictions)
  loss = tf.reduce_mean(tf.square(logits))
  step = tf.compat.v1.train.get_global_step().assign_add(1)
  return est.EstimatorSpec(mode, predictions, loss, train_op=step)


def receiver_fn():
  images = tf.compat.v1.placeholder(tf.float32, [None, 8, 8, 3])
  return est.TensorServingInputReceiver(images, {'input': images})


def doubling_receiver_fn():
  halves = tf.compat.v1.placeholder(tf.float32, [None, 8, 8, 3])
  return est.TensorServingInputReceiver(halves * 2, {'halves': halves})


@pytest.fixture(scope='module')
def estimator(tmp_path_factory):
  """Trained for some steps, so that its moving statistics have moved."""
  folder = tmp_path_factory.mktemp('freezing')
  estimator = est.Estimator(
    model_fn, str(folder / 'run'), est.RunConfig(tf_random_seed=1)
  )
  data = (IMAGES, np.zeros(4, np.int32))
  return estimator.train(
    lambda: tf.data.Dataset.from_tensors(data).repeat(), steps=5
  )


def export(estimator, folder, receiver_fns=receiver_fn, **kwargs):
  return estimator.export_saved_model(
    str(folder), receiver_fns, frozen=True, **kwargs
  )


def kinds_in(exported):
  """Types of all ops of a SavedModel, its functions' too."""
  model = saved_model_pb2.SavedModel()
  with open(os.path.join(exported, 'saved_model.pb'), 'rb') as f:
    model.ParseFromString(f.read())
  graph = model.meta_graphs[0].graph_def
  nodes = [*graph.node]
  for function in graph.library.function:
    nodes += function.node_def
  return [node.op for node in nodes]


def test_a_frozen_export_answers_as_the_estimator(estimator, tmp_path):
  exported = export(estimator, tmp_path)
  signature = tf.saved_model.load(exported).signatures['serving_default']
  (expected,) = estimator.predict(
    lambda: tf.data.Dataset.from_tensors(IMAGES), yield_single_examples=False
  )
  served = signature(input=tf.constant(IMAGES))
  np.testing.assert_allclose(
    served['logits'], expected['logits'], atol=1e-5, rtol=1e-5
  )


def test_a_frozen_export_is_two_convolutions_and_a_product(estimator, tmp_path):
  kinds = kinds_in(export(estimator, tmp_path))
  assert kinds.count('Conv2D') == 2
  assert kinds.count('MatMul') == 1
  for kind in ('ReadVariableOp', 'FusedBatchNormV3', 'Mul', 'Rsqrt'):
    assert kind not in kinds, kind


def test_layers_know_of_a_frozen_export_by_its_graph_alone(tmp_path):
  """Also in a function that model_fn calls; nothing outside is concerned."""
  marks = []

  def model_fn(features, labels, mode):
    @tf.function(autograph=False)
    def double(x):
      marks.append(frozen_graphs.is_marked())
      return 2 * x

    with tf.Graph().as_default():  # Another model, built in the meantime.
      marks.append(frozen_graphs.is_marked())
    predictions = {'doubled': double(features)}
    step = tf.compat.v1.train.get_global_step().assign_add(1)
    loss = tf.reduce_mean(features)
    return est.EstimatorSpec(mode, predictions, loss, train_op=step)

  estimator = est.Estimator(model_fn, str(tmp_path / 'run'))
  estimator.train(lambda: tf.constant(IMAGES), steps=1)
  for frozen in (False, True):
    marks.clear()
    estimator.export_saved_model(
      str(tmp_path / 'exports'), receiver_fn, frozen=frozen
    )
    assert marks == [False, frozen]
    assert not frozen_graphs.is_marked()


def test_an_export_of_variables_keeps_its_batch_norm(estimator, tmp_path):
  exported = estimator.export_saved_model(str(tmp_path), receiver_fn)
  assert kinds_in(exported).count('FusedBatchNormV3') == 2


def test_signatures_share_the_network(estimator, tmp_path):
  receivers = {'': receiver_fn, 'halves': doubling_receiver_fn}
  exported = export(estimator, tmp_path, receivers)
  assert kinds_in(exported).count('Conv2D') == 2
  signatures = tf.saved_model.load(exported).signatures
  whole = signatures['serving_default'](input=tf.constant(IMAGES))
  halves = signatures['halves'](halves=tf.constant(IMAGES / 2))
  np.testing.assert_allclose(whole['logits'], halves['logits'], atol=1e-6)


def test_what_finishes_an_export_may_refuse_it(estimator, tmp_path):
  seen = []

  def refuse(directory):
    seen.append(os.path.exists(os.path.join(directory, 'saved_model.pb')))
    raise RuntimeError('no')

  with pytest.raises(RuntimeError, match='no'):
    export(estimator, tmp_path / 'exports', finish_fn=refuse)
  assert seen == [True]
  assert not os.path.exists(tmp_path / 'exports')


def test_a_warm_start_from_a_frozen_export_says_what_to_give(
  estimator, tmp_path
):
  exported = export(estimator, tmp_path)
  with pytest.raises(est.WarmStartError, match='frozen.* holds no variables'):
    est.find_checkpoint(exported)


def test_a_variable_inside_a_loop_cannot_be_frozen(tmp_path):
  def model_fn(features, labels, mode):
    scale = tf.Variable(lambda: tf.constant(2.0), name='scale')
    _, y = tf.while_loop(
      lambda i, y: i < 3,
      lambda i, y: (i + 1, y * scale),
      (tf.constant(0), tf.reduce_sum(features)),
    )
    step = tf.compat.v1.train.get_global_step().assign_add(1)
    return est.EstimatorSpec(mode, {'y': y}, y, train_op=step)

  estimator = est.Estimator(model_fn, str(tmp_path / 'run'))
  estimator.train(lambda: tf.constant(IMAGES), steps=1)
  with pytest.raises(ValueError, match='while reads a variable inside a loop'):
    estimator.export_saved_model(
      str(tmp_path / 'exports'), receiver_fn, frozen=True
    )
  assert not os.path.exists(tmp_path / 'exports')


def test_the_tuner_of_a_dataset_is_off_unless_it_was_asked_for():
  """Its thread can make the end of an iterator wait for a minute."""
  plain = tf.data.Dataset.range(3)
  assert inputs.make_dataset(lambda: plain).options().autotune.enabled is False
  options = tf.data.Options()
  options.autotune.enabled = True
  tuned = plain.with_options(options)
  assert inputs.make_dataset(lambda: tuned).options().autotune.enabled is True
