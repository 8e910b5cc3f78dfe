"""Learning-rate schedules: pure functions from the global step to the rate.

Because a rate depends only on the step, a resumed run has the rates of an
uninterrupted one.
"""

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

# Function from the global step, an int or an integer tensor [], to float32 [].
LearningRateFn = Callable[[int | tf.Tensor], tf.Tensor]


def piecewise_constant(
  boundaries: Sequence[int], values: Sequence[float]
) -> LearningRateFn:
  """`values[i]` up to and at step `boundaries[i]`, the last value afterwards.

  Args:
    boundaries: Steps in ascending order.
    values: Rates, one more than boundaries.

  Raises:
    ValueError: The number of values is wrong, or the boundaries do not ascend.
  """
  if len(values) != len(boundaries) + 1:
    raise ValueError(
      f'there must be one value more than boundaries, given: {len(values)} '
      f'values and {len(boundaries)} boundaries'
    )
  if list(boundaries) != sorted(boundaries):
    raise ValueError(f'boundaries must not fall, given: {list(boundaries)}')

  def rate(step: int | tf.Tensor) -> tf.Tensor:
    passed = tf.cast(step, tf.int64) > tf.constant(boundaries, tf.int64)
    return tf.gather(
      tf.constant(values, tf.float32), tf.reduce_sum(tf.cast(passed, tf.int32))
    )

  return rate


def with_warmup(
  learning_rate_fn: LearningRateFn, peak: float, warmup_steps: int
) -> LearningRateFn:
  """A straight line from 0 at step 0 towards `peak`, then another schedule.

  This is the gradual warmup of Goyal et al. 2017
  (https://arxiv.org/abs/1706.02677), section 2.2: with the large rate of a
  large batch the first steps would diverge.

  Args:
    learning_rate_fn: The schedule from step `warmup_steps` on.
    peak: The rate that the line would reach at `warmup_steps`.
    warmup_steps: Number of steps; 0 for no warmup.
  """

  def rate(step: int | tf.Tensor) -> tf.Tensor:
    done = tf.cast(step, tf.float32) / max(warmup_steps, 1)
    is_warming_up = tf.cast(step, tf.int64) < warmup_steps
    return tf.where(is_warming_up, peak * done, learning_rate_fn(step))

  return rate


def cosine(
  base_lr: float, total_steps: int, warmup_steps: int = 0
) -> LearningRateFn:
  """Half a cosine from `base_lr` after the warmup to 0 at `total_steps`.

  Loshchilov and Hutter 2017 (https://arxiv.org/abs/1608.03983), equation 5,
  without restarts.

  Args:
    base_lr: The rate at the end of the warmup.
    total_steps: The step at which the rate is 0; it stays so.
    warmup_steps: Number of steps of the warmup, which is part of the total.
  """

  def rate(step: int | tf.Tensor) -> tf.Tensor:
    done = _share_done(step, total_steps, warmup_steps)
    return base_lr * 0.5 * (1 + tf.cos(math.pi * done))

  return with_warmup(rate, base_lr, warmup_steps)


def polynomial(
  base_lr: float,
  total_steps: int,
  warmup_steps: int = 0,
  power: float = 2.0,
  end_lr: float = 0.0,
) -> LearningRateFn:
  """A polynomial from `base_lr` after the warmup to `end_lr` at the end.

  `end_lr + (base_lr - end_lr) * left ** power`, where `left` falls from 1 to 0.

  Args:
    base_lr: The rate at the end of the warmup.
    total_steps: The step at which the rate is `end_lr`; it stays so.
    warmup_steps: Number of steps of the warmup, which is part of the total.
    power: Exponent; 1 is a straight line.
    end_lr: The last rate.
  """

  def rate(step: int | tf.Tensor) -> tf.Tensor:
    left = 1 - _share_done(step, total_steps, warmup_steps)
    return (base_lr - end_lr) * left**power + end_lr

  return with_warmup(rate, base_lr, warmup_steps)


def _share_done(
  step: int | tf.Tensor, total_steps: int, warmup_steps: int
) -> tf.Tensor:
  """The share of the steps after the warmup that are done, from 0 to 1."""
  num_steps = max(total_steps - warmup_steps, 1)
  done = (tf.cast(step, tf.float32) - warmup_steps) / num_steps
  return tf.clip_by_value(done, 0.0, 1.0)
