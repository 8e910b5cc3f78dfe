"""The names of a network's layers, and the variables under these names."""

import contextlib
from collections.abc import Callable, Sequence

import tensorflow as tf

Initializer = Callable[[Sequence[int], tf.DType], tf.Tensor]


def he_initializer() -> Initializer:
  """A truncated normal of variance 2 / fan_in (He et al. 2015b, section 2.2).

  https://arxiv.org/abs/1502.01852: this variance keeps the size of the
  activations from layer to layer where a ReLU zeroes half of them.
  """
  return tf.compat.v1.variance_scaling_initializer(2.0)


class LayerScope:
  """Names layers as TensorFlow 1's `tf.layers` did and makes their variables.

  The first layer of a kind is `my_model/conv2d`, the next ones are
  `my_model/conv2d_1`, `my_model/conv2d_2`, and so on. A checkpoint finds
  variables by these names, so the order in which a network asks for its layers
  is part of its format on disk.

  Args:
    name: First part of every name, such as `'my_model'`.
  """

  def __init__(self, name: str):
    self._name = name
    self._num_layers: dict[str, int] = {}  # By kind, such as 'conv2d'.

  def layer(self, kind: str) -> str:
    """The full name of the next layer of a kind, such as `'conv2d'`."""
    number = self._num_layers.get(kind, 0)
    self._num_layers[kind] = number + 1
    return f'{self._name}/{kind}_{number}' if number else f'{self._name}/{kind}'

  def ops(self, layer: str) -> contextlib.AbstractContextManager[str]:
    """Within it ops are named after a layer.

    The slash at the end makes TensorFlow take the name as it stands, not
    below the scope around it.
    """
    return tf.name_scope(f'{layer}/')

  def weights(
    self, name: str, shape: Sequence[int], initializer: Initializer
  ) -> tf.Variable:
    """A trainable float32 variable of a full name."""
    return tf.Variable(lambda: initializer(shape, tf.float32), name=name)

  def statistics(
    self, name: str, shape: Sequence[int], initializer: Initializer
  ) -> tf.Variable:
    """A float32 variable of a full name that follows the batches.

    Each replica follows its own batches. A read outside the replicas, such as
    that of a checkpoint, gives the mean over them.
    """
    return tf.Variable(
      lambda: initializer(shape, tf.float32),
      name=name,
      trainable=False,
      synchronization=tf.VariableSynchronization.ON_READ,
      aggregation=tf.VariableAggregation.MEAN,
    )
