"""An `input_fn` of arrays in memory."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf


def numpy_input_fn(
  x: np.ndarray | Mapping[str, np.ndarray],
  y: np.ndarray | None = None,
  batch_size: int = 128,
  num_epochs: int | None = 1,
  shuffle: bool | None = None,
  seed: int = 0,
) -> Callable[..., tf.data.Dataset]:
  """An `input_fn` of the rows of arrays, as `tf.estimator.inputs` had it.

  The order of shuffled rows is a function of the seed and the epoch, so that
  training that goes on from a checkpoint gets the batches that would have come
  next.

  Args:
    x: Features, an array [N, ...] or a dict of such arrays.
    y: Labels [N, ...]; None for features only.
    batch_size: Rows in a batch; the last batch may be smaller.
    num_epochs: Passes over the rows; None for passes without end.
    shuffle: Whether every pass has a new random order; it has no default.
    seed: Seed of the order.

  Raises:
    ValueError: `shuffle` is not given, or the arrays differ in length.
  """
  if shuffle not in (True, False):
    raise ValueError(
      f'shuffle must be given, True or False; given: {shuffle!r}'
    )
  rows = x if y is None else (x, y)
  lengths = {len(array) for array in tf.nest.flatten(rows)}
  if len(lengths) != 1:
    raise ValueError(f'all arrays must be of one length, given: {lengths}')

  def input_fn(mode: str, global_step: int) -> tf.data.Dataset:
    dataset = tf.data.Dataset.from_tensor_slices(rows)
    if shuffle:
      dataset = dataset.shuffle(*lengths, seed=seed)
    dataset = dataset.repeat(num_epochs).batch(batch_size)
    if mode == 'train' and num_epochs is None:
      dataset = dataset.skip(global_step)
    return dataset.prefetch(tf.data.AUTOTUNE)

  return input_fn
