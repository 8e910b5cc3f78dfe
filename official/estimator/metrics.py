"""Streaming metrics: each one is a pair `(value, update_op)`.

The pair goes into `EstimatorSpec.eval_metric_ops`. As in
`tf.compat.v1.metrics`, `value` reads sums and `update_op` adds this batch to
them, so other metrics can be computed from values. The sums are metric
variables, which every evaluation resets and which replicas add up, so that each
example has the same weight however the data are cut into batches. They are
float64, so that the order of the additions hardly changes the result either.
"""

from collections.abc import Callable, Mapping

import tensorflow as tf

_Result = Callable[[Mapping[str, tf.Tensor]], tf.Tensor]
_KEYS = tf.compat.v1.GraphKeys


# A value, float32 [], and an update op.
Metric = tuple[tf.Tensor, tf.Tensor]


def mean(
  values: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'mean',
) -> Metric:
  """Weighted mean of all values seen.

  Args:
    values: Numbers, [N, ...].
    weights: One number, or numbers of the rank of `values` that broadcast to
      their shape; None for weights of 1.
    name: Prefix of the names of the sums.

  Raises:
    ValueError: The shape of the weights does not fit.
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
  """Weighted sum of all values seen; arguments and errors as in `mean`."""
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
  """Share of predictions that equal their labels.

  Args:
    labels: Integers or strings, [N].
    predictions: [N], cast to the dtype of the labels.
    weights: See `mean`.
    name: See `mean`.

  Raises:
    ValueError: The shapes of labels, predictions or weights differ.
  """
  labels, predictions = _matched(labels, predictions)
  if labels.dtype != predictions.dtype:
    predictions = tf.cast(predictions, labels.dtype)
  return mean(tf.equal(labels, predictions), weights, name)


def mean_squared_error(
  labels: tf.Tensor,
  predictions: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'mean_squared_error',
) -> Metric:
  """Mean of the squared differences of labels and predictions, [N, ...]."""
  labels, predictions = _matched(labels, predictions)
  labels = tf.cast(labels, predictions.dtype)
  return mean(tf.math.squared_difference(labels, predictions), weights, name)


def root_mean_squared_error(
  labels: tf.Tensor,
  predictions: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'root_mean_squared_error',
) -> Metric:
  """Square root of the `mean_squared_error`."""
  labels, predictions = _matched(labels, predictions)
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
  """Mean of the absolute differences of labels and predictions, [N, ...]."""
  labels, predictions = _matched(labels, predictions)
  labels = tf.cast(labels, predictions.dtype)
  return mean(tf.abs(labels - predictions), weights, name)


def precision(
  labels: tf.Tensor,
  predictions: tf.Tensor,
  weights: tf.Tensor | None = None,
  name: str = 'precision',
) -> Metric:
  """Share of the positive (non-zero) predictions [N] that are right."""
  labels, predictions = _matched(labels, predictions)
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
  """Share of the positive (non-zero) labels [N] that were predicted."""
  return precision(predictions, labels, weights, name)


def _matched(
  labels: tf.Tensor, predictions: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
  """Labels and predictions of the same shape.

  If one is [N, 1] and the other [N], both become [N], as in TensorFlow 1.

  Raises:
    ValueError: Their shapes differ in another way.
  """
  labels, predictions = map(tf.convert_to_tensor, (labels, predictions))
  ranks = labels.shape.rank, predictions.shape.rank
  if None not in ranks:
    if ranks[0] == ranks[1] + 1 and labels.shape[-1] in (1, None):
      labels = tf.squeeze(labels, -1)
    elif ranks[1] == ranks[0] + 1 and predictions.shape[-1] in (1, None):
      predictions = tf.squeeze(predictions, -1)
  if not labels.shape.is_compatible_with(predictions.shape):
    raise ValueError(
      'labels and predictions of a metric must have the same shape, given: '
      f'{labels.shape} and {predictions.shape}'
    )
  return labels, predictions


def _weights(weights: tf.Tensor | None, values: tf.Tensor) -> tf.Tensor:
  """The weight of each value, in the shape and dtype of the values.

  Raises:
    ValueError: The shape of the weights does not fit.
  """
  if weights is None:
    return tf.ones_like(values)
  weights = tf.cast(weights, values.dtype)
  ranks = weights.shape.rank, values.shape.rank
  if None not in ranks:
    if ranks[0] == ranks[1] + 1 and weights.shape[-1] in (1, None):
      weights = tf.squeeze(weights, -1)
    elif ranks[0] == ranks[1] - 1 and values.shape[-1] == 1:
      weights = weights[..., tf.newaxis]
    fits = not weights.shape.rank or (
      weights.shape.rank == ranks[1]
      and all(
        w in (1, None) or v in (w, None)
        for w, v in zip(weights.shape, values.shape, strict=True)
      )
    )
    if not fits:
      raise ValueError(
        'weights of a metric must be one number, or have the rank of the '
        f'values and in each dimension 1 or their size, given: {weights.shape} '
        f'for values {values.shape}'
      )
  return tf.broadcast_to(weights, tf.shape(values))


def _ratio(numerator: str, denominator: str) -> _Result:
  return lambda sums: tf.math.divide_no_nan(sums[numerator], sums[denominator])


def _streaming(
  name: str, sums: Mapping[str, tf.Tensor], result: _Result
) -> Metric:
  """A metric that is computed from sums over all batches.

  Args:
    name: Prefix of the names of the variables.
    sums: Name to the number that this batch adds, float64 [].
    result: Function from the sums over all batches, by name, to the value.
  """
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

  def read() -> tf.Tensor:
    totals = {key: v.read_value() for key, v in variables.items()}
    return tf.cast(result(totals), tf.float32)

  with tf.control_dependencies(updates):
    update_op = read()
  return read(), update_op
