"""The ResNet run loop: train, evaluate and export one model_fn by flags.

The public names are those of the official ResNet run loop that left with
tf.estimator.
"""

import dataclasses
import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from official import devices as devices_lib
from official import estimator as estimator_lib
from official import optimizers
from official.datasets import synthetic
from official.datasets.image_dataset import ImageDataset
from official.datasets.records import process_record_dataset
from official.datasets.synthetic import get_synth_input_fn
from official.errors import UsageError
from official.estimator import metrics, summary
from official.export import saved_model
from official.export.receivers import image_bytes_serving_input_fn
from official.flags import parsing, paths
from official.optimizers import loss_scaling, schedules
from official.run import (
  config as run_config,
)
from official.run import (
  console,
  loop,
  nan_recovery,
  predictions,
  tensorboard,
  user_errors,
)
from resnet.learning_rates import learning_rate_with_decay
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

_DEFAULT_LOSS_SCALE = 128  # of fp16, as the original had it
_TOP_K = 5
_AUXILIARY_WEIGHT = 0.3  # Szegedy et al. 2015, section 5

# By name: from rate, momentum and weight decay to the optimizer.
_OPTIMIZERS: dict[str, Callable[..., optimizers.Optimizer]] = {
  'momentum': lambda rate, momentum, _: optimizers.MomentumOptimizer(
    rate, momentum
  ),
  'adadelta': lambda rate, *_: optimizers.AdadeltaOptimizer(rate),
  'adam': lambda rate, *_: optimizers.AdamOptimizer(rate),
  'lars': optimizers.LARSOptimizer,
}


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
) -> estimator_lib.EstimatorSpec:
  """What every network shares: loss, optimizer, metrics, predictions.

  Args:
    features: images [N, H, W, C].
    labels: int32 [N]; None in PREDICT.
    mode: one of `ModeKeys`.
    model_class: called with `resnet_size`, `data_format`, `resnet_version` and
      `dtype`, gives a function of images and `training` to logits [N, C], or
      to these and a list of such, of auxiliary classifiers (Szegedy et al.
      2015), whose cross-entropy counts 0.3 times in training.
    resnet_size: see `model_class`.
    weight_decay: factor of the sum of `tf.nn.l2_loss` (half the square) of the
      variables that pass `loss_filter_fn`; it is part of the loss.
    learning_rate_fn: global step to rate.
    momentum: of the optimizer.
    data_format: see `model_class`.
    resnet_version: see `model_class`.
    loss_scale: multiplies the loss before the gradient and divides it after;
      `'dynamic'`: see `loss_scaling.dynamic_update`.
    loss_filter_fn: variable name to whether it decays; None leaves out batch
      norm.
    dtype: of the computation.
    fine_tune: train the dense layer alone; all else, the moving statistics
      too, stays as it is.
    label_smoothing: Szegedy et al. 2015, section 7.
    enable_lars: LARS instead of momentum; it applies the weight decay, so the
      loss leaves it out (the original applied it twice).
    optimizer: `'momentum'`, `'adadelta'` or `'adam'`.

  Returns:
    An `EstimatorSpec` with predictions `classes` int64 [N] and `probabilities`
    float32 [N, C].
  """
  model = model_class(
    resnet_size, data_format, resnet_version=resnet_version, dtype=dtype
  )
  is_training = mode == estimator_lib.ModeKeys.TRAIN
  outputs = model(tf.cast(features, dtype), is_training and not fine_tune)
  logits, auxiliary = outputs if isinstance(outputs, tuple) else (outputs, [])
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
  if not is_training:  # Then the mean does not depend on the cut into batches.
    losses = tf.cast(losses, tf.float64)
  cross_entropy = tf.reduce_mean(losses, name='cross_entropy')
  l2_loss = weight_decay * _l2(loss_filter_fn or excludes_batch_norm)
  l2_loss = tf.cast(l2_loss, losses.dtype)
  summary.scalar('cross_entropy', cross_entropy)
  summary.scalar('l2_loss', l2_loss)
  loss = cross_entropy if enable_lars else cross_entropy + l2_loss
  if is_training:
    for head in auxiliary:
      head = _cross_entropy(tf.cast(head, tf.float32), labels, label_smoothing)
      loss += _AUXILIARY_WEIGHT * tf.reduce_mean(head)

  hits = tf.equal(predictions['classes'], tf.cast(labels, tf.int64))
  k = min(_TOP_K, logits.shape[1])
  if is_training:
    rate = learning_rate_fn(tf.compat.v1.train.get_global_step())
    summary.scalar('learning_rate', rate)
    summary.scalar('train_accuracy', tf.reduce_mean(tf.cast(hits, tf.float32)))
    train_op = _train_op(
      _OPTIMIZERS['lars' if enable_lars else optimizer](
        rate, momentum, weight_decay
      ),
      loss,
      loss_scale,
      fine_tune,
    )
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


