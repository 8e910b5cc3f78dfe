"""Streaming metrics: each one a pair `(value, update_op)`.

The pair goes into `EstimatorSpec.eval_metric_ops`. As in
`tf.compat.v1.metrics`, `value` reads sums and `update_op` adds this batch to
them, so other metrics can be computed from values. Sums live in metric
variables, which every evaluation resets and replicas add up, so each example
has the same weight wherever the batches are cut. They are float64, so that the
order of adding up does not show either.
"""

from collections.abc import Callable, Mapping

import tensorflow as tf

_Result = Callable[[Mapping[str, tf.Tensor]], tf.Tensor]
_KEYS = tf.compat.v1.GraphKeys


Metric = tuple[tf.Tensor, tf.Tensor]


def mean(
  values: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'mean',
) -> Metric:
  """Weighted mean of all values seen.

  Args:
    values: numbers of any shape, [N, ...].
    weights: broadcast to the shape of `values`; None weighs each by 1.
    name: prefix of the names of the sums.
  """
  values = tf.cast(values, tf.float64)
  weights = _weights(weights, values)
  sums = {
    'total': tf.reduce_sum(tf.math.multiply_no_nan(values, weights)),
    'count': tf.reduce_sum(weights),
  }
  return _streaming(name, sums, _ratio('total', 'count'))


def total(
  values: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'total',
) -> Metric:
  """Weighted sum of all values seen; see `mean`."""
  values = tf.cast(values, tf.float64)
  weights = _weights(weights, values)
  sums = {'total': tf.reduce_sum(tf.math.multiply_no_nan(values, weights))}
  return _streaming(name, sums, lambda sums: sums['total'])


def accuracy(
  labels: tf.Tensor,
  predictions: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'accuracy',
) -> Metric:
  """Share of predictions equal to their labels.

  Args:
    labels: [N], integers or strings.
    predictions: [N], cast to the dtype of the labels.
    weights: as in `mean`.
    name: as in `mean`.
  """
  if labels.dtype != predictions.dtype:
    predictions = tf.cast(predictions, labels.dtype)
  return mean(tf.equal(labels, predictions), weights, name)


def mean_squared_error(
  labels: tf.Tensor,
  predictions: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'mean_squared_error',
) -> Metric:
  """Mean of the squared differences."""
  labels = tf.cast(labels, predictions.dtype)
  return mean(tf.math.squared_difference(labels, predictions), weights, name)


def root_mean_squared_error(
  labels: tf.Tensor,
  predictions: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'root_mean_squared_error',
) -> Metric:
  """Square root of the mean of the squared differences."""
  squares = tf.math.squared_difference(
    tf.cast(labels, predictions.dtype), predictions
  )
  squares = tf.cast(squares, tf.float64)
  weights = _weights(weights, squares)
  sums = {
    'total': tf.reduce_sum(squares * weights),
    'count': tf.reduce_sum(weights),
  }
  ratio = _ratio('total', 'count')
  return _streaming(name, sums, lambda s: tf.sqrt(ratio(s)))


def mean_absolute_error(
  labels: tf.Tensor,
  predictions: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'mean_absolute_error',
) -> Metric:
  """Mean of the absolute differences."""
  labels = tf.cast(labels, predictions.dtype)
  return mean(tf.abs(labels - predictions), weights, name)


def precision(
  labels: tf.Tensor,
  predictions: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'precision',
) -> Metric:
  """Share of positive predictions (true or non-zero) that are right."""
  labels, predictions = tf.cast(labels, tf.bool), tf.cast(predictions, tf.bool)
  right = tf.cast(labels & predictions, tf.float64)
  weights = _weights(weights, right) * tf.cast(predictions, right.dtype)
  return mean(right, weights, name)


def recall(
  labels: tf.Tensor,
  predictions: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'recall',
) -> Metric:
  """Share of positive labels (true or non-zero) that were predicted."""
  return precision(predictions, labels, weights, name)


def _weights(weights: tf.Tensor | None, values: tf.Tensor) -> tf.Tensor:
  if weights is None:
    return tf.ones_like(values)
  return tf.broadcast_to(tf.cast(weights, values.dtype), tf.shape(values))


def _ratio(numerator: str, denominator: str) -> _Result:
  return lambda sums: tf.math.divide_no_nan(sums[numerator], sums[denominator])


def _streaming(
  name: str, sums: Mapping[str, tf.Tensor], result: _Result
) -> Metric:
  variables = {
    key: tf.compat.v1.Variable(
      lambda: tf.zeros([], tf.float64),
      name=f'{name}/{key}',
      trainable=False,
      collections=[_KEYS.LOCAL_VARIABLES, _KEYS.METRIC_VARIABLES],
      synchronization=tf.VariableSynchronization.ON_READ,
      aggregation=tf.VariableAggregation.SUM,
      use_resource=True,
    )
    for key in sums
  }
  updates = [
    variables[key].assign_add(increment) for key, increment in sums.items()
  ]

  def read():
    sums = {key: v.read_value() for key, v in variables.items()}
    return tf.cast(result(sums), tf.float32)

  with tf.control_dependencies(updates):
    update_op = read()
  return read(), update_op
