"""EstimatorSpec and export outputs: every rule of the contract."""

import pytest
import tensorflow as tf

from official.estimator import (
  ClassificationOutput,
  EstimatorSpec,
  Hook,
  ModeKeys,
  PredictOutput,
  RegressionOutput,
)

LOSS = tf.constant(1.0)
OP = tf.constant(0)
PREDICTIONS = {'x': tf.constant([1.0])}


def spec(mode=ModeKeys.TRAIN, **kwargs):
  defaults = {'loss': LOSS, 'train_op': OP, 'predictions': PREDICTIONS}
  return EstimatorSpec(mode, **(defaults | kwargs))


def test_mode_keys_are_those_of_tf_estimator():
  assert (ModeKeys.TRAIN, ModeKeys.EVAL, ModeKeys.PREDICT) == (
    'train',
    'eval',
    'infer',
  )


@pytest.mark.parametrize(
  'mode, field, message',
  [
    (ModeKeys.TRAIN, 'train_op', 'Missing train_op.'),
    (ModeKeys.TRAIN, 'loss', 'Missing loss.'),
    (ModeKeys.EVAL, 'loss', 'Missing loss.'),
    (ModeKeys.PREDICT, 'predictions', 'Missing predictions.'),
  ],
)
def test_a_missing_required_field_is_named(mode, field, message):
  with pytest.raises(ValueError, match=message):
    spec(mode, **{field: None})


@pytest.mark.parametrize(
  'field, value, error, message',
  [
    ('loss', 1.0, TypeError, 'loss must be Tensor, given: 1.0'),
    ('loss', tf.constant([1.0, 2.0]), ValueError, 'Loss must be scalar'),
    (
      'train_op',
      'op',
      TypeError,
      'train_op must be Operation or Tensor, given: ',
    ),
    ('predictions', 3, TypeError, 'predictions must be Tensor'),
    ('predictions', {'a': 3}, TypeError, r'predictions\[a\] must be Tensor'),
    ('eval_metric_ops', [1], TypeError, 'eval_metric_ops must be a dict'),
    (
      'eval_metric_ops',
      {'accuracy': LOSS},
      TypeError,
      r'\(metric_value, update_op\) tuples, given: .* for key: accuracy',
    ),
    (
      'training_hooks',
      ['hook'],
      TypeError,
      "All hooks must be Hook instances, given: 'hook'",
    ),
  ],
)
def test_a_wrong_field_is_refused(field, value, error, message):
  with pytest.raises(error, match=message):
    spec(**{field: value})


def test_an_unknown_mode_is_refused():
  with pytest.raises(ValueError, match="mode must be one of .*'test'"):
    spec('test')


def test_loss_of_shape_one_becomes_a_scalar():
  assert spec(loss=tf.constant([2.0])).loss.shape == []


def test_predictions_may_be_missing_outside_predict():
  assert spec(predictions=None).predictions == {}


def test_a_tensor_of_another_graph_is_refused():
  with tf.Graph().as_default():
    foreign = tf.compat.v1.placeholder(tf.float32, [])
  with pytest.raises(ValueError, match='loss with ".*" must be from the def'):
    spec(loss=foreign)


def test_replace_checks_again_and_keeps_the_mode():
  hook = Hook()
  assert spec()._replace(training_hooks=[hook]).training_hooks == (hook,)
  with pytest.raises(ValueError, match='Missing loss.'):
    spec()._replace(loss=None)
  with pytest.raises(ValueError, match='mode of EstimatorSpec cannot be'):
    spec()._replace(mode=ModeKeys.EVAL)


def test_predict_without_export_outputs_serves_its_predictions():
  outputs = spec(ModeKeys.PREDICT).export_outputs
  assert list(outputs) == ['serving_default']
  assert outputs['serving_default'].outputs == PREDICTIONS


def test_a_single_export_output_is_the_default_too():
  output = PredictOutput(PREDICTIONS)
  outputs = spec(ModeKeys.PREDICT, export_outputs={'a': output}).export_outputs
  assert outputs == {'a': output, 'serving_default': output}


@pytest.mark.parametrize(
  'outputs, error, message',
  [
    ('a', TypeError, 'export_outputs must be dict'),
    ({'a': LOSS}, TypeError, 'must be ExportOutput objects'),
    (
      {k: RegressionOutput(LOSS) for k in 'ab'},
      ValueError,
      'Multiple export_outputs were provided, but none of them',
    ),
  ],
)
def test_wrong_export_outputs_are_refused(outputs, error, message):
  with pytest.raises(error, match=message):
    spec(ModeKeys.PREDICT, export_outputs=outputs)


def test_export_outputs_are_not_checked_in_training():
  assert spec(export_outputs='a').export_outputs is None


def test_export_outputs_name_their_tensors():
  names = tf.constant([['a']])
  assert PredictOutput(LOSS).outputs == {'output': LOSS}
  assert RegressionOutput(LOSS).outputs == {'outputs': LOSS}
  assert ClassificationOutput(LOSS, names).outputs == {
    'scores': LOSS,
    'classes': names,
  }


@pytest.mark.parametrize(
  'make',
  [
    lambda: PredictOutput({}),
    lambda: PredictOutput({1: LOSS}),
    lambda: PredictOutput({'a': 1}),
    lambda: ClassificationOutput(),
    lambda: ClassificationOutput(scores=OP),
    lambda: ClassificationOutput(classes=LOSS),
    lambda: RegressionOutput(OP),
  ],
)
def test_an_export_output_of_the_wrong_type_is_refused(make):
  with pytest.raises(ValueError):
    make()