def image_model_fn(
  features: tf.Tensor,
  labels: tf.Tensor | None,
  mode: str,
  params: dict[str, Any],
  model: Callable[[tf.Tensor, bool], Any],
  loss_filter_fn: Callable[[str], bool] | None = None,
) -> estimator_lib.EstimatorSpec:
  """`resnet_model_fn` with the `params` that `resnet_main` gives.

  Evaluation also counts its images, as the metric `examples`.

  Args:
    features: see `resnet_model_fn`.
    labels: see there.
    mode: see there.
    params: see `resnet_main`.
    model: function of images and `training`; see `model_class` there.
    loss_filter_fn: see there.
  """
  names = (
    'weight_decay',
    'learning_rate_fn',
    'momentum',
    'data_format',
    'loss_scale',
    'dtype',
    'fine_tune',
    'label_smoothing',
    'enable_lars',
    'optimizer',
  )
  spec = resnet_model_fn(
    features,
    labels,
    mode,
    lambda *args, **kwargs: model,
    resnet_size=params.get('resnet_size'),
    resnet_version=params.get('resnet_version'),
    loss_filter_fn=loss_filter_fn,
    **{name: params[name] for name in names},
  )
  if mode == estimator_lib.ModeKeys.EVAL:
    examples = metrics.total(tf.ones_like(labels), name='examples')
    spec.eval_metric_ops['examples'] = examples
  return spec


def resnet_main(
  flags_obj: Any,
  model_function: Callable[..., estimator_lib.EstimatorSpec],
  dataset: ImageDataset,
  network: str,
  learning_rate_fn: schedules.LearningRateFn,
  devices: devices_lib.Devices,
) -> dict[str, Any]:
  """Trains, evaluates and exports as the flags say.

  The schedule is counted in global steps from 0, so the same command again
  goes on where the last one stopped, and a finished run trains nothing.

  Args:
    flags_obj: the parsed flags, or any object that has their values as
      attributes; no others are read.
    model_function: a model_fn; its params are the flags by name, with
      `data_format`, `dtype` and `loss_scale` as they were settled, and
      `num_classes` and `learning_rate_fn`.
    dataset: what to train on.
    network: for people and for `config.json`, such as `'ResNet-18 v1'`.
    learning_rate_fn: global step to rate.
    devices: what `devices.configure` made of the flags. In a cluster every
      worker calls this function; the chief alone writes, prints and exports.

  Returns:
    The metrics of the last evaluation; nothing after `--export_only`.

  Raises:
    UsageError: the flags, the folder or the machine do not fit together.
  """
  if flags_obj.use_synthetic_data:
    dataset = synthetic.like(dataset)
  warm_start = _warm_start(flags_obj)
  model_dir = flags_obj.model_dir or default_model_dir(dataset.name, network)
  try:
    model_dir = paths.local(model_dir)
  except ValueError as e:
    raise UsageError(f'--model_dir={model_dir}: {e}') from e
  if devices.is_chief:
    saved_model.check(flags_obj)
  predictions.check(flags_obj, devices)
  tensorboard.check(flags_obj)
  with (
    user_errors.told(
      dataset,
      (
        model_dir,
        flags_obj.export_dir,
        flags_obj.data_dir,
        flags_obj.pretrained_model_checkpoint_path,
      ),
    ),
    run_config.opened(
      model_dir, flags_obj, network, dataset, devices.is_chief
    ) as recorder,
  ):
    return _Run(
      flags_obj,
      dataset,
      network,
      devices,
      lambda rate: estimator_lib.Estimator(
        model_function,
        model_dir,
        _run_config(flags_obj, devices),
        _params(flags_obj, devices)
        | {'num_classes': dataset.num_classes, 'learning_rate_fn': rate},
        warm_start,
      ),
      nan_recovery.HalvedRate(learning_rate_fn),
      recorder,
    ).go()


