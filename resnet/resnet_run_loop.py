"""The ResNet run loop: train, evaluate and export one model_fn by flags.

The public names are those of the official ResNet run loop that left with
tf.estimator.
"""

import functools
import os
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from official import (
  cycles,
  flags,
  optimizers,
  reporting,
  run_directory,
  schedules,
  serving,
)
from official import devices as devices_lib
from official import estimator as estimator_lib
from official.datasets import synthetic
from official.datasets.image_dataset import ImageDataset
from official.datasets.records import process_record_dataset
from official.datasets.synthetic import get_synth_input_fn
from official.errors import UsageError
from official.estimator import metrics, summary
from official.flags import define_resnet_flags
from official.serving import image_bytes_serving_input_fn

__all__ = [
  'define_resnet_flags',
  'get_synth_input_fn',
  'image_bytes_serving_input_fn',
  'learning_rate_with_decay',
  'process_record_dataset',
  'resnet_main',
  'resnet_model_fn',
]

_DEFAULT_LOSS_SCALE = 128  # of fp16, as the original had it
_WARMUP_EPOCHS = 5
_TOP_K = 5

# LARS: peak rate by global batch (You et al. 2017, and the original's table).
_LARS_PEAKS = ((8192, 5.0, 5), (16384, 10.0, 5), (32768, 25.0, 5))
_LARS_LARGEST = (32.0, 14)


def learning_rate_with_decay(
  batch_size: int,
  batch_denom: int,
  num_images: int,
  boundary_epochs: Sequence[float],
  decay_rates: Sequence[float],
  base_lr: float = 0.1,
  warmup: bool = False,
) -> schedules.Schedule:
  """A rate that grows with the batch and falls at epochs.

  Args:
    batch_size: images a step, over all replicas.
    batch_denom: the batch that `base_lr` is meant for.
    num_images: in an epoch.
    boundary_epochs: the i-th decay rate holds up to and at the i-th of these.
    decay_rates: factors of the initial rate, one more than boundaries.
    base_lr: the initial rate of a batch of `batch_denom`.
    warmup: rise from 0 over the first 5 epochs (Goyal et al. 2017).
  """
  initial = base_lr * batch_size / batch_denom
  batches_per_epoch = num_images / batch_size
  boundaries = [int(batches_per_epoch * epoch) for epoch in boundary_epochs]
  values = [initial * decay for decay in decay_rates]
  if not warmup:
    return schedules.piecewise_constant(boundaries, values)
  return schedules.with_warmup(
    schedules.piecewise_constant(boundaries, values),
    initial,
    int(batches_per_epoch * _WARMUP_EPOCHS),
  )


def lars_learning_rate(
  batch_size: int, num_images: int, train_epochs: int
) -> schedules.Schedule:
  """The rate for LARS: a warm-up, then a falling square.

  Args:
    batch_size: images a step, over all replicas; it decides the peak.
    num_images: in an epoch.
    train_epochs: of the whole run (the original fixed 90).
  """
  peak, warmup_epochs = _LARS_LARGEST
  for limit, rate, epochs in reversed(_LARS_PEAKS):
    if batch_size < limit:
      peak, warmup_epochs = rate, epochs
  batches_per_epoch = num_images / batch_size
  return schedules.polynomial(
    peak,
    total_steps=max(int(train_epochs * batches_per_epoch), 1),
    warmup_steps=int(min(warmup_epochs, train_epochs / 2) * batches_per_epoch),
  )


def excludes_batch_norm(name: str) -> bool:
  """The default `loss_filter_fn`: no weight decay for batch norm."""
  return 'batch_normalization' not in name


