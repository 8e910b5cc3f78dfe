"""Summaries for TensorBoard: recorded in a `model_fn`, written to files."""

import contextlib
import logging
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from official.estimator import files

logger = logging.getLogger(__name__)

# `scalar` is called anywhere inside a model_fn, as `tf.summary.scalar` was,
# where no object of ours can be passed. Each replica is traced in its own
# thread.
_local = threading.local()


def scalar(name: str, tensor: tf.Tensor) -> None:
  """Records a scalar of this step under a name.

  It is called inside a `model_fn`; elsewhere it does nothing. Hooks see the
  mean of the value over the replicas, and the summary hook writes it to the
  event file.

  Args:
    name: The tag, such as `'learning_rate'`.
    tensor: A number, or a tensor with one element; it is cast to float32.
  """
  records = getattr(_local, 'records', None)
  if records is not None:
    records[name] = tf.cast(tf.reshape(tensor, []), tf.float32)


def classic_scalars() -> dict[str, tf.Tensor]:
  """The scalars that `tf.compat.v1.summary.scalar` has made in this graph.

  Summaries of other kinds are not written; a warning names them.

  Returns:
    Tag to value, float32 [].
  """
  summaries = tf.compat.v1.get_collection(tf.compat.v1.GraphKeys.SUMMARIES)
  scalars, others = {}, []
  for op in (summary.op for summary in summaries):
    if op.type == 'ScalarSummary' and op.inputs[1].shape.rank == 0:
      tag = tf.get_static_value(op.inputs[0]).item()
      scalars[tag.decode()] = tf.cast(op.inputs[1], tf.float32)
    else:
      others.append(op.name)
  if others:
    logger.warning(
      'Only scalar summaries are written; these of model_fn are not: %s.',
      ', '.join(others),
    )
  return scalars


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
  """Writes an event file that TensorBoard opens.

  An event file is a TFRecord file of `Event` messages. The summaries are of the
  classic kinds; `tf.summary` would need the tensorboard package, which
  TensorFlow 2.21 no longer installs.

  Args:
    directory: The folder of the file, made on the first write.

  Raises:
    ValueError: `directory` is a remote path.
  """

  def __init__(self, directory: str):
    self._directory = files.local_path('directory', directory)
    self._writer: tf.io.TFRecordWriter | None = None

  def write(self, values: Mapping[str, object], step: int) -> None:
    """Writes values of any kind by their tags; see `_add_value`."""
    summary = tf.compat.v1.Summary()
    for tag, value in values.items():
      _add_value(summary, tag, value)
    self.write_summary(summary, step)

  def write_image(self, tag: str, image: np.ndarray, step: int) -> None:
    """Writes an image, uint8 [H, W, 1 or 3]."""
    height, width, channels = image.shape
    summary = tf.compat.v1.Summary()
    summary.value.add(
      tag=tag,
      image=tf.compat.v1.Summary.Image(
        height=height,
        width=width,
        colorspace=channels,
        encoded_image_string=tf.io.encode_png(image).numpy(),
      ),
    )
    self.write_summary(summary, step)

  def write_histogram(
    self, tag: str, values: np.ndarray, step: int, bins: int = 30
  ) -> None:
    """Writes a histogram of numbers of any shape, in bins of equal width."""
    values = np.asarray(values, np.float64).ravel()
    counts, edges = np.histogram(values, bins)
    summary = tf.compat.v1.Summary()
    summary.value.add(
      tag=tag,
      histo=tf.compat.v1.HistogramProto(
        min=values.min(),
        max=values.max(),
        num=values.size,
        sum=values.sum(),
        sum_squares=np.square(values).sum(),
        bucket_limit=edges[1:],
        bucket=counts,
      ),
    )
    self.write_summary(summary, step)

  def write_graph(self, graph_def: tf.compat.v1.GraphDef) -> None:
    """Writes a graph."""
    self._write(graph_def=graph_def.SerializeToString())

  def write_summary(self, summary: tf.compat.v1.Summary, step: int) -> None:
    """Writes a summary of any kind."""
    self._write(step=step, summary=summary)

  def flush(self) -> None:
    """Puts everything that was written on disk."""
    if self._writer is not None:
      self._writer.flush()

  def _open(self) -> tf.io.TFRecordWriter:
    os.makedirs(self._directory, exist_ok=True)
    name = f'events.out.tfevents.{time.time():.6f}.{socket.gethostname()}'
    writer = tf.io.TFRecordWriter(os.path.join(self._directory, name))
    writer.write(_event(file_version='brain.Event:2'))
    return writer

  def _write(self, **fields: Any) -> None:
    if self._writer is None:
      self._writer = self._open()
    self._writer.write(_event(**fields))


def _event(**fields: Any) -> bytes:
  """A serialized `Event` message of this moment."""
  event = tf.compat.v1.Event(wall_time=time.time(), **fields)
  return event.SerializeToString()


def _add_value(summary: tf.compat.v1.Summary, tag: str, value: Any) -> None:
  """Adds a value of any kind to a summary.

  Args:
    summary: The summary that gets the value.
    tag: The name of the value.
    value: A real number; or the bytes of another summary, as
      `tf.compat.v1.summary.image` makes them, whose parts become `tag/0`,
      `tag/1` and so on; or an array, which only plugins of TensorBoard show.
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
  """The values of a serialized summary; none if it is something else."""
  from google.protobuf.message import DecodeError

  try:
    values = tf.compat.v1.Summary.FromString(content).value
  except DecodeError:
    return []
  return [v for v in values if v.WhichOneof('value')]
