"""Scalars of a step: recorded in `model_fn`, written to event files."""

import contextlib
import threading
from collections.abc import Iterator, Mapping

import numpy as np
import tensorflow as tf

_local = threading.local()


def scalar(name: str, tensor: tf.Tensor) -> None:
  """Records a scalar of this step under `name`.

  Called inside a `model_fn`; elsewhere it does nothing. Hooks see the value,
  and the summary hook writes it to the event file. Replicas are averaged.

  Args:
    name: the tag, such as `'learning_rate'`.
    tensor: a number or a tensor of shape [], cast to float32.
  """
  records = getattr(_local, 'records', None)
  if records is not None:
    records[name] = tf.cast(tf.reshape(tensor, []), tf.float32)


@contextlib.contextmanager
def record() -> Iterator[dict[str, tf.Tensor]]:
  """Within it `scalar` fills the dict that it yields."""
  outer = getattr(_local, 'records', None)
  _local.records = {}
  try:
    yield _local.records
  finally:
    _local.records = outer


class EventWriter:
  """Writes scalars to an event file that TensorBoard opens.

  It writes the classic `simple_value` summaries; `tf.summary.scalar` would
  need the tensorboard package, which TensorFlow 2.21 no longer installs.

  Args:
    directory: made on the first write.
  """

  def __init__(self, directory: str):
    self._directory = directory
    self._writer: tf.compat.v1.summary.FileWriter | None = None

  def write(self, values: Mapping[str, object], step: int) -> None:
    """Writes every real number of `values` at `step`; passes over others."""
    summary = tf.compat.v1.Summary()
    for tag, value in values.items():
      if np.ndim(value) == 0 and np.isreal(value):
        summary.value.add(tag=tag, simple_value=float(value))
    if self._writer is None:
      with tf.Graph().as_default():  # FileWriter refuses to be made eagerly.
        self._writer = tf.compat.v1.summary.FileWriter(self._directory)
    self._writer.add_summary(summary, step)

  def flush(self) -> None:
    """Puts what was written on disk."""
    if self._writer is not None:
      self._writer.flush()

  def close(self) -> None:
    """Flushes and closes the file; a later write opens another."""
    if self._writer is not None:
      self._writer.close()
      self._writer = None
