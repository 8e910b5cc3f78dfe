"""From an `input_fn` to an iterator of `(features, labels)`."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from official.estimator import graph_inputs, random_seeds
from official.estimator.annotations import DatasetIterator, InputFn, Nest


def make_iterator(
  input_fn: InputFn,
  strategy: tf.distribute.Strategy | None,
  seed: int | None,
  **available: Any,
) -> DatasetIterator:
  """An iterator of the elements of `make_dataset`.

  Args:
    input_fn: See `make_dataset`.
    strategy: See `make_dataset`.
    seed: The seed of ops of the input that have none of their own, as in
      tf.estimator, which gave it to the graph; None leaves them without.
    **available: See `make_dataset`.

  Raises:
    TypeError: See `make_dataset`.
    ValueError: See `make_dataset`.
  """
  with random_seeds.of_tensorflow(seed):
    return iter(make_dataset(input_fn, strategy, **available))


def make_dataset(
  input_fn: InputFn,
  strategy: tf.distribute.Strategy | None = None,
  **available: Any,
) -> tf.data.Dataset | tf.distribute.DistributedDataset:
  """Calls `input_fn` with the arguments that it asks for.

  Args:
    input_fn: Function that returns a `tf.data.Dataset` or tensors:
      `(features, labels)`, or only features. Tensors of an iterator's
      `get_next()` are another batch at each step. Under a strategy its batches
      are those of one replica.
    strategy: The strategy whose replicas get the batches; None for one device.
    **available: The arguments that `input_fn` may ask for, by name.
      `input_context` is always among them.

  Returns:
    A dataset of `(features, labels)` or of features.

  Raises:
    TypeError: `input_fn` is not callable.
    ValueError: `input_fn` returns something else.
  """
  if not callable(input_fn):
    raise TypeError(f'input_fn must be callable, given: {input_fn!r}')
  names = argument_names(input_fn)
  endless = available.get('mode') == 'train'

  def dataset(input_context: tf.distribute.InputContext) -> tf.data.Dataset:
    arguments = available | {'input_context': input_context}
    arguments = {k: v for k, v in arguments.items() if k in names}
    with tf.device('/cpu:0'):
      bound = functools.partial(input_fn, **arguments)
      data = _without_tuner(_to_dataset(bound, endless))
      return data if strategy is None else _with_any_batch_size(data)

  if strategy is None:
    return dataset(tf.distribute.InputContext())
  return strategy.distribute_datasets_from_function(dataset)


def split(element: Nest) -> tuple[Nest, Nest]:
  """The features and the labels of an element; labels are None if missing."""
  return element if isinstance(element, tuple) else (element, None)


def argument_names(function: Callable[..., Any]) -> tuple[str, ...]:
  """Names of the arguments that a callable, or a partial, still takes."""
  bound = function.keywords if isinstance(function, functools.partial) else {}
  parameters = inspect.signature(function).parameters.values()
  return tuple(
    p.name
    for p in parameters
    if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in bound
  )


def _to_dataset(input_fn: InputFn, endless: bool) -> tf.data.Dataset:
  result, is_renewed = graph_inputs.call(input_fn)
  if isinstance(result, tf.data.Dataset):
    _check_pair(result.element_spec)
    if _has_no_labels(result.element_spec):
      return result.map(lambda features, labels: features)
    return result
  # A pair may be a list too.
  _check_pair(tuple(result) if isinstance(result, list) else result)
  result = _as_elements(result)
  if is_renewed:
    dataset = graph_inputs.dataset_of(
      lambda: _as_elements(input_fn()), result, endless
    )
    if dataset is not None:
      return dataset
  # Tensors are one batch: each training step uses it, the other modes once.
  dataset = tf.data.Dataset.from_tensors(result)
  return dataset.repeat() if endless else dataset


def _has_no_labels(element: Any) -> bool:
  # TensorFlow's class for the type of None has no public name.
  labels = element[1] if isinstance(element, tuple) else element
  return type(labels).__name__ == 'NoneTensorSpec'


def _check_pair(element: Any) -> None:
  if isinstance(element, tuple) and len(element) != 2:
    raise ValueError(
      'input_fn should return (features, labels) as a len 2 tuple.'
    )


def _as_elements(result: Nest) -> Nest:
  """The same nest with tuples in place of lists.

  tf.data takes a list for one tensor that is still to be stacked.
  """
  if isinstance(result, list) and _holds_tensors(result):
    result = tuple(result)
  if isinstance(result, tuple) and len(result) == 2 and result[1] is None:
    return _as_elements(result[0])  # None in place of labels means none.
  if isinstance(result, tuple) and not hasattr(result, '_fields'):
    return tuple(map(_as_elements, result))
  if isinstance(result, Mapping):
    as_elements = {k: _as_elements(v) for k, v in result.items()}
    return type(result)(as_elements)  # type: ignore[call-arg]
  return result


def _holds_tensors(items: list[Any]) -> bool:
  return any(
    tf.is_tensor(item) or isinstance(item, (np.ndarray, Mapping))
    for item in items
  )


def _with_any_batch_size(dataset: tf.data.Dataset) -> tf.data.Dataset:
  """The same dataset without a fixed size of its batches.

  At the end of the data there may be fewer batches than replicas. If their size
  is fixed, TensorFlow leaves these batches out, and an evaluation would miss
  examples; otherwise it gives the other replicas empty batches.
  """
  if dataset.cardinality() == tf.data.INFINITE_CARDINALITY:
    return dataset

  is_pair = isinstance(dataset.element_spec, tuple)

  def relax(*element: Nest) -> Nest:
    relaxed = tf.nest.map_structure(_relax, element)
    return relaxed if is_pair else relaxed[0]

  return dataset.map(relax)


def _relax(tensor: Nest) -> Nest:
  if not isinstance(tensor, tf.Tensor) or not tensor.shape.rank:
    return tensor
  shape = [None, *tensor.shape[1:]]
  return tf.compat.v1.placeholder_with_default(tensor, shape)


def _without_tuner(dataset: tf.data.Dataset) -> tf.data.Dataset:
  """The same dataset without tf.data's tuner, unless its options ask for it.

  In TensorFlow 2.21 the tuner's thread may miss the end of its iterator. The
  iterator then cannot end until the thread wakes: for as long as the iterator
  was in use, up to a minute. Without the tuner, `AUTOTUNE` means one thread for
  each core.
  """
  options = tf.data.Options()
  if dataset.options().autotune.enabled is None:
    options.autotune.enabled = False
  return dataset.with_options(options)
