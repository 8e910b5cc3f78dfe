"""Batches of predictions as `Estimator.predict` yields them."""

from collections.abc import Iterable, Iterator
from typing import Any

from official.estimator.annotations import Nest


def select_keys(predictions: Nest, keys: Iterable[str] | str | None) -> Nest:
  """The predictions with these keys.

  Args:
    predictions: A tensor, or a dict of tensors.
    keys: One key or several; None for all.

  Raises:
    ValueError: Keys are given, but the predictions are not a dict or lack one.
  """
  if keys is None:
    return predictions
  if not isinstance(predictions, dict):
    raise ValueError(
      'predict_keys argument is not valid in case of non-dict predictions.'
    )
  keys = {keys} if isinstance(keys, str) else set(keys)
  unknown = keys - predictions.keys()
  if unknown:
    raise ValueError(
      'Expected to run at least one output from '
      f'{sorted(predictions)}, provided {sorted(keys)}.'
    )
  return {key: predictions[key] for key in predictions if key in keys}


def single_examples(batch: Any) -> Iterator[Any]:
  """Yields the rows of a batch.

  Args:
    batch: An array [N, ...], or a dict of such arrays.

  Raises:
    ValueError: The arrays of a dict differ in length.
  """
  if not isinstance(batch, dict):
    yield from batch
    return
  lengths = {key: len(value) for key, value in batch.items()}
  first = next(iter(lengths.values()))
  for key, length in lengths.items():
    if length != first:
      raise ValueError(
        'Batch length of predictions should be same. '
        f'{key} has different batch length than others.'
      )
  for index in range(first):
    yield {key: value[index] for key, value in batch.items()}
