"""This project: the Estimator with the run loop's model_fn."""

import sys
import tempfile

import tensorflow as tf

from alexnet import alexnet_model
from benchmarks import jobs, turns
from official import estimator as estimator_lib
from resnet import mnist_model, resnet_model, resnet_run_loop


def network(job: jobs.Job):
  """A function of images and `training` to logits."""
  if job.resnet_size is None:
    return alexnet_model.Model(
      'small', job.num_classes, dropout_rate=job.dropout_rate
    )
  return resnet_model.Model(
    mnist_model.architecture(job.resnet_size),
    job.num_classes,
    resnet_version=1,
    data_format='channels_last',
    batch_norm_momentum=job.batch_norm_momentum,
  )


def estimator(job: jobs.Job, model_dir: str) -> estimator_lib.Estimator:
  """An Estimator as `resnet_main` makes it, which writes checkpoints seldom."""

  def model_fn(features, labels, mode):
    return resnet_run_loop.resnet_model_fn(
      features,
      labels,
      mode,
      lambda *args, **kwargs: network(job),
      resnet_size=job.resnet_size,
      weight_decay=job.weight_decay,
      learning_rate_fn=lambda step: tf.constant(job.learning_rate),
      momentum=job.momentum,
      data_format='channels_last',
      resnet_version=1,
      loss_scale=1,
    )

  return estimator_lib.Estimator(model_fn, model_dir)


def input_fn(job: jobs.Job, batch_size: int) -> tf.data.Dataset:
  """The same batch for ever."""
  return tf.data.Dataset.from_tensors(jobs.arrays(job, batch_size)).repeat()


class _TurnsHook(estimator_lib.Hook):
  """Stops between two steps until it is this side's turn."""

  def begin(self, run):
    self._orders, self._left = None, 3  # Steps that warm.

  def after_run(self, run):
    self._left -= run.steps_in_loop
    if self._left:
      return
    if self._orders is None:
      self._orders = turns.orders(parameters=run.estimator.trainable_parameters)
    self._left = next(self._orders, None)
    if self._left is None:
      run.request_stop()


def train(job: jobs.Job) -> None:
  """Trains by `Estimator.train` and the hooks that every run has."""
  with tempfile.TemporaryDirectory() as model_dir:
    estimator(job, model_dir).train(
      lambda: input_fn(job, job.batch_size),
      [estimator_lib.MetricsLogHook(), _TurnsHook()],
    )


if __name__ == '__main__':
  {'train': train}[sys.argv[1]](jobs.JOBS[sys.argv[2]])
