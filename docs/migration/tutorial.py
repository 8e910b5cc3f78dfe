"""Digits by two convolutions, as TensorFlow 1's tutorial had them."""

import tensorflow.compat.v1 as tf

from official import estimator, layers


def cnn_model_fn(features, labels, mode):
  images = tf.reshape(features['x'], [-1, 28, 28, 1])
  is_training = mode == estimator.ModeKeys.TRAIN

  nn = layers.Network('cnn', training=is_training)
  net = tf.nn.relu(nn.conv2d(images, 32, 5, use_bias=True))
  net = nn.max_pool(net, 2, 2)
  net = tf.nn.relu(nn.conv2d(net, 64, 5, use_bias=True))
  net = nn.max_pool(net, 2, 2)
  net = tf.nn.relu(nn.dense(nn.flatten(net), 1024))
  net = nn.dropout(net, 0.4)
  logits = nn.dense(net, 10)

  predictions = {
    'classes': tf.argmax(logits, axis=1),
    'probabilities': tf.nn.softmax(logits, name='softmax_tensor'),
  }
  if mode == estimator.ModeKeys.PREDICT:
    outputs = {'classify': estimator.PredictOutput(predictions)}
    return estimator.EstimatorSpec(
      mode, predictions=predictions, export_outputs=outputs
    )

  loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)
  if is_training:
    optimizer = tf.train.AdamOptimizer(1e-3)
    train_op = optimizer.minimize(loss, tf.train.get_global_step())
    return estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)
  accuracy = tf.metrics.accuracy(labels, predictions['classes'])
  return estimator.EstimatorSpec(
    mode, loss=loss, eval_metric_ops={'accuracy': accuracy}
  )


def serving_input_fn():
  images = tf.placeholder(tf.float32, [None, 28, 28], name='images')
  return estimator.ServingInputReceiver({'x': images}, images)


def main(train, test, model_dir, export_dir, steps):
  classifier = estimator.Estimator(cnn_model_fn, model_dir)
  train_input_fn = estimator.numpy_input_fn(
    {'x': train[0]}, train[1], batch_size=100, num_epochs=None, shuffle=True
  )
  hook = estimator.LoggingTensorHook({'loss': 'loss'}, every_n_iter=50)
  classifier.train(train_input_fn, hooks=[hook], steps=steps)
  eval_input_fn = estimator.numpy_input_fn(
    {'x': test[0]}, test[1], num_epochs=1, shuffle=False
  )
  results = classifier.evaluate(eval_input_fn)
  return results, classifier.export_saved_model(export_dir, serving_input_fn)
