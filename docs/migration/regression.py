"""A linear regression with a canned Estimator."""

import tensorflow.compat.v1 as tf

from official import estimator


def linear_regression(features, labels, mode, params):
  x = tf.concat([features[name] for name in params['columns']], axis=1)
  zeros = tf.zeros_initializer()
  weights = tf.get_variable('weights', [x.shape[1], 1], initializer=zeros)
  y = x @ weights + tf.get_variable('bias', [1], initializer=zeros)
  predictions = {'predictions': y}
  if mode == estimator.ModeKeys.PREDICT:
    return estimator.EstimatorSpec(mode, predictions)
  loss = tf.losses.mean_squared_error(labels[:, tf.newaxis], y)
  train_op = None
  if mode == estimator.ModeKeys.TRAIN:
    optimizer = tf.train.AdamOptimizer(0.01)
    train_op = optimizer.minimize(loss, tf.train.get_global_step())
  metrics = {
    'average_loss': tf.metrics.mean_squared_error(labels[:, tf.newaxis], y),
    'label/mean': tf.metrics.mean(labels),
    'prediction/mean': tf.metrics.mean(y),
  }
  return estimator.EstimatorSpec(mode, predictions, loss, train_op, metrics)


def main(train, test, model_dir, steps):
  columns = ['rows', 'columns']
  regressor = estimator.Estimator(
    linear_regression, model_dir, params={'columns': columns}
  )
  regressor.train(
    estimator.numpy_input_fn(
      *train, batch_size=100, num_epochs=None, shuffle=True
    ),
    steps=steps,
  )
  results = regressor.evaluate(
    estimator.numpy_input_fn(*test, num_epochs=1, shuffle=False)
  )
  predictions = regressor.predict(
    estimator.numpy_input_fn(test[0], num_epochs=1, shuffle=False)
  )
  return results, [p['predictions'] for p in predictions]
