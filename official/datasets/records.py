"""The original's input pipeline over records: `process_record_dataset`."""

from collections.abc import Callable

import tensorflow as tf


def process_record_dataset(
  dataset: tf.data.Dataset,
  is_training: bool,
  batch_size: int,
  shuffle_buffer: int,
  parse_record_fn: Callable[..., tuple[tf.Tensor, tf.Tensor]],
  num_epochs: int | None = 1,
  dtype: tf.DType = tf.float32,
  datasets_num_private_threads: int | None = None,
  drop_remainder: bool = False,
  tf_data_experimental_slack: bool = False,
  *,
  seed: int | None = None,
) -> tf.data.Dataset:
  """Raw records -> batches of `(image, label)`.

  Records are shuffled within an epoch and then repeated, so that epochs do not
  mix. Batches are cut after that, so that one may end an epoch and begin the
  next.

  Args:
    dataset: A dataset of raw records, string [].
    is_training: Whether to shuffle.
    batch_size: Batch size of the result.
    shuffle_buffer: Number of records from which the next one is drawn; the
      number of all records gives a full shuffle.
    parse_record_fn: Function `(record, is_training, dtype)` to image and label.
    num_epochs: Number of passes over the records; None for no end.
    dtype: Dtype of the images.
    datasets_num_private_threads: Number of threads that only this pipeline
      uses; None for the threads that all pipelines share.
    drop_remainder: Whether to leave out a last batch that is smaller.
    tf_data_experimental_slack: Whether to prefetch a little later, while the
      step computes.
    seed: Seed of the shuffle; None for another order every time.
  """
  options = tf.data.Options()
  # The threads work on many images at once, not together on each one.
  options.threading.max_intra_op_parallelism = 1
  if datasets_num_private_threads:
    options.threading.private_threadpool_size = datasets_num_private_threads
  if tf_data_experimental_slack:
    options.experimental_slack = True
  dataset = dataset.prefetch(batch_size)
  if is_training:
    dataset = dataset.shuffle(shuffle_buffer, seed=seed)
  dataset = dataset.repeat(num_epochs)
  dataset = dataset.map(
    lambda record: parse_record_fn(record, is_training, dtype),
    tf.data.AUTOTUNE,
  )
  dataset = dataset.batch(batch_size, drop_remainder)
  return dataset.prefetch(tf.data.AUTOTUNE).with_options(options)
