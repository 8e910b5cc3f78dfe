"""The outputs of an exported signature, by kind."""

from collections.abc import Mapping

import tensorflow as tf


class ExportOutput:
  """Named tensors that one signature of a SavedModel returns.

  Attributes:
    outputs: Dict from output name to tensor.
  """

  outputs: dict[str, tf.Tensor]


class PredictOutput(ExportOutput):
  """Any tensors.

  Args:
    outputs: A dict from name to tensor, or one tensor, which gets the name
      `output`.

  Raises:
    ValueError: There is no output, a key is not a string, or a value is not a
      tensor.
  """

  def __init__(self, outputs: tf.Tensor | Mapping[str, tf.Tensor]):
    if not isinstance(outputs, Mapping):
      outputs = {'output': outputs}
    if not outputs:
      raise ValueError('PredictOutput needs at least one output.')
    for key, value in outputs.items():
      if not isinstance(key, str):
        raise ValueError(f'Prediction output key must be a str, given: {key!r}')
      if not tf.is_tensor(value):
        raise ValueError(
          f'Prediction output value must be a Tensor, given: {value!r}'
        )
    self.outputs = dict(outputs)


class ClassificationOutput(ExportOutput):
  """The scores of classes, their names, or both.

  Args:
    scores: Float [N, C].
    classes: Names of the classes, string [N, C].

  Raises:
    ValueError: Both are missing, or one has another dtype.
  """

  def __init__(
    self, scores: tf.Tensor | None = None, classes: tf.Tensor | None = None
  ):
    if scores is None and classes is None:
      raise ValueError('At least one of scores and classes must be set.')
    if scores is not None and not (
      tf.is_tensor(scores) and scores.dtype.is_floating
    ):
      raise ValueError(f'scores must be a float tensor, given: {scores!r}')
    if classes is not None and not (
      tf.is_tensor(classes) and classes.dtype == tf.string
    ):
      raise ValueError(f'classes must be a string tensor, given: {classes!r}')
    pairs = {'scores': scores, 'classes': classes}
    self.outputs = {k: v for k, v in pairs.items() if v is not None}


class RegressionOutput(ExportOutput):
  """One value for each example, named `outputs`.

  Args:
    value: Float [N, ...].

  Raises:
    ValueError: `value` is not a float tensor.
  """

  def __init__(self, value: tf.Tensor):
    if not (tf.is_tensor(value) and value.dtype.is_floating):
      raise ValueError(
        f'Regression output value must be a float tensor, given: {value!r}'
      )
    self.outputs = {'outputs': value}
