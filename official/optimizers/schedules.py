"""Learning rates: pure functions from the step to the rate.

Each takes a step as an int or an integer tensor of shape [] and returns a
float32 tensor of shape [].
"""

import math
from collections.abc import Callable, Sequence

import tensorflow as tf

Schedule = Callable[[int | tf.Tensor], tf.Tensor]


def piecewise_constant(
  boundaries: Sequence[int], values: Sequence[float]
) -> Schedule:
  """`values[i]` up to and at step `boundaries[i]`, the last value after.

  Raises:
    ValueError: there is not one value more than boundaries, or the boundaries
      fall.
  """
  if len(values) != len(boundaries) + 1:
    raise ValueError(
      f'there must be one value more than boundaries, given: {len(values)} '
      f'values and {len(boundaries)} boundaries'
    )
  if list(boundaries) != sorted(boundaries):
    raise ValueError(f'boundaries must not fall, given: {list(boundaries)}')

  def rate(step):
    passed = tf.cast(step, tf.int64) > tf.constant(boundaries, tf.int64)
    return tf.gather(
      tf.constant(values, tf.float32), tf.reduce_sum(tf.cast(passed, tf.int32))
    )

  return rate


def with_warmup(schedule: Schedule, peak: float, warmup_steps: int) -> Schedule:
  """From 0 at step 0 in a straight line towards `peak`, then `schedule`.

  Goyal et al. 2017 (https://arxiv.org/abs/1706.02677), section 2.2.
  """

  def rate(step):
    done = tf.cast(step, tf.float32) / max(warmup_steps, 1)
    warming = tf.cast(step, tf.int64) < warmup_steps
    return tf.where(warming, peak * done, schedule(step))

  return rate


def piecewise_constant_with_warmup(
  boundaries: Sequence[int], values: Sequence[float], warmup_steps: int
) -> Schedule:
  """`piecewise_constant` after a warm-up to its first value."""
  return with_warmup(
    piecewise_constant(boundaries, values), values[0], warmup_steps
  )


def cosine(base_lr: float, total_steps: int, warmup_steps: int = 0) -> Schedule:
  """Half a cosine from `base_lr` after the warm-up to 0 at `total_steps`.

  Loshchilov and Hutter 2017 (https://arxiv.org/abs/1608.03983), equation 5,
  without restarts.
  """
  span = max(total_steps - warmup_steps, 1)

  def rate(step):
    done = (tf.cast(step, tf.float32) - warmup_steps) / span
    done = tf.clip_by_value(done, 0.0, 1.0)
    return base_lr * 0.5 * (1 + tf.cos(math.pi * done))

  return with_warmup(rate, base_lr, warmup_steps)


def polynomial(
  base_lr: float,
  total_steps: int,
  warmup_steps: int = 0,
  power: float = 2.0,
  end_lr: float = 0.0,
) -> Schedule:
  """A polynomial from `base_lr` after the warm-up to `end_lr` at the end."""
  span = max(total_steps - warmup_steps, 1)

  def rate(step):
    done = (tf.cast(step, tf.float32) - warmup_steps) / span
    left = 1 - tf.clip_by_value(done, 0.0, 1.0)
    return (base_lr - end_lr) * left**power + end_lr

  return with_warmup(rate, base_lr, warmup_steps)
