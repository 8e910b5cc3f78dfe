"""This project: the Estimator with the run loop's model_fn."""

import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from alexnet import alexnet_model
from benchmarks import jobs, turns
from official import estimator as estimator_lib
from official.estimator.variables import VariableStore
from official.export import formats, receivers
from resnet import resnet_model, resnet_model_fns, resnet_run_loop


def network(
  job: jobs.Job, dtype: tf.DType = tf.float32
) -> Callable[[tf.Tensor, bool], tf.Tensor]:
  """Returns a function from images [N, H, W, C] and `training` to logits."""
  if job.resnet_size is None:
    return alexnet_model.Model(
      'small', job.num_classes, dtype=dtype, dropout_rate=job.dropout_rate
    )
  return resnet_model.Model(
    resnet_model_fns.mnist_architecture(job.resnet_size),
    job.num_classes,
    resnet_version=1,
    data_format='channels_last',
    dtype=dtype,
    batch_norm_momentum=job.batch_norm_momentum,
  )


def estimator(
  job: jobs.Job,
  model_dir: str,
  dtype: tf.DType = tf.float32,
  **config: Any,
) -> estimator_lib.Estimator:
  """Returns an Estimator as `resnet_main` makes it."""

  def model_fn(
    features: tf.Tensor, labels: tf.Tensor | None, mode: str
  ) -> estimator_lib.EstimatorSpec:
    return resnet_run_loop.resnet_model_fn(
      features,
      labels,
      mode,
      lambda *args, **kwargs: network(job, dtype),
      resnet_size=job.resnet_size,
      weight_decay=job.weight_decay,
      learning_rate_fn=lambda step: tf.constant(job.learning_rate),
      momentum=job.momentum,
      data_format='channels_last',
      resnet_version=1,
      loss_scale=1,
      dtype=dtype,
    )

  return estimator_lib.Estimator(
    model_fn, model_dir, estimator_lib.RunConfig(**config)
  )


def input_fn(job: jobs.Job, batch_size: int) -> tf.data.Dataset:
  """Returns a dataset that repeats one batch without end."""
  return tf.data.Dataset.from_tensors(jobs.arrays(job, batch_size)).repeat()


class _TurnsHook(estimator_lib.Hook):
  """Stops between two steps until it is this side's turn."""

  def __init__(self) -> None:
    self._orders: Iterator[int] | None = None
    self._left = 3  # steps; the first ones warm up

  def after_run(self, run: estimator_lib.Run) -> None:
    self._left -= run.steps_in_loop
    if self._left > 0:
      run.steps_per_loop = min(run.steps_per_loop, self._left)
      return
    if self._orders is None:
      self._orders = turns.orders(parameters=run.estimator.trainable_parameters)
    ordered = next(self._orders, None)
    if ordered is None:
      run.request_stop()
      return
    self._left = ordered
    run.steps_per_loop = min(run.steps_per_loop, self._left)


def train(job: jobs.Job, longest_loop: int = 10, **config: Any) -> None:
  """Trains by `Estimator.train` and the hooks that every run has.

  Args:
    job: The network to train and its data.
    longest_loop: The largest number of steps between two turns of Python.
    **config: Arguments of `estimator`.
  """
  config['steps_per_loop'] = longest_loop
  with tempfile.TemporaryDirectory() as model_dir:
    estimator(job, model_dir, **config).train(
      lambda: input_fn(job, job.batch_size),
      [
        estimator_lib.PaceHook(longest_loop),
        estimator_lib.MetricsLogHook(),
        _TurnsHook(),
      ],
    )


def train_deterministic(job: jobs.Job) -> None:
  """Trains with deterministic ops, as a main does on a CPU."""
  tf.random.set_seed(1)
  tf.config.experimental.enable_op_determinism()
  train(job)


def trained(job: jobs.Job, model_dir: str) -> estimator_lib.Estimator:
  """Returns an Estimator that has trained one step, with its checkpoint."""
  return estimator(job, model_dir).train(
    lambda: input_fn(job, job.batch_size), steps=1
  )


def evaluate(job: jobs.Job) -> None:
  """Calls `Estimator.evaluate`; the whole call counts."""
  with tempfile.TemporaryDirectory() as model_dir:
    model = trained(job, model_dir)

    def run(steps: int) -> None:
      model.evaluate(lambda: input_fn(job, job.batch_size), steps)

    run(2)
    for amount in turns.orders():
      run(amount)


def predict(job: jobs.Job) -> None:
  """Calls `Estimator.predict`; the whole call counts."""
  with tempfile.TemporaryDirectory() as model_dir:
    model = trained(job, model_dir)

    def run(steps: int) -> None:
      dataset = input_fn(job, job.batch_size).take(steps)
      for _ in model.predict(lambda: dataset, yield_single_examples=False):
        pass

    run(2)
    for amount in turns.orders():
      run(amount)


def live(job: jobs.Job, batch_size: str) -> None:
  """Calls the network on its variables, in a `tf.function`."""
  store = VariableStore(seed=1)

  @tf.function(autograph=False)
  def probabilities(images: tf.Tensor) -> tf.Tensor:
    with store.trace(), store.scope():
      return tf.nn.softmax(network(job)(images, False))

  images = tf.constant(jobs.arrays(job, int(batch_size))[0])
  turns.repeat(lambda: probabilities(images).numpy())


def export(job: jobs.Job, directory: str) -> None:
  """Writes a SavedModel, with TFLite and ONNX in it, and prints its folder."""
  with tempfile.TemporaryDirectory() as model_dir:
    print(
      trained(job, model_dir).export_saved_model(
        directory,
        lambda: receivers.image_serving_input_fn(
          job.image_shape, lambda images: tf.cast(images, tf.float32) / 255
        ),
        frozen=True,
        finish_fn=lambda path: formats.add(
          path, ['tflite', 'onnx'], job.image_shape
        ),
      )
    )


def serve(job: jobs.Job, batch_size: str, export_dir: str) -> None:
  """Calls the export, loaded by TensorFlow."""
  loaded = tf.saved_model.load(export_dir)
  signature = loaded.signatures['predict']
  images = tf.constant(jobs.pixels(job, int(batch_size)))
  turns.repeat(lambda: signature(input=images)['probabilities'].numpy())


# Commands by the name that the parent gives.
_COMMANDS: dict[str, Callable[..., None]] = {
  'train': train,
  'train-deterministic': train_deterministic,
  'train-saving': lambda job: train(job, save_checkpoints_steps=20),
  'train-bf16': lambda job: train(job, dtype=tf.bfloat16),
  'train-xla': lambda job: train(job, jit_compile=True),
  'train-1-step-a-loop': lambda job: train(job, longest_loop=1),
  'evaluate': evaluate,
  'predict': predict,
  'live': live,
  'export': export,
  'serve': serve,
}

if __name__ == '__main__':
  _COMMANDS[sys.argv[1]](jobs.JOBS[sys.argv[2]], *sys.argv[3:])
