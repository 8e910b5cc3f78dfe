"""Examples by position: where each replica's share of training lies.

A global batch is `batch_size` times the number of replicas; replica r takes the
r-th part of it. The local replicas of one input pipeline take turns, as
`tf.distribute` asks them to.
"""

import tensorflow as tf

_ROUNDS = 4  # of the cipher behind the permutation; TensorFlow's default


def first_replica(context: tf.distribute.InputContext) -> tuple[int, int]:
  """The first replica of a pipeline, and how many it feeds."""
  replicas = context.num_replicas_in_sync
  local = max(replicas // context.num_input_pipelines, 1)
  return context.input_pipeline_id * local, local


def training_positions(
  batch_size: int, start_step: int, context: tf.distribute.InputContext
) -> tf.data.Dataset:
  """Positions int64 [] in the endless order of training, one by one.

  Args:
    batch_size: of one replica.
    start_step: the global step to begin with.
    context: which pipeline this is.
  """
  first, local = first_replica(context)
  replicas = context.num_replicas_in_sync

  def position(element):
    turn, offset = element // batch_size, element % batch_size
    step, replica = turn // local, first + turn % local
    return (step * replicas + replica) * batch_size + offset

  start = start_step * local * batch_size
  return tf.data.Dataset.range(start, tf.int64.max).map(position)


def evaluation_positions(
  size: int, batch_size: int, context: tf.distribute.InputContext
) -> tf.data.Dataset:
  """Positions int64 [], each once; whole batches go round the pipelines."""

  def is_ours(position):
    batch = position // batch_size
    return batch % context.num_input_pipelines == context.input_pipeline_id

  return tf.data.Dataset.range(size).filter(is_ours)


def shuffled_index(position: tf.Tensor, size: int, seed: int) -> tf.Tensor:
  """Position in the endless order of training -> index of an example.

  Args:
    position: int64 [N]; epoch e is positions `e * size` to `(e + 1) * size`.
    size: examples in an epoch.
    seed: which order.

  Returns:
    int64 [N]; each epoch holds every index once.
  """
  epoch = tf.cast(position // size, tf.uint32)
  key = tf.constant(seed % 2**32, tf.uint32)
  seeds = tf.stack(
    [tf.zeros_like(epoch) + key, epoch, tf.zeros_like(epoch)], axis=1
  )
  return tf.raw_ops.RandomIndexShuffle(
    index=position % size,
    seed=seeds,
    max_index=tf.constant(size - 1, tf.int64),
    rounds=_ROUNDS,
  )
