"""The outputs of an exported signature, by kind."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf


class ExportOutput:
  """Named tensors that one signature of a SavedModel returns.

  Attributes:
    outputs: dict of output name to tensor.
  """

  outputs: dict[str, tf.Tensor]


class PredictOutput(ExportOutput):
  """Any tensors: a dict of them, or one that gets the name `output`.

  Raises:
    ValueError: no output, a key that is not a string, or no tensor.
  """

  def __init__(self, outputs: Any):
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
  """Scores float [N, C] and class names string [N, C]; one may be missing.

  Raises:
    ValueError: both are missing, or one has another dtype.
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
  """A value float [N, ...], named `outputs`.

  Raises:
    ValueError: the value is not a float tensor.
  """

  def __init__(self, value: tf.Tensor):
    if not (tf.is_tensor(value) and value.dtype.is_floating):
      raise ValueError(
        f'Regression output value must be a float tensor, given: {value!r}'
      )
    self.outputs = {'outputs': value}
