"""Keras 3 on TensorFlow: the same networks, trained by `fit` or by a tape."""

import functools
import sys
from collections.abc import Callable, Iterator
from typing import Any

import keras
import tensorflow as tf

from alexnet import alexnet_model
from benchmarks import jobs, turns
from resnet import residual_blocks, resnet_model_fns


def network(job: jobs.Job) -> keras.Model:
  """Returns the network of the job, from images to logits."""
  inputs = keras.Input(job.image_shape)
  build = _alexnet if job.resnet_size is None else _resnet
  return keras.Model(inputs, build(job, inputs))


def _layers(
  job: jobs.Job,
) -> tuple[Callable[..., keras.Layer], Callable[..., keras.Layer]]:
  """Returns the makers of convolutions and dense layers, with weight decay."""
  # Keras sums the squares, the project takes half of the sum.
  decay = keras.regularizers.L2(job.weight_decay / 2)
  return (
    functools.partial(
      keras.layers.Conv2D, padding='same', kernel_regularizer=decay
    ),
    functools.partial(keras.layers.Dense, kernel_regularizer=decay),
  )


def _resnet(job: jobs.Job, x: keras.KerasTensor) -> keras.KerasTensor:
  """Images [N, H, W, C] -> logits [N, num_classes]."""
  arch = resnet_model_fns.mnist_architecture(job.resnet_size)
  conv, dense = _layers(job)
  relu = keras.layers.ReLU()

  def convolve(
    x: keras.KerasTensor, filters: int, kernel_size: int, strides: int = 1
  ) -> keras.KerasTensor:
    x = conv(filters, kernel_size, strides, use_bias=False)(x)
    return keras.layers.BatchNormalization(
      momentum=job.batch_norm_momentum, epsilon=1e-5
    )(x)

  x = relu(convolve(x, arch.num_filters, arch.kernel_size, arch.conv_stride))
  if arch.first_pool_size:
    x = keras.layers.MaxPooling2D(
      arch.first_pool_size, arch.first_pool_stride, 'same'
    )(x)
  for group, blocks in enumerate(arch.block_sizes):
    plan = residual_blocks.block_plan(
      arch.num_filters * 2**group, arch.bottleneck
    )
    for block in range(blocks):
      strides = 1 if block else arch.block_strides[group]
      shortcut = x if block else convolve(x, plan[-1][0], 1, strides)
      for index, (filters, kernel_size, strided) in enumerate(plan):
        x = relu(x) if index else x
        x = convolve(x, filters, kernel_size, strides if strided else 1)
      x = relu(x + shortcut)
  x = keras.layers.GlobalAveragePooling2D()(x)
  return dense(job.num_classes)(x)


def _alexnet(job: jobs.Job, x: keras.KerasTensor) -> keras.KerasTensor:
  """Images [N, H, W, C] -> logits [N, num_classes]."""
  form = alexnet_model.FORMS['small']
  conv, dense = _layers(job)
  size, bias, alpha, beta = form.normalization
  normalize = functools.partial(
    tf.nn.local_response_normalization,
    depth_radius=size // 2,
    bias=bias,
    alpha=alpha,
    beta=beta,
  )
  for block in form.convolutions:
    x = conv(block.filters, block.kernel_size, activation='relu')(x)
    x = keras.layers.MaxPooling2D(*block.pool, 'same')(x)
    x = keras.layers.Lambda(normalize)(x)
    x = keras.layers.Dropout(job.dropout_rate)(x)
  x = keras.layers.Flatten()(x)
  for _ in range(2):
    x = dense(form.hidden_units, activation='relu')(x)
  return dense(job.num_classes)(x)


def _compiled(job: jobs.Job) -> keras.Model:
  model = network(job)
  model.compile(
    keras.optimizers.SGD(job.learning_rate, job.momentum),
    keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    metrics=['accuracy'],
  )
  return model


