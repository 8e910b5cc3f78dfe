"""Batches of predictions as `Estimator.predict` yields them."""

from collections.abc import Iterable, Iterator
from typing import Any


def select_keys(predictions: Any, keys: Iterable[str] | str | None) -> Any:
  """The predictions under these keys; all of them for None.

  Raises:
    ValueError: the predictions are no dict, or have no such key.
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
  """The rows of a batch, [N, ...] or a dict of such, one at a time.

  Raises:
    ValueError: the values of a dict differ in length.
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
