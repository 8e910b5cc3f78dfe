"""The result of a `model_fn`: an `EstimatorSpec`, checked field by field."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeAlias

import tensorflow as tf

from official.estimator import keras_objects
from official.estimator.annotations import Nest
from official.estimator.export_output import ExportOutput, PredictOutput
from official.estimator.hooks.base import Hook, check_methods

DEFAULT_SERVING_SIGNATURE = 'serving_default'


class ModeKeys:
  """The modes in which a `model_fn` is called."""

  TRAIN = 'train'
  EVAL = 'eval'
  PREDICT = 'infer'

  ALL = (TRAIN, EVAL, PREDICT)


_TrainOp: TypeAlias = tf.Operation | tf.Tensor | tf.Variable | None


class _Fields(NamedTuple):
  mode: str
  predictions: Nest
  loss: tf.Tensor | None
  train_op: _TrainOp
  eval_metric_ops: dict[str, Any]
  export_outputs: dict[str, ExportOutput] | None
  training_chief_hooks: tuple[Hook, ...]
  training_hooks: tuple[Hook, ...]
  evaluation_hooks: tuple[Hook, ...]
  prediction_hooks: tuple[Hook, ...]


class EstimatorSpec(_Fields):
  """Ops and objects that a `model_fn` returns to an `Estimator`.

  TRAIN requires `loss` and `train_op`, EVAL requires `loss`, and PREDICT
  requires `predictions`. The other fields may be given in any mode, so that one
  body of a `model_fn` can fill them all.

  Args:
    mode: One of `ModeKeys`.
    predictions: A tensor or a dict of tensors, [N, ...] each.
    loss: A scalar tensor, of shape [] or [1].
    train_op: The op or tensor that runs one training step.
    eval_metric_ops: Dict from name to `(value, update_op)`, as the functions of
      `official.estimator.metrics` and `tf.compat.v1.metrics` return, or to a
      Keras metric whose `update_state` model_fn has called. The value is read
      once, after the last update.
    export_outputs: Dict from signature name to `ExportOutput`; by default the
      predictions, as the default signature.
    training_chief_hooks: Hooks that only the chief runs in training.
    training_hooks: Hooks that every worker runs in training.
    evaluation_hooks: Hooks that run in evaluation.
    prediction_hooks: Hooks that run in prediction.

  Raises:
    ValueError: A required field is missing, `mode` is unknown, `loss` is not a
      scalar, a tensor belongs to another graph, or there are several export
      outputs and none is the default.
    TypeError: A field has the wrong type.
  """

  __slots__ = ()

  def __new__(
    cls,
    mode: str,
    predictions: Nest = None,
    loss: tf.Tensor | None = None,
    train_op: _TrainOp = None,
    eval_metric_ops: Mapping[str, Any] | None = None,
    export_outputs: Mapping[str, ExportOutput] | None = None,
    training_chief_hooks: Iterable[Hook] | None = None,
    training_hooks: Iterable[Hook] | None = None,
    evaluation_hooks: Iterable[Hook] | None = None,
    prediction_hooks: Iterable[Hook] | None = None,
  ) -> 'EstimatorSpec':
    """See the class."""
    if mode not in ModeKeys.ALL:
      raise ValueError(f'mode must be one of {ModeKeys.ALL}, given: {mode!r}')
    return super().__new__(
      cls,
      mode,
      _check_predictions(predictions, mode),
      _check_loss(loss, mode),
      _check_train_op(train_op, mode),
      _check_eval_metric_ops(eval_metric_ops),
      _check_export_outputs(export_outputs, predictions, mode),
      _check_hooks(training_chief_hooks),
      _check_hooks(training_hooks),
      _check_hooks(evaluation_hooks),
      _check_hooks(prediction_hooks),
    )

  def _replace(self, **kwargs: Any) -> 'EstimatorSpec':
    """A copy with other values for fields, checked like a new one.

    Raises:
      ValueError: `mode` would change, or see the class.
      TypeError: See the class.
    """
    if kwargs.get('mode', self.mode) != self.mode:
      raise ValueError('mode of EstimatorSpec cannot be changed.')
    return EstimatorSpec(**{**self._asdict(), **kwargs})


def _check_predictions(predictions: Nest, mode: str) -> Nest:
  if predictions is None:
    if mode == ModeKeys.PREDICT:
      raise ValueError('Missing predictions.')
    return {}
  if isinstance(predictions, Mapping):
    for key, value in predictions.items():
      _check_tensor(value, f'predictions[{key}]')
  else:
    _check_tensor(predictions, 'predictions')
  return predictions


def _check_loss(loss: tf.Tensor | None, mode: str) -> tf.Tensor | None:
  if loss is None:
    if mode in (ModeKeys.TRAIN, ModeKeys.EVAL):
      raise ValueError('Missing loss.')
    return None
  _check_tensor(loss, 'loss')
  if loss.shape.num_elements() != 1:
    raise ValueError(f'Loss must be scalar, given: {loss}')
  return loss if loss.shape.rank == 0 else tf.reshape(loss, [])


def _check_train_op(train_op: _TrainOp, mode: str) -> _TrainOp:
  if train_op is None:
    if mode == ModeKeys.TRAIN:
      raise ValueError('Missing train_op.')
    return None
  if not isinstance(train_op, (tf.Operation, tf.Variable)):
    if not tf.is_tensor(train_op):
      raise TypeError(
        f'train_op must be Operation or Tensor, given: {train_op!r}'
      )
    _check_graph(train_op, 'train_op')
  return train_op


def _check_eval_metric_ops(metrics: object) -> dict[str, Any]:
  if metrics is None:
    return {}
  if not isinstance(metrics, Mapping):
    raise TypeError(f'eval_metric_ops must be a dict, given: {metrics!r}')
  for key, value in metrics.items():
    if keras_objects.is_metric(value):
      continue
    if not isinstance(value, tuple) or len(value) != 2:
      raise TypeError(
        'Values of eval_metric_ops must be (metric_value, update_op) tuples, '
        f'given: {value!r} for key: {key}'
      )
    result, update_op = value
    _check_tensor(result, f'eval_metric_ops[{key}] value')
    if not isinstance(update_op, tf.Operation):
      _check_tensor(update_op, f'eval_metric_ops[{key}] update_op')
  return dict(metrics)


def _check_export_outputs(
  outputs: object, predictions: Nest, mode: str
) -> dict[str, ExportOutput] | None:
  if mode != ModeKeys.PREDICT:
    return None
  if outputs is None:
    return {DEFAULT_SERVING_SIGNATURE: PredictOutput(predictions)}
  if not isinstance(outputs, Mapping):
    raise TypeError(f'export_outputs must be dict, given: {outputs!r}')
  for value in outputs.values():
    if not isinstance(value, ExportOutput):
      raise TypeError(
        'Values in export_outputs must be ExportOutput objects, '
        f'given: {value!r}'
      )
  outputs = dict(outputs)
  if DEFAULT_SERVING_SIGNATURE not in outputs:
    if len(outputs) > 1:
      raise ValueError(
        'Multiple export_outputs were provided, but none of them are '
        'specified as the default. Do this by naming one of them with '
        f'{DEFAULT_SERVING_SIGNATURE!r}.'
      )
    outputs[DEFAULT_SERVING_SIGNATURE] = next(iter(outputs.values()))
  return outputs


def _check_hooks(hooks: Iterable[Hook] | None) -> tuple[Hook, ...]:
  checked = tuple(hooks or ())
  for hook in checked:
    if not isinstance(hook, Hook):
      raise TypeError(f'All hooks must be Hook instances, given: {hook!r}')
    check_methods(hook)
  return checked


def _check_tensor(value: object, name: str) -> None:
  if not tf.is_tensor(value) or isinstance(value, tf.SparseTensor):
    raise TypeError(f'{name} must be Tensor, given: {value!r}')
  _check_graph(value, name)


def _check_graph(tensor: tf.Tensor, name: str) -> None:
  if not tf.is_symbolic_tensor(tensor):
    return
  if tensor.graph is not tf.compat.v1.get_default_graph():
    raise ValueError(
      f'{name} with "{tensor.name}" must be from the default graph. Possible '
      'causes of this error include: it was made in another call of model_fn, '
      'or inside a tf.cond, tf.while_loop or tf.function without being '
      'returned from it.'
    )
