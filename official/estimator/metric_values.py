"""Values of metrics in forms for people and for JSON, without TensorFlow."""

import math
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
  """A NumPy number as a Python number; arrays and bytes unchanged."""
  return value.item() if np.ndim(value) == 0 and _has_item(value) else value


def as_json(value: Any) -> Any:
  """A value as numbers, nested lists and text, which JSON can express.

  Bytes that are not text, such as a picture, become `<N bytes>`; numbers in a
  list that are not finite become null.
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


def _has_item(value: Any) -> bool:
  return isinstance(value, (np.ndarray, np.generic))
