"""The two terms of an image classifier's loss."""

from collections.abc import Callable

import tensorflow as tf


def cross_entropy(
  logits: tf.Tensor, labels: tf.Tensor, label_smoothing: float = 0.0
) -> tf.Tensor:
  """The cross-entropy of each example.

  Args:
    logits: [N, C], of any float type; computed in float32.
    labels: int32 [N].
    label_smoothing: Share of each label that is spread evenly over all classes
      (Szegedy et al. 2016, section 7).

  Returns:
    float32 [N].
  """
  logits = tf.cast(logits, tf.float32)
  if not label_smoothing:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  classes = logits.shape[1]
  targets = tf.one_hot(labels, classes) * (1 - label_smoothing)
  return tf.nn.softmax_cross_entropy_with_logits(
    targets + label_smoothing / classes, logits
  )


def l2(loss_filter_fn: Callable[[str], bool]) -> tf.Tensor:
  """Half the sum of squares of the trainable variables that decay.

  Args:
    loss_filter_fn: Function from a variable's name to whether it decays.

  Returns:
    A float32 scalar.
  """
  terms = [
    tf.nn.l2_loss(tf.cast(variable, tf.float32))
    for variable in tf.compat.v1.trainable_variables()
    if loss_filter_fn(variable.name)
  ]
  return tf.add_n(terms) if terms else tf.constant(0.0)


def excludes_batch_norm(name: str) -> bool:
  """The default `loss_filter_fn`: batch norm does not decay.

  Args:
    name: The name of a variable.
  """
  return 'batch_normalization' not in name
