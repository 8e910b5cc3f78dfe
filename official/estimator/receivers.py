"""Serving input receivers: the inputs of a signature, made into features."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from official.estimator.annotations import Nest

# One tensor, or tensors by name.
Tensors: TypeAlias = tf.Tensor | Mapping[str, tf.Tensor]


class ServingInputReceiver:
  """The inputs of a signature, and the features made of them.

  Args:
    features: The features for the model_fn: a dict of tensors, or one tensor,
      which is wrapped as `{'feature': tensor}`.
    receiver_tensors: Placeholders by input name, or one placeholder, which is
      named `input`.
    receiver_tensors_alternatives: Further dicts of tensors by name, each of
      which can be fed in place of the receiver tensors.

  Attributes:
    features: The features for the model_fn.
    receiver_tensors: Dict of input name to placeholder.
    receiver_tensors_alternatives: Dict of name to such a dict.

  Raises:
    ValueError: A key is not a string or a value is not a tensor.
  """

  def __init__(
    self,
    features: Nest,
    receiver_tensors: Tensors,
    receiver_tensors_alternatives: Mapping[str, Tensors] | None = None,
  ):
    self.features: Nest = _named_tensors(features, 'feature')
    self.receiver_tensors = _named_tensors(receiver_tensors, 'input')
    self.receiver_tensors_alternatives = {
      name: _named_tensors(tensors, 'input')
      for name, tensors in (receiver_tensors_alternatives or {}).items()
    }


ReceiverFn: TypeAlias = Callable[[], ServingInputReceiver]
# One function, or several by the names of signatures; see `export_saved_model`.
ReceiverFns: TypeAlias = ReceiverFn | Mapping[str, ReceiverFn]


class TensorServingInputReceiver(ServingInputReceiver):
  """A `ServingInputReceiver` whose one tensor reaches the model_fn unwrapped.

  Args:
    features: The tensor that the model_fn gets.
    receiver_tensors: See `ServingInputReceiver`.
    receiver_tensors_alternatives: See `ServingInputReceiver`.

  Raises:
    ValueError: `features` is a dict; also see `ServingInputReceiver`.
  """

  def __init__(
    self,
    features: tf.Tensor,
    receiver_tensors: Tensors,
    receiver_tensors_alternatives: Mapping[str, Tensors] | None = None,
  ):
    if isinstance(features, Mapping):
      raise ValueError('features must be one tensor, given a dict.')
    super().__init__(features, receiver_tensors, receiver_tensors_alternatives)
    self.features = features


def build_raw_serving_input_receiver_fn(
  features: Mapping[str, tf.Tensor | tf.TensorSpec],
  default_batch_size: int | None = None,
) -> ReceiverFn:
  """A receiver function of the features themselves.

  Args:
    features: Name to a tensor or `tf.TensorSpec` that gives the dtype and the
      shape, the batch dimension included.
    default_batch_size: Batch size of the placeholders; None for any.
  """

  def receiver_fn() -> ServingInputReceiver:
    placeholders = {
      name: tf.compat.v1.placeholder(
        spec.dtype, [default_batch_size, *spec.shape[1:]], name=name
      )
      for name, spec in features.items()
    }
    return ServingInputReceiver(dict(placeholders), placeholders)

  return receiver_fn


def build_tensor_serving_input_receiver_fn(
  shape: Sequence[int | None],
  dtype: tf.DType = tf.float32,
  batch_size: int | None = None,
) -> ReceiverFn:
  """A receiver function of one tensor [batch_size, *shape], named `input`.

  Args:
    shape: Shape of one example.
    dtype: Dtype of the tensor.
    batch_size: Batch size of the placeholder; None for any. The original's
      default was 1.
  """

  def receiver_fn() -> ServingInputReceiver:
    tensor = tf.compat.v1.placeholder(
      dtype, [batch_size, *shape], name='input_tensor'
    )
    return TensorServingInputReceiver(tensor, tensor)

  return receiver_fn


def build_parsing_serving_input_receiver_fn(
  feature_spec: Mapping[str, Any], default_batch_size: int | None = None
) -> ReceiverFn:
  """A receiver function of serialized `tf.Example`s, string [N], `examples`.

  Args:
    feature_spec: See `tf.io.parse_example`.
    default_batch_size: Batch size of the placeholder; None for any.
  """

  def receiver_fn() -> ServingInputReceiver:
    serialized = tf.compat.v1.placeholder(
      tf.string, [default_batch_size], name='input_example_tensor'
    )
    features = tf.io.parse_example(serialized, feature_spec)
    return ServingInputReceiver(features, {'examples': serialized})

  return receiver_fn


def _named_tensors(tensors: Tensors, default_name: str) -> dict[str, tf.Tensor]:
  """The tensors by name; one tensor gets the default name."""
  if not isinstance(tensors, Mapping):
    tensors = {default_name: tensors}
  for name, tensor in tensors.items():
    if not isinstance(name, str):
      raise ValueError(f'{default_name} keys must be strings: {name!r}.')
    if not tf.is_tensor(tensor):
      raise ValueError(f'{default_name} {name} must be a Tensor: {tensor!r}.')
  return dict(tensors)
