"""Objects of Keras, told by what they can do: any version may be installed."""

from typing import Any

import tensorflow as tf


def is_metric(value: object) -> bool:
  """Whether a value is a metric of some version of Keras."""
  names = ('update_state', 'result', 'reset_state', 'variables')
  return all(hasattr(value, name) for name in names)


def variables_of(layer_or_metric: Any) -> list[tf.Variable]:
  """The TensorFlow variables of a layer or metric; Keras 3 wraps its own."""
  return [
    v if isinstance(v, tf.Variable) else v.value
    for v in layer_or_metric.variables
  ]
