"""From an `input_fn` to an iterator of `(features, labels)`."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import tensorflow as tf


def make_dataset(
  input_fn: Callable[..., Any],
  strategy: tf.distribute.Strategy | None = None,
  **available: Any,
) -> Any:
  """Calls `input_fn` with what it asks for; returns an iterable dataset.

  Args:
    input_fn: returns a `tf.data.Dataset` or tensors; of `(features, labels)`,
      or features alone. Under a strategy its batches are those of one replica.
    strategy: whose replicas the batches go to; None for one device.
    **available: the arguments that it may have, by name. `input_context` is
      always among them.

  Raises:
    TypeError: `input_fn` is not callable.
    ValueError: it returned something else.
  """
  if not callable(input_fn):
    raise TypeError(f'input_fn must be callable, given: {input_fn!r}')
  names = argument_names(input_fn)
  endless = available.get('mode') == 'train'

  def dataset(input_context):
    arguments = available | {'input_context': input_context}
    arguments = {k: v for k, v in arguments.items() if k in names}
    with tf.device('/cpu:0'):
      return _without_tuner(_to_dataset(input_fn(**arguments), endless))

  if strategy is None:
    return dataset(tf.distribute.InputContext())
  return strategy.distribute_datasets_from_function(dataset)


def split(element: Any) -> tuple[Any, Any]:
  """An element of the dataset, as features and labels (None without)."""
  return element if isinstance(element, tuple) else (element, None)


def argument_names(function: Callable[..., Any]) -> tuple[str, ...]:
  """Names of the arguments of a function, partial, method or callable."""
  bound = function.keywords if isinstance(function, functools.partial) else {}
  parameters = inspect.signature(function).parameters.values()
  return tuple(
    p.name
    for p in parameters
    if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD) and p.name not in bound
  )


def _to_dataset(result: Any, endless: bool) -> tf.data.Dataset:
  if isinstance(result, tf.data.Dataset):
    spec = result.element_spec
    if isinstance(spec, tuple) and len(spec) != 2:
      raise ValueError(
        'input_fn should return (features, labels) as a len 2 tuple.'
      )
    return result
  if isinstance(result, (list, tuple)):
    if len(result) != 2:
      raise ValueError(
        'input_fn should return (features, labels) as a len 2 tuple.'
      )
    result = tuple(result)
  # Tensors are one batch. Training goes on with it; the rest sees it once.
  dataset = tf.data.Dataset.from_tensors(result)
  return dataset.repeat() if endless else dataset


def _without_tuner(dataset: tf.data.Dataset) -> tf.data.Dataset:
  """The same without tf.data's tuner, unless it was asked for.

  In TensorFlow 2.21 the tuner's thread misses that its iterator is to end, and
  the end then waits for it to wake: for as long as the iterator was in use, up
  to a minute. `AUTOTUNE` is then a thread a core.
  """
  options = tf.data.Options()
  if dataset.options().autotune.enabled is None:
    options.autotune.enabled = False
  return dataset.with_options(options)