def _dataset(job: jobs.Job, batch_size: int) -> tf.data.Dataset:
  return tf.data.Dataset.from_tensors(jobs.arrays(job, batch_size)).repeat()


def _count(model: keras.Model) -> int:
  """Returns the number of trainable parameters."""
  return sum(v.value.shape.num_elements() for v in model.trainable_variables)


class _Turns(keras.callbacks.Callback):
  """Stops between two steps until it is this side's turn."""

  def __init__(self) -> None:
    super().__init__()
    self._orders: Iterator[int] | None = None
    self._left = 3  # steps; the first ones warm up

  def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
    del batch, logs
    self._left -= 1
    if self._left > 0:
      return
    if self._orders is None:
      self._orders = turns.orders(parameters=_count(self.model))
    ordered = next(self._orders, None)
    if ordered is None:
      self.model.stop_training = True
    else:
      self._left = ordered


def fit(job: jobs.Job) -> None:
  """Trains by `Model.fit`."""
  _compiled(job).fit(
    _dataset(job, job.batch_size),
    steps_per_epoch=10**9,
    verbose=0,
    callbacks=[_Turns()],
  )


def tape(job: jobs.Job) -> None:
  """Trains by a hand-written loop: `tf.function` and `GradientTape`."""
  model = network(job)
  optimizer = keras.optimizers.SGD(job.learning_rate, job.momentum)
  loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

  @tf.function
  def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    with tf.GradientTape() as tape:
      loss = loss_fn(labels, model(images, training=True))
      loss += tf.add_n(model.losses)
    gradients = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(
      zip(gradients, model.trainable_variables, strict=True)
    )
    return loss

  batches = iter(_dataset(job, job.batch_size))
  for _ in range(3):
    step(*next(batches))
  for amount in turns.orders(parameters=_count(model)):
    for _ in range(amount):
      loss = step(*next(batches))
    loss.numpy()


def evaluate(job: jobs.Job) -> None:
  """Calls `Model.evaluate`; the whole call counts."""
  model, dataset = _compiled(job), _dataset(job, job.batch_size)
  model.evaluate(dataset, steps=2, verbose=0)
  for amount in turns.orders():
    model.evaluate(dataset, steps=amount, verbose=0)


def once(job: jobs.Job) -> None:
  """Trains one step and evaluates one batch."""
  model, dataset = _compiled(job), _dataset(job, job.batch_size)
  model.fit(dataset, steps_per_epoch=1, verbose=0)
  model.evaluate(dataset, steps=1, verbose=0)


def predict(job: jobs.Job) -> None:
  """Calls `Model.predict` on a dataset; the whole call counts."""
  model, dataset = _compiled(job), _dataset(job, job.batch_size)
  dataset = dataset.map(lambda images, labels: images)
  model.predict(dataset, steps=2, verbose=0)
  for amount in turns.orders():
    model.predict(dataset, steps=amount, verbose=0)


def predict_array(job: jobs.Job, batch_size: str) -> None:
  """Calls `Model.predict` on one array, as people write it."""
  model = network(job)
  images = jobs.arrays(job, int(batch_size))[0]
  turns.repeat(lambda: model.predict(images, verbose=0))


def call(job: jobs.Job, batch_size: str) -> None:
  """Calls the model in a `tf.function`."""
  model = network(job)
  images = tf.constant(jobs.arrays(job, int(batch_size))[0])
  function = tf.function(lambda images: model(images, training=False))
  turns.repeat(lambda: function(images).numpy())


# Commands by the name that the parent gives.
_COMMANDS: dict[str, Callable[..., None]] = {
  'fit': fit,
  'tape': tape,
  'once': once,
  'evaluate': evaluate,
  'predict': predict,
  'predict-array': predict_array,
  'call': call,
}

if __name__ == '__main__':
  _COMMANDS[sys.argv[1]](jobs.JOBS[sys.argv[2]], *sys.argv[3:])
