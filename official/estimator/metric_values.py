"""Values of metrics, for people, for JSON and for TensorBoard."""

import math
from typing import Any

import numpy as np
import tensorflow as tf


def plain(value: Any) -> Any:
  """A number as Python has it; arrays and bytes as they are."""
  return value.item() if np.ndim(value) == 0 and _has_item(value) else value


def as_json(value: Any) -> Any:
  """What JSON can tell of a value: numbers, nested lists and text.

  Bytes that are not text, such as a picture, become how many they are; what is
  not finite in a list becomes null.
  """
  if isinstance(value, np.ndarray):
    return as_json(value.tolist())
  if isinstance(value, (list, tuple)):
    parts = [as_json(part) for part in value]
    return [
      None if isinstance(part, float) and not math.isfinite(part) else part
      for part in parts
    ]
  if isinstance(value, bytes):
    try:
      return value.decode()
    except UnicodeDecodeError:
      return f'<{len(value)} bytes>'
  value = plain(value)
  return str(value) if isinstance(value, complex) else value


def add_to_summary(summary: tf.compat.v1.Summary, tag: str, value: Any) -> None:
  """Adds a value of any kind to a summary.

  Args:
    summary: grows.
    tag: its name.
    value: a real number; or the bytes of another summary, as
      `tf.compat.v1.summary.image` makes them, whose parts become `tag/0`,
      `tag/1` and so on; or an array, which TensorBoard shows by plugins alone.
  """
  if isinstance(value, bytes) and (parts := _summaries(value)):
    for index, part in enumerate(parts):
      part.tag = f'{tag}/{index}'
      summary.value.append(part)
  elif np.ndim(value) == 0 and not isinstance(value, (bytes, str)):
    if np.isreal(value):
      summary.value.add(tag=tag, simple_value=float(value))
  else:
    summary.value.add(tag=tag, tensor=tf.make_tensor_proto(value))


def _summaries(content: bytes) -> list[Any]:
  """The values of a serialized summary; none where it is something else."""
  from google.protobuf.message import DecodeError

  try:
    values = tf.compat.v1.Summary.FromString(content).value
  except DecodeError:
    return []
  return [v for v in values if v.WhichOneof('value')]


def _has_item(value: Any) -> bool:
  return isinstance(value, (np.ndarray, np.generic))