@dataclasses.dataclass
class _Run:
  """One call of `resnet_main`, when the folder is ready."""

  flags_obj: Any
  dataset: ImageDataset
  network: str
  devices: devices_lib.Devices
  make_estimator: Callable[[schedules.LearningRateFn], estimator_lib.Estimator]
  rate: nan_recovery.HalvedRate
  recorder: run_config.Recorder

  def go(self) -> dict[str, Any]:
    """Trains, evaluates and exports, or exports alone."""
    estimator = self.make_estimator(self.rate)
    self.rate.load(estimator)
    if self.flags_obj.export_only:
      if self.devices.is_chief:
        path = saved_model.export(estimator, self.dataset, self.flags_obj)
        console.say(f'exported to {path}')
      results = {}
    else:
      results = self._train(estimator)
    estimator.agreement.from_chief(0)  # None leaves while another is at work.
    return results

  def _train(self, estimator: estimator_lib.Estimator) -> dict[str, Any]:
    flags_obj, dataset, devices = self.flags_obj, self.dataset, self.devices
    schedule = loop.Schedule.of(flags_obj, dataset.num_images['train'])
    report = console.Report(
      self.network, dataset, devices, schedule, estimator, flags_obj
    )
    while True:
      try:
        results = loop.Cycles(
          report.estimator,
          dataset,
          devices,
          schedule,
          report,
          flags_obj,
          [self.recorder],
        ).run()
        self.recorder.write()
        break
      except estimator_lib.NanLossDuringTrainingError as e:
        if flags_obj.on_nan == 'stop' or not self.rate.halve(report.estimator):
          raise
        report.halved_rate(str(e))
        report.estimator = self.make_estimator(self.rate)
    if flags_obj.save_predictions:
      report.predicted(
        predictions.save(report.estimator, dataset, flags_obj.batch_size)
      )
    if flags_obj.export_dir and devices.is_chief:
      report.exported(saved_model.export(report.estimator, dataset, flags_obj))
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
  loss_scale: float | str,
  fine_tune: bool,
) -> tf.Operation:
  def is_trained(name):
    return not fine_tune or 'dense' in name

  if loss_scale == 'dynamic':
    return loss_scaling.dynamic_update(optimizer, loss, is_trained)
  gradients = optimizer.compute_gradients(loss * loss_scale)
  return optimizer.apply_gradients(
    (gradient / loss_scale if loss_scale != 1 else gradient, variable)
    for gradient, variable in gradients
    if is_trained(variable.name)
  )


def _params(flags_obj: Any, devices: devices_lib.Devices) -> dict[str, Any]:
  """The flags, with what the machine had a say in."""
  values = parsing.value_dict(flags_obj)
  scale = values['loss_scale']
  if scale is None:
    scale = _DEFAULT_LOSS_SCALE if devices.dtype == tf.float16 else 1
  return values | {
    'data_format': devices.data_format,
    'dtype': devices.dtype,
    'loss_scale': scale if scale == 'dynamic' else float(scale),
  }


def _run_config(
  flags_obj: Any, devices: devices_lib.Devices
) -> estimator_lib.RunConfig:
  config = devices.cluster.replace(
    tf_random_seed=flags_obj.seed,
    save_summary_steps=flags_obj.log_steps,
    log_step_count_steps=flags_obj.log_steps,
    keep_checkpoint_max=flags_obj.keep_checkpoint_max,
    steps_per_loop=loop.longest_loop(flags_obj),
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
  return estimator_lib.WarmStartSettings(
    path, [r'^(?!.*dense)'], complete=flags_obj.fine_tune
  )
