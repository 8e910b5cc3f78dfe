"""Scalars of a step: recorded in `model_fn`, written to event files."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

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

  An event file is a TFRecord file of `Event` messages. The scalars are the
  classic `simple_value` kind; `tf.summary.scalar` would need the tensorboard
  package, which TensorFlow 2.21 no longer installs.

  Args:
    directory: made on the first write.
  """

  def __init__(self, directory: str):
    self._directory = directory
    self._writer: tf.io.TFRecordWriter | None = None

  def write(self, values: Mapping[str, object], step: int) -> None:
    """Writes every real number of `values` at `step`; passes over others."""
    summary = tf.compat.v1.Summary()
    for tag, value in values.items():
      if np.ndim(value) == 0 and np.isreal(value):
        summary.value.add(tag=tag, simple_value=float(value))
    if self._writer is None:
      self._open()
    self._write(step=step, summary=summary)

  def flush(self) -> None:
    """Puts what was written on disk."""
    if self._writer is not None:
      self._writer.flush()

  def _open(self) -> None:
    os.makedirs(self._directory, exist_ok=True)
    name = f'events.out.tfevents.{time.time():.6f}.{socket.gethostname()}'
    self._writer = tf.io.TFRecordWriter(os.path.join(self._directory, name))
    self._write(file_version='brain.Event:2')

  def _write(self, **fields: Any) -> None:
    event = tf.compat.v1.Event(wall_time=time.time(), **fields)
    self._writer.write(event.SerializeToString())
