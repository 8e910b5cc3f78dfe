"""Arrays from the JSON of TensorFlow Serving's REST API, and back.

https://www.tensorflow.org/tfx/serving/api_rest
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

_SIGNATURE = 'signature_name'
_FORMS = ('instances', 'inputs')


class BadRequestError(ValueError):
  """A request that cannot be answered; the message says why."""


class Input:
  """An input of a signature.

  Attributes:
    name: The name of the input.
    shape: The dimensions of the input; None for any size.
    dtype: The NumPy dtype of the input; `object` for strings.
  """

  def __init__(self, name: str, shape: list[int | None], dtype: Any):
    self.name, self.shape, self.dtype = name, shape, np.dtype(dtype)

  def array(self, value: Any) -> np.ndarray:
    """A JSON value as an array of this shape and dtype.

    Raises:
      BadRequestError: The value has another shape, or elements of another type.
    """
    array = (
      self._strings(value) if self.dtype == object else self._numbers(value)
    )
    matches = array.ndim == len(self.shape) and all(
      size in (None, given)
      for size, given in zip(self.shape, array.shape, strict=True)
    )
    if not matches:
      raise BadRequestError(
        f'input {self.name!r} must have the shape {_shape(self.shape)}, given: '
        f'{_shape(list(array.shape))}'
      )
    return array

  def _numbers(self, value: Any) -> np.ndarray:
    try:
      array = np.array(value)
    except (ValueError, OverflowError, RecursionError) as e:
      raise BadRequestError(
        f'input {self.name!r} must be a list of equal lists of numbers'
      ) from e
    kinds = 'iu' if self.dtype.kind in 'iu' else 'iuf'
    if self.dtype.kind == 'b':
      kinds = 'b'
    if array.dtype.kind not in kinds or not array.size:
      names = {'i': 'whole numbers', 'u': 'whole numbers', 'b': 'booleans'}
      raise BadRequestError(
        f'input {self.name!r} must be {names.get(self.dtype.kind, "numbers")} '
        f'({self.dtype.name}), given: {_example(value)}'
      )
    if self.dtype.kind in 'iu':
      range_ = np.iinfo(self.dtype)
      if array.min() < range_.min or array.max() > range_.max:
        raise BadRequestError(
          f'input {self.name!r} must be {self.dtype.name}, {range_.min} to '
          f'{range_.max}, given: {array.min()} to {array.max()}'
        )
    return array.astype(self.dtype)

  def _strings(self, value: Any) -> np.ndarray:
    values = value if isinstance(value, list) else [value]
    array = np.empty(len(values), object)
    for index, item in enumerate(values):
      array[index] = self._bytes(item)
    return array if isinstance(value, list) else array.reshape([])

  def _bytes(self, value: Any) -> bytes:
    if isinstance(value, str):
      return value.encode('utf-8', 'surrogatepass')
    if isinstance(value, dict) and set(value) == {'b64'}:
      try:
        return base64.b64decode(value['b64'], validate=True)
      except (binascii.Error, ValueError, TypeError) as e:
        raise BadRequestError(
          f'input {self.name!r}: "b64" must be base64, given: '
          f'{_example(value["b64"])}'
        ) from e
    raise BadRequestError(
      f'input {self.name!r} must be strings or {{"b64": "..."}}, given: '
      f'{_example(value)}'
    )


def parse(body: bytes) -> dict[str, Any]:
  """The JSON object of a request for a prediction.

  Raises:
    BadRequestError: The body is not JSON, is not an object, or has other keys.
  """
  try:
    request = json.loads(body, parse_constant=_refuse)
  except RecursionError as e:
    raise BadRequestError('the JSON is nested too deeply') from e
  except (ValueError, UnicodeDecodeError) as e:
    raise BadRequestError(f'the request is not JSON: {e}') from e
  if not isinstance(request, dict):
    raise BadRequestError(
      f'the request must be a JSON object, given: {_example(request)}'
    )
  forms = [form for form in _FORMS if form in request]
  if len(forms) != 1:
    raise BadRequestError(
      'the request must have one of "instances" and "inputs", given: '
      f'{_example(sorted(request))}'
    )
  unknown = sorted(set(request) - {_SIGNATURE, *_FORMS})
  if unknown:
    raise BadRequestError(f'the request has an unknown key: {unknown[0]!r:.80}')
  if not isinstance(request.get(_SIGNATURE, ''), str):
    raise BadRequestError('"signature_name" must be a string')
  return request


def _refuse(constant: str) -> None:
  raise ValueError(f'{constant} is not a number of JSON')


def arrays(
  request: Mapping[str, Any], inputs: Mapping[str, Input]
) -> dict[str, np.ndarray]:
  """The inputs by their names.

  A request has them as `"instances"`, one row for each example, or as
  `"inputs"`, one column for each input.

  Raises:
    BadRequestError: The values do not fit the inputs.
  """
  if 'inputs' in request:
    columns = _columns(request['inputs'], inputs)
  else:
    columns = _columns_of_rows(request['instances'], inputs)
  result = {name: inputs[name].array(value) for name, value in columns.items()}
  lengths = {len(array) for array in result.values() if array.ndim}
  if len(lengths) > 1:
    raise BadRequestError('all inputs must have the same number of examples')
  return result


def _columns(value: Any, inputs: Mapping[str, Input]) -> dict[str, Any]:
  is_named = isinstance(value, dict) and set(value) != {'b64'}
  if not is_named and len(inputs) == 1:
    return {next(iter(inputs)): value}
  if not is_named:
    raise BadRequestError(f'the inputs must be named: {_names(inputs)}')
  if set(value) != set(inputs):
    raise BadRequestError(
      f'the inputs must be {_names(inputs)}, given: {_example(sorted(value))}'
    )
  return value


def _columns_of_rows(rows: Any, inputs: Mapping[str, Input]) -> dict[str, Any]:
  if not isinstance(rows, list) or not rows:
    raise BadRequestError('"instances" must be a list of one or more')
  columns: dict[str, list[Any]] = {name: [] for name in inputs}
  for row in rows:
    for name, value in _columns(row, inputs).items():
      columns[name].append(value)
  return columns


def response(
  request: Mapping[str, Any], outputs: Mapping[str, np.ndarray]
) -> dict[str, Any]:
  """The answer, in the form that the request has: rows or columns."""
  columns = {name: _values(name, array) for name, array in outputs.items()}
  only = next(iter(columns)) if len(columns) == 1 else None
  if 'inputs' in request:
    return {'outputs': columns[only] if only else columns}
  if only:
    return {'predictions': columns[only]}
  return {
    'predictions': [
      dict(zip(columns, row, strict=True))
      for row in zip(*columns.values(), strict=True)
    ]
  }


def _values(name: str, array: np.ndarray) -> Any:
  if array.dtype != object:
    return array.tolist()
  if name.endswith('_bytes'):
    return [{'b64': base64.b64encode(v).decode()} for v in array.tolist()]
  return [value.decode('utf-8', 'replace') for value in array.tolist()]


def _names(inputs: Mapping[str, Input]) -> str:
  return ', '.join(sorted(inputs))


def _shape(shape: list[int | None]) -> str:
  return f'[{", ".join("any" if n is None else str(n) for n in shape)}]'


def _example(value: Any) -> str:
  """A value, short enough for a message."""
  text = json.dumps(value)
  return text if len(text) <= 60 else f'{text[:57]}...'
