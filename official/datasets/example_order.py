"""The order of training: which example each replica takes at each step.

The order is a function of the step, not the state of an iterator: a run that
was killed goes on with exactly the next batch, although nothing about the input
is saved, and it does so with any number of replicas.

A *position* counts the examples of training from 0 without end; epoch e is the
positions `e * size` to `(e + 1) * size`. A global batch is `batch_size` times
the number of replicas; replica r takes the r-th part of it. The replicas that
one input pipeline feeds take turns, as `tf.distribute` asks for their batches.
"""

import tensorflow as tf

_ROUNDS = 4  # of the block cipher behind the permutation; TensorFlow's default


def local_replicas(context: tf.distribute.InputContext) -> tuple[int, int]:
  """Returns the first replica that a pipeline feeds, and how many it feeds."""
  replicas = context.num_replicas_in_sync
  count = max(replicas // context.num_input_pipelines, 1)
  return context.input_pipeline_id * count, count


def training_positions(
  batch_size: int, start_step: int, context: tf.distribute.InputContext
) -> tf.data.Dataset:
  """Returns the positions of one pipeline, int64 [], without end.

  Args:
    batch_size: Batch size of one replica.
    start_step: The global step to begin with.
    context: The place of this pipeline among all pipelines.
  """
  first, count = local_replicas(context)
  replicas = context.num_replicas_in_sync

  def position(element: tf.Tensor) -> tf.Tensor:
    turn, offset = element // batch_size, element % batch_size
    step, replica = turn // count, first + turn % count
    return (step * replicas + replica) * batch_size + offset

  start = start_step * count * batch_size
  return tf.data.Dataset.range(start, tf.int64.max).map(position)


def evaluation_positions(
  size: int, batch_size: int, context: tf.distribute.InputContext
) -> tf.data.Dataset:
  """Returns the positions of one pipeline, int64 [], each once and in order.

  The pipelines take whole batches in turn.

  Args:
    size: Number of examples.
    batch_size: Batch size of one replica.
    context: The place of this pipeline among all pipelines.
  """

  def is_ours(position: tf.Tensor) -> tf.Tensor:
    batch = position // batch_size
    return batch % context.num_input_pipelines == context.input_pipeline_id

  return tf.data.Dataset.range(size).filter(is_ours)


def shuffled_index(position: tf.Tensor, size: int, seed: int) -> tf.Tensor:
  """Positions in training, int64 [N] -> indices of examples, int64 [N].

  Each epoch has every index once, in an order of its own. The permutation is
  a small Feistel-like block cipher on the numbers below `size`
  (`tf.random.experimental.index_shuffle`), with the seed and the epoch as its
  key: any part of it can be computed without the rest. A shuffled list would
  have to be made again from the start of the epoch, and a shuffle buffer mixes
  neighbours only and keeps a state.

  Args:
    position: The positions, int64 [N].
    size: Number of examples in an epoch.
    seed: Seed of the order.
  """
  epoch = tf.cast(position // size, tf.uint32)
  key = tf.constant(seed % 2**32, tf.uint32)
  keys = tf.stack(
    [tf.zeros_like(epoch) + key, epoch, tf.zeros_like(epoch)], axis=1
  )
  # The op itself: the Python function takes one key, and a batch may hold the
  # end of one epoch and the beginning of the next.
  return tf.raw_ops.RandomIndexShuffle(
    index=position % size,
    seed=keys,
    max_index=tf.constant(size - 1, tf.int64),
    rounds=_ROUNDS,
  )
