"""Objects of any version of Keras, recognized by their methods."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeGuard

import tensorflow as tf


class HasVariables(Protocol):
  """A layer or a metric."""

  @property
  def variables(self) -> Sequence[Any]:
    """Variables of TensorFlow, or of Keras 3."""


class Metric(HasVariables, Protocol):
  """A metric."""

  def update_state(self, *args: Any, **kwargs: Any) -> Any:
    """Adds a batch."""

  def result(self) -> tf.Tensor:
    """The value over all batches since the last reset."""

  def reset_state(self) -> None:
    """Forgets all batches."""


def is_metric(value: object) -> TypeGuard[Metric]:
  """Whether a value is a metric of some version of Keras."""
  names = ('update_state', 'result', 'reset_state', 'variables')
  return all(hasattr(value, name) for name in names)


def variables_of(layer_or_metric: HasVariables) -> list[tf.Variable]:
  """The TensorFlow variables of a layer or metric; Keras 3 wraps its own."""
  return [
    v if isinstance(v, tf.Variable) else v.value
    for v in layer_or_metric.variables
  ]
