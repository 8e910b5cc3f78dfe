"""The ResNet run loop: train, evaluate and export one model_fn by flags.

The public names are those of the official ResNet run loop that left with
tf.estimator. Any network plugs in here as a function from images to logits.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from official import devices as devices_lib
from official import optimizers
from official.datasets.image_dataset import ImageDataset
from official.datasets.records import process_record_dataset
from official.datasets.synthetic import get_synth_input_fn
from official.estimator import (
  EstimatorSpec,
  ModeKeys,
  PredictOutput,
  metrics,
  summary,
)
from official.export.receivers import image_bytes_serving_input_fn
from official.flags import Settings
from official.layers import losses as losses_lib
from official.optimizers import schedules
from official.run import training_run
from resnet.resnet_flags import define_resnet_flags

__all__ = [
  'define_resnet_flags',
  'get_synth_input_fn',
  'image_bytes_serving_input_fn',
  'image_model_fn',
  'learning_rate_with_decay',
  'process_record_dataset',
  'resnet_main',
  'resnet_model_fn',
]

_WARMUP_EPOCHS = 5  # Goyal et al. 2017, section 2.2, and the original.
_TOP_K = 5
_AUXILIARY_WEIGHT = 0.3  # Szegedy et al. 2015, section 5.

# Function from images [N, H, W, C] and `training` to logits [N, C]; or to these
# and a list of logits of auxiliary classifiers (Szegedy et al. 2015).
Model = Callable[[tf.Tensor, bool], Any]


def learning_rate_with_decay(
  batch_size: int,
  batch_denom: int,
  num_images: int,
  boundary_epochs: Sequence[float],
  decay_rates: Sequence[float],
  base_lr: float = 0.1,
  warmup: bool = False,
) -> schedules.LearningRateFn:
  """A rate that grows with the batch and falls at given epochs.

  Args:
    batch_size: Images per step, over all replicas.
    batch_denom: The batch size that `base_lr` is meant for.
    num_images: Images in an epoch.
    boundary_epochs: Epochs; the i-th decay rate holds up to and at the i-th.
    decay_rates: Factors of the initial rate, one more than the boundaries.
    base_lr: The initial rate of a batch of `batch_denom`.
    warmup: Whether the rate rises from 0 over the first 5 epochs (Goyal et al.
      2017, section 2.2).

  Returns:
    A function of the global step (int64 scalar) to the rate (float32 scalar).
  """
  initial = base_lr * batch_size / batch_denom
  batches_per_epoch = num_images / batch_size
  boundaries = [int(batches_per_epoch * epoch) for epoch in boundary_epochs]
  rate = schedules.piecewise_constant(
    boundaries, [initial * decay for decay in decay_rates]
  )
  if not warmup:
    return rate
  warmup_steps = int(batches_per_epoch * _WARMUP_EPOCHS)
  return schedules.with_warmup(rate, initial, warmup_steps)


def resnet_model_fn(
  features: tf.Tensor,
  labels: tf.Tensor | None,
  mode: str,
  model_class: Callable[..., Model],
  resnet_size: int,
  weight_decay: float,
  learning_rate_fn: schedules.LearningRateFn,
  momentum: float,
  data_format: str | None,
  resnet_version: int,
  loss_scale: float | str,
  loss_filter_fn: Callable[[str], bool] | None = None,
  dtype: tf.DType = tf.float32,
  fine_tune: bool = False,
  label_smoothing: float = 0.0,
  enable_lars: bool = False,
  optimizer: str = 'momentum',
) -> EstimatorSpec:
  """`image_model_fn` with the arguments and the metrics of the original.

  Args:
    features: Images [N, H, W, C], of any number type.
    labels: int32 [N]; None in PREDICT.
    mode: One of `ModeKeys`.
    model_class: Called with `resnet_size`, `data_format`, `resnet_version` and
      `dtype`; returns the network, a `Model`.
    resnet_size: See `model_class`.
    weight_decay: See `image_model_fn`.
    learning_rate_fn: Function from the global step to the rate.
    momentum: Momentum of the optimizer.
    data_format: See `model_class`.
    resnet_version: See `model_class`.
    loss_scale: A factor, or `'dynamic'`.
    loss_filter_fn: See `image_model_fn`.
    dtype: Dtype of the computation.
    fine_tune: Whether to train only the dense layer.
    label_smoothing: Share of the label that is spread over all classes.
    enable_lars: Whether LARS replaces the optimizer.
    optimizer: `'momentum'`, `'adadelta'` or `'adam'`.

  Returns:
    See `image_model_fn`.
  """
  params = {
    'weight_decay': weight_decay,
    'learning_rate_fn': learning_rate_fn,
    'momentum': momentum,
    'loss_scale': loss_scale,
    'dtype': dtype,
    'fine_tune': fine_tune,
    'label_smoothing': label_smoothing,
    'enable_lars': enable_lars,
    'optimizer': optimizer,
  }
  model = model_class(
    resnet_size, data_format, resnet_version=resnet_version, dtype=dtype
  )
  return image_model_fn(
    features, labels, mode, params, model, loss_filter_fn, count_images=False
  )


def image_model_fn(
  features: tf.Tensor,
  labels: tf.Tensor | None,
  mode: str,
  params: Mapping[str, Any],
  model: Model,
  loss_filter_fn: Callable[[str], bool] | None = None,
  count_images: bool = True,
) -> EstimatorSpec:
  """The model_fn of every network: loss, optimizer, metrics, predictions.

  Args:
    features: Images [N, H, W, C], of any number type.
    labels: int32 [N]; None in PREDICT.
    mode: One of `ModeKeys`.
    params: The settings of the run by name, see `resnet_main`. Read are `dtype`
      of the computation; `label_smoothing` (Szegedy et al. 2016, section 7);
      `weight_decay`, the factor of the sum of `tf.nn.l2_loss` (half the square)
      of the variables that decay, a part of the loss; `learning_rate_fn`; and
      those that `optimizers.train_op` reads.
    model: The network.
    loss_filter_fn: Function from a variable's name to whether it decays; None
      leaves out batch norm (Goyal et al. 2017, section 5.3).
    count_images: Whether evaluation also counts its images, as `examples`.

  Returns:
    An `EstimatorSpec` with predictions `classes` int64 [N] and `probabilities`
    float32 [N, C]; in EVAL with the metrics `accuracy`, `accuracy_top_5` and
    `cross_entropy`.
  """
  is_training = mode == ModeKeys.TRAIN
  # In fine-tuning, frozen layers keep the statistics of their checkpoint.
  outputs = model(
    tf.cast(features, params['dtype']), is_training and not params['fine_tune']
  )
  logits, auxiliary = outputs if isinstance(outputs, tuple) else (outputs, [])
  logits = tf.cast(logits, tf.float32)
  predictions = {
    'classes': tf.argmax(logits, axis=1),
    'probabilities': tf.nn.softmax(logits, name='softmax_tensor'),
  }
  if mode == ModeKeys.PREDICT:
    exported = {'predict': PredictOutput(predictions)}
    return EstimatorSpec(mode, predictions, export_outputs=exported)
  losses, loss = _loss(logits, labels, is_training, params, loss_filter_fn)
  if not is_training:
    metric_ops = _metrics(labels, logits, predictions['classes'], losses)
    if count_images:
      examples = metrics.total(tf.ones_like(labels), name='examples')
      metric_ops['examples'] = examples
    return EstimatorSpec(mode, predictions, loss, None, metric_ops)
  smoothing = params['label_smoothing']
  for head in auxiliary:
    head_losses = losses_lib.cross_entropy(head, labels, smoothing)
    loss += _AUXILIARY_WEIGHT * tf.reduce_mean(head_losses)
  hits = tf.equal(predictions['classes'], tf.cast(labels, tf.int64))
  rate = params['learning_rate_fn'](tf.compat.v1.train.get_global_step())
  summary.scalar('learning_rate', rate)
  summary.scalar('train_accuracy', tf.reduce_mean(tf.cast(hits, tf.float32)))
  train_op = optimizers.train_op(loss, rate, params)
  return EstimatorSpec(mode, predictions, loss, train_op)


def _loss(
  logits: tf.Tensor,
  labels: tf.Tensor,
  is_training: bool,
  params: Mapping[str, Any],
  loss_filter_fn: Callable[[str], bool] | None,
) -> tuple[tf.Tensor, tf.Tensor]:
  """Cross-entropy of each example [N]; its mean plus L2 loss, a scalar."""
  losses = losses_lib.cross_entropy(logits, labels, params['label_smoothing'])
  if not is_training:  # So the mean does not depend on the cut into batches.
    losses = tf.cast(losses, tf.float64)
  cross_entropy = tf.reduce_mean(losses, name='cross_entropy')
  decays = loss_filter_fn or losses_lib.excludes_batch_norm
  l2_loss = losses_lib.l2(decays) * params['weight_decay']
  l2_loss = tf.cast(l2_loss, losses.dtype)
  summary.scalar('cross_entropy', cross_entropy)
  summary.scalar('l2_loss', l2_loss)
  # LARS applies the weight decay itself; the original applied it twice.
  loss = cross_entropy if params['enable_lars'] else cross_entropy + l2_loss
  return losses, loss


def resnet_main(
  flags_obj: Any,
  model_function: Callable[..., EstimatorSpec],
  dataset: ImageDataset,
  network: str,
  learning_rate_fn: schedules.LearningRateFn,
  devices: devices_lib.Devices,
) -> dict[str, Any]:
  """Trains, evaluates and exports as the settings say.

  Steps are counted from 0 over all calls, so the same command again goes on
  where the last one stopped, and a finished run trains nothing.

  Args:
    flags_obj: `Settings`, or the parsed flags, or any object that has their
      values as attributes. No global flag is read.
    model_function: A model_fn; its params are the settings by name, with
      `dtype` a `tf.DType`, and `num_classes` and `learning_rate_fn`.
    dataset: The images to train and test on.
    network: The network's name for people and `config.json`: `'ResNet-18 v1'`.
    learning_rate_fn: Function from the global step to the rate.
    devices: The result of `devices.configure`. In a cluster every worker calls
      this function; only the chief writes, prints and exports.

  Returns:
    The metrics of the last evaluation; nothing after `--export_only`.

  Raises:
    UsageError: The settings, the folder or the machine do not fit together.
  """
  settings = Settings.of(flags_obj)
  with training_run.opened(
    settings, model_function, dataset, network, learning_rate_fn, devices
  ) as run:
    if settings.export_only:
      run.export()
      return {}
    results = run.train_and_evaluate()
    if settings.save_predictions:
      run.save_predictions()
    if settings.export_dir:
      run.export()
    run.finish(results)
  return results


def _metrics(
  labels: tf.Tensor, logits: tf.Tensor, classes: tf.Tensor, losses: tf.Tensor
) -> dict[str, Any]:
  """The metrics of an evaluation; `losses` are the cross-entropies [N]."""
  k = min(_TOP_K, logits.shape[1])
  in_top_k = tf.math.in_top_k(labels, logits, k)
  return {
    'accuracy': metrics.accuracy(labels, classes),
    'accuracy_top_5': metrics.mean(in_top_k, name='accuracy_top_5'),
    'cross_entropy': metrics.mean(losses, name='cross_entropy'),
  }
