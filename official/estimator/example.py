"""Fits y = 2 x + 1: a whole program that uses the Estimator."""

import tensorflow as tf

from official import estimator as est


def model_fn(
  features: tf.Tensor, labels: tf.Tensor, mode: str
) -> est.EstimatorSpec:
  """A line; its slope and offset are found by gradient descent."""
  slope = tf.Variable(0.0, name='slope')
  offset = tf.Variable(0.0, name='offset')
  y = slope * features + offset
  if mode == est.ModeKeys.PREDICT:
    return est.EstimatorSpec(mode, predictions=y)
  loss = tf.reduce_mean(tf.square(y - labels))
  optimizer = tf.compat.v1.train.GradientDescentOptimizer(0.1)
  step = tf.compat.v1.train.get_global_step()
  train_op = optimizer.minimize(loss, step)
  return est.EstimatorSpec(mode, y, loss, train_op)


def input_fn() -> tuple[tf.Tensor, tf.Tensor]:
  """Eight points of the line."""
  x = tf.linspace(-1.0, 1.0, 8)
  return x, 2 * x + 1


if __name__ == '__main__':
  line = est.Estimator(model_fn)
  line.train(input_fn, max_steps=200)
  print(line.evaluate(input_fn))
  print(list(line.predict(lambda: tf.constant([3.0]))))  # about 7