def resnet_model_fn(
  features: tf.Tensor,
  labels: tf.Tensor | None,
  mode: str,
  model_class: Callable[..., Callable[..., tf.Tensor]],
  resnet_size: int,
  weight_decay: float,
  learning_rate_fn: schedules.Schedule,
  momentum: float,
  data_format: str | None,
  resnet_version: int,
  loss_scale: float,
  loss_filter_fn: Callable[[str], bool] | None = None,
  dtype: tf.DType = tf.float32,
  fine_tune: bool = False,
  label_smoothing: float = 0.0,
  enable_lars: bool = False,
) -> estimator_lib.EstimatorSpec:
  """What every network shares: loss, optimizer, metrics, predictions.

  Args:
    features: images [N, H, W, C].
    labels: int32 [N]; None in PREDICT.
    mode: one of `ModeKeys`.
    model_class: called with `resnet_size`, `data_format`, `resnet_version` and
      `dtype`, gives a function of images and `training` to logits [N, C].
    resnet_size: see `model_class`.
    weight_decay: factor of the sum of `tf.nn.l2_loss` (half the square) of the
      variables that pass `loss_filter_fn`; it is part of the loss.
    learning_rate_fn: global step to rate.
    momentum: of the optimizer.
    data_format: see `model_class`.
    resnet_version: see `model_class`.
    loss_scale: multiplies the loss before the gradient and divides it after.
    loss_filter_fn: variable name to whether it decays; None leaves out batch
      norm.
    dtype: of the computation.
    fine_tune: train the dense layer alone; all else, the moving statistics
      too, stays as it is.
    label_smoothing: Szegedy et al. 2015, section 7.
    enable_lars: LARS instead of momentum; it applies the weight decay, so the
      loss leaves it out (the original applied it twice).

  Returns:
    An `EstimatorSpec` with predictions `classes` int64 [N] and `probabilities`
    float32 [N, C].
  """
  model = model_class(
    resnet_size, data_format, resnet_version=resnet_version, dtype=dtype
  )
  is_training = mode == estimator_lib.ModeKeys.TRAIN
  logits = model(tf.cast(features, dtype), is_training and not fine_tune)
  logits = tf.cast(logits, tf.float32)
  predictions = {
    'classes': tf.argmax(logits, axis=1),
    'probabilities': tf.nn.softmax(logits, name='softmax_tensor'),
  }
  if mode == estimator_lib.ModeKeys.PREDICT:
    return estimator_lib.EstimatorSpec(
      mode,
      predictions,
      export_outputs={'predict': estimator_lib.PredictOutput(predictions)},
    )

  losses = _cross_entropy(logits, labels, label_smoothing)
  cross_entropy = tf.reduce_mean(losses, name='cross_entropy')
  l2_loss = weight_decay * _l2(loss_filter_fn or excludes_batch_norm)
  summary.scalar('cross_entropy', cross_entropy)
  summary.scalar('l2_loss', l2_loss)
  loss = cross_entropy if enable_lars else cross_entropy + l2_loss

  hits = tf.equal(predictions['classes'], tf.cast(labels, tf.int64))
  k = min(_TOP_K, logits.shape[1])
  if is_training:
    rate = learning_rate_fn(tf.compat.v1.train.get_global_step())
    summary.scalar('learning_rate', rate)
    summary.scalar('train_accuracy', tf.reduce_mean(tf.cast(hits, tf.float32)))
    optimizer = (
      optimizers.LARSOptimizer(rate, momentum, weight_decay)
      if enable_lars
      else optimizers.MomentumOptimizer(rate, momentum)
    )
    train_op = _train_op(optimizer, loss, loss_scale, fine_tune)
    return estimator_lib.EstimatorSpec(mode, predictions, loss, train_op)
  return estimator_lib.EstimatorSpec(
    mode,
    predictions,
    loss,
    eval_metric_ops={
      'accuracy': metrics.accuracy(labels, predictions['classes']),
      'accuracy_top_5': metrics.mean(
        tf.math.in_top_k(labels, logits, k), name='accuracy_top_5'
      ),
      'cross_entropy': metrics.mean(losses, name='cross_entropy'),
    },
  )


def resnet_main(
  flags_obj: Any,
  model_function: Callable[..., estimator_lib.EstimatorSpec],
  dataset: ImageDataset,
  network: str,
  learning_rate_fn: schedules.Schedule,
) -> dict[str, Any]:
  """Trains, evaluates and exports as the flags say.

  The schedule is counted in global steps from 0, so the same command again
  goes on where the last one stopped, and a finished run trains nothing.

  Args:
    flags_obj: the parsed flags.
    model_function: a model_fn; its params are the flags that make the
      network, `num_classes`, `data_format`, `dtype` and `learning_rate_fn`.
    dataset: what to train on.
    network: for people and for `config.json`, such as `'ResNet-18 v1'`.
    learning_rate_fn: global step to rate.

  Returns:
    The metrics of the last evaluation.

  Raises:
    UsageError: the flags, the folder or the machine do not fit together.
  """
  devices = devices_lib.configure(flags_obj)
  if flags_obj.use_synthetic_data:
    dataset = synthetic.like(dataset)
  warm_start = _warm_start(flags_obj)
  model_dir = flags_obj.model_dir or default_model_dir(dataset.name, network)
  if flags_obj.export_dir:
    run_directory.check_writable('export_dir', flags_obj.export_dir)
  run_directory.prepare(
    model_dir,
    identity={
      'network': network,
      'dataset': dataset.name,
      'num_classes': dataset.num_classes,
      'image_shape': list(dataset.image_shape),
    },
    config=flags.value_dict() | {'class_names': dataset.class_names},
    clean=flags_obj.clean,
  )
  estimator = estimator_lib.Estimator(
    model_function,
    model_dir,
    _run_config(flags_obj, devices),
    _params(flags_obj, devices)
    | {
      'num_classes': dataset.num_classes,
      'learning_rate_fn': learning_rate_fn,
    },
    warm_start,
  )
  schedule = cycles.Schedule.of(flags_obj, dataset.num_images['train'])
  report = reporting.Report(network, dataset, devices, schedule, estimator)
  loop = cycles.Cycles(estimator, dataset, devices, schedule, report, flags_obj)
  results = loop.run()
  if flags_obj.export_dir:
    report.exported(_export(estimator, dataset, flags_obj))
  report.finish(results)
  return results


