"""Dropout (Srivastava et al. 2014) that a resumed run repeats."""

import zlib

import tensorflow as tf

# The seeds of two steps are this far apart, so that each replica has its own.
_MAX_REPLICAS = 4096


def dropout(inputs: tf.Tensor, rate: float, stream: str) -> tf.Tensor:
  """Tensor -> the same with a share `rate` zeroed and the rest scaled up.

  The mask is a function of only the stream, the replica and the global step. So
  there is no generator whose state a checkpoint would have to hold, and a
  resumed run drops the same values as an uninterrupted one.

  Args:
    inputs: A tensor of any shape.
    rate: Share that is zeroed; the rest is divided by 1 - rate.
    stream: A text that names the layer and the seed; each text has masks of its
      own.

  Raises:
    ValueError: The graph has no global step.
  """
  step = tf.compat.v1.train.get_global_step()
  if step is None:
    raise ValueError('dropout in training needs a global step in the graph')
  replica = tf.distribute.get_replica_context().replica_id_in_sync_group
  # `hash` differs from process to process, a checksum does not.
  key = zlib.crc32(stream.encode())
  seed = tf.stack([
    tf.cast(key, tf.int64),
    tf.cast(step, tf.int64) * _MAX_REPLICAS + tf.cast(replica, tf.int64),
  ])
  return tf.nn.experimental.stateless_dropout(inputs, rate, seed)
