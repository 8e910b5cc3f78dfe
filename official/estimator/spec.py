"""What a `model_fn` returns: an `EstimatorSpec`, checked field by field."""

import collections
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from official.estimator.export_output import ExportOutput, PredictOutput
from official.estimator.hooks.base import Hook, check_methods

DEFAULT_SERVING_SIGNATURE = 'serving_default'


class ModeKeys:
  """The modes a `model_fn` is called in."""

  TRAIN = 'train'
  EVAL = 'eval'
  PREDICT = 'infer'

  ALL = (TRAIN, EVAL, PREDICT)


_FIELDS = (
  'mode predictions loss train_op eval_metric_ops export_outputs '
  'training_chief_hooks training_hooks evaluation_hooks prediction_hooks'
)


class EstimatorSpec(collections.namedtuple('EstimatorSpec', _FIELDS)):
  """Ops and objects returned from a `model_fn` and passed to an `Estimator`.

  Required: in TRAIN `loss` and `train_op`, in EVAL `loss`, in PREDICT
  `predictions`. Others may be given in any mode, so that one `model_fn` body
  can fill them all.

  Args:
    mode: one of `ModeKeys`.
    predictions: a tensor or a dict of tensors, [N, ...] each.
    loss: a scalar tensor (shape [] or [1]).
    train_op: the op or tensor that runs one training step.
    eval_metric_ops: dict of name to `(value, update_op)`, as
      `official.estimator.metrics` and `tf.compat.v1.metrics` give, or to a
      Keras metric whose `update_state` model_fn has called. The value is read
      once, after the last update.
    export_outputs: dict of signature name to `ExportOutput`.
    training_chief_hooks: hooks run by the chief only, in training.
    training_hooks: hooks run by every worker in training.
    evaluation_hooks: hooks run in evaluation.
    prediction_hooks: hooks run in prediction.

  Raises:
    ValueError: a required field is missing, `loss` is not a scalar, a tensor
      was made outside the current graph, or no export output is the default.
    TypeError: a field has the wrong type.
  """

  __slots__ = ()

  def __new__(
    cls,
    mode: str,
    predictions: Any = None,
    loss: tf.Tensor | None = None,
    train_op: Any = None,
    eval_metric_ops: Mapping[str, tuple] | None = None,
    export_outputs: Mapping[str, ExportOutput] | None = None,
    training_chief_hooks: Any = None,
    training_hooks: Any = None,
    evaluation_hooks: Any = None,
    prediction_hooks: Any = None,
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
      *map(
        _check_hooks,
        (
          training_chief_hooks,
          training_hooks,
          evaluation_hooks,
          prediction_hooks,
        ),
      ),
    )

  def _replace(self, **kwargs: Any) -> 'EstimatorSpec':
    """A copy with other fields, checked again; the mode cannot change."""
    if kwargs.get('mode', self.mode) != self.mode:
      raise ValueError('mode of EstimatorSpec cannot be changed.')
    return EstimatorSpec(**{**self._asdict(), **kwargs})


def _check_predictions(predictions: Any, mode: str) -> Any:
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


def _check_loss(loss: Any, mode: str) -> tf.Tensor | None:
  if loss is None:
    if mode in (ModeKeys.TRAIN, ModeKeys.EVAL):
      raise ValueError('Missing loss.')
    return None
  _check_tensor(loss, 'loss')
  if loss.shape.num_elements() != 1:
    raise ValueError(f'Loss must be scalar, given: {loss}')
  return loss if loss.shape.rank == 0 else tf.reshape(loss, [])


def _check_train_op(train_op: Any, mode: str) -> Any:
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


def _check_eval_metric_ops(metrics: Any) -> dict[str, tuple]:
  if metrics is None:
    return {}
  if not isinstance(metrics, Mapping):
    raise TypeError(f'eval_metric_ops must be a dict, given: {metrics!r}')
  for key, value in metrics.items():
    if is_metric_object(value):
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


def is_metric_object(value: Any) -> bool:
  """Whether it is a metric of some version of Keras, which is optional."""
  names = ('update_state', 'result', 'reset_state', 'variables')
  return all(hasattr(value, name) for name in names)


def _check_export_outputs(
  outputs: Any, predictions: Any, mode: str
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


def _check_hooks(hooks: Any) -> tuple[Hook, ...]:
  hooks = tuple(hooks or ())
  for hook in hooks:
    if not isinstance(hook, Hook):
      raise TypeError(f'All hooks must be Hook instances, given: {hook!r}')
    check_methods(hook)
  return hooks


def _check_tensor(value: Any, name: str) -> None:
  if not tf.is_tensor(value) or isinstance(value, tf.SparseTensor):
    raise TypeError(f'{name} must be Tensor, given: {value!r}')
  _check_graph(value, name)


def _check_graph(tensor: Any, name: str) -> None:
  if not tf.is_symbolic_tensor(tensor):
    return
  if tensor.graph is not tf.compat.v1.get_default_graph():
    raise ValueError(
      f'{name} with "{tensor.name}" must be from the default graph. Possible '
      'causes of this error include: it was made in another call of model_fn, '
      'or inside a tf.cond, tf.while_loop or tf.function without being '
      'returned from it.'
    )