def default_model_dir(dataset_name: str, network: str) -> str:
  """`runs/mnist-resnet-18-v1`: each network and data set has its own."""
  name = f'{dataset_name}-{network}'.lower().replace(' ', '-')
  return os.path.join('runs', name)


def _cross_entropy(
  logits: tf.Tensor, labels: tf.Tensor, label_smoothing: float
) -> tf.Tensor:
  """[N, C], int [N] -> [N]."""
  if not label_smoothing:
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
  classes = logits.shape[1]
  targets = tf.one_hot(labels, classes) * (1 - label_smoothing)
  return tf.nn.softmax_cross_entropy_with_logits(
    targets + label_smoothing / classes, logits
  )


def _l2(loss_filter_fn: Callable[[str], bool]) -> tf.Tensor:
  """Half the sum of squares of the trainable variables that pass."""
  losses = [
    tf.nn.l2_loss(tf.cast(variable, tf.float32))
    for variable in tf.compat.v1.trainable_variables()
    if loss_filter_fn(variable.name)
  ]
  return tf.add_n(losses) if losses else tf.constant(0.0)


def _train_op(
  optimizer: optimizers.Optimizer,
  loss: tf.Tensor,
  loss_scale: float,
  fine_tune: bool,
) -> tf.Operation:
  gradients = optimizer.compute_gradients(loss * loss_scale)
  return optimizer.apply_gradients(
    (gradient / loss_scale if loss_scale != 1 else gradient, variable)
    for gradient, variable in gradients
    if not fine_tune or 'dense' in variable.name
  )


def _params(flags_obj: Any, devices: devices_lib.Devices) -> dict[str, Any]:
  """What a model_function finds in its `params`."""
  default_scale = _DEFAULT_LOSS_SCALE if devices.dtype == tf.float16 else 1
  return {
    'resnet_size': int(flags_obj.resnet_size),
    'resnet_version': int(flags_obj.resnet_version),
    'data_format': devices.data_format,
    'dtype': devices.dtype,
    'batch_size': flags_obj.batch_size,
    'loss_scale': float(flags_obj.loss_scale or default_scale),
    'weight_decay': flags_obj.weight_decay,
    'momentum': flags_obj.momentum,
    'batch_norm_momentum': flags_obj.batch_norm_momentum,
    'label_smoothing': flags_obj.label_smoothing,
    'fine_tune': flags_obj.fine_tune,
    'enable_lars': flags_obj.enable_lars,
  }


def _run_config(
  flags_obj: Any, devices: devices_lib.Devices
) -> estimator_lib.RunConfig:
  config = estimator_lib.RunConfig(
    tf_random_seed=flags_obj.seed,
    save_summary_steps=flags_obj.log_steps,
    log_step_count_steps=flags_obj.log_steps,
    keep_checkpoint_max=flags_obj.keep_checkpoint_max,
    steps_per_loop=flags_obj.steps_per_loop,
    train_distribute=devices.strategy,
    jit_compile=flags_obj.enable_xla,
  )
  if flags_obj.save_checkpoints_steps:
    return config.replace(
      save_checkpoints_steps=flags_obj.save_checkpoints_steps
    )
  return config


def _warm_start(flags_obj: Any) -> estimator_lib.WarmStartSettings | None:
  path = flags_obj.pretrained_model_checkpoint_path
  if not path:
    return None
  try:
    estimator_lib.find_checkpoint(path)
  except estimator_lib.WarmStartError as e:
    raise UsageError(f'--pretrained_model_checkpoint_path: {e}') from e
  # Moving statistics too, which the original's string pattern left out.
  return estimator_lib.WarmStartSettings(path, [r'^(?!.*dense)'])


def _export(
  estimator: estimator_lib.Estimator, dataset: ImageDataset, flags_obj: Any
) -> str:
  pixels = functools.partial(
    serving.image_serving_input_fn, dataset.image_shape, dataset.preprocess
  )
  encoded = functools.partial(
    image_bytes_serving_input_fn,
    dataset.image_shape,
    preprocess_fn=dataset.preprocess,
  )
  receivers = {'': pixels, 'image_bytes': encoded}
  if flags_obj.image_bytes_as_serving_input:
    receivers = {'': encoded, 'pixels': pixels}
  with tempfile.TemporaryDirectory() as scratch:
    names = os.path.join(scratch, 'class_names.txt')
    with open(names, 'w', encoding='utf-8') as f:
      f.writelines(f'{name}\n' for name in dataset.class_names)
    return estimator.export_saved_model(
      flags_obj.export_dir, receivers, {'class_names.txt': names}
    )
