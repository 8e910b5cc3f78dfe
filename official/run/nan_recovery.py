"""`--on_nan restore`: the last checkpoint again, with half the rate."""

import tensorflow as tf

from official import estimator as estimator_lib
from official.optimizers import schedules

MOST_HALVINGS = 10  # a thousandth of the rate; more will not help

_KEY = 'learning_rate_halvings'


class HalvedRate:
  """A learning rate that was halved as often as the run's checkpoint tells.

  Args:
    learning_rate_fn: global step to rate, before it is halved.
  """

  def __init__(self, learning_rate_fn: schedules.LearningRateFn):
    self._learning_rate_fn = learning_rate_fn
    self._halvings = 0

  def __call__(self, global_step: tf.Tensor) -> tf.Tensor:
    """Global step to rate."""
    return self._learning_rate_fn(global_step) * 0.5**self._halvings

  def __deepcopy__(self, memo: dict) -> 'HalvedRate':
    """Itself: an Estimator copies its params, and the rate is one."""
    return self

  def load(self, estimator: estimator_lib.Estimator) -> None:
    """Takes the number of halvings from the newest checkpoint."""
    self._halvings = estimator.agreement.from_chief(_halvings_of(estimator))

  def halve(self, estimator: estimator_lib.Estimator) -> bool:
    """Notes one more in the newest checkpoint; False if there were too many."""
    if self._halvings >= MOST_HALVINGS:
      return False
    self._halvings += 1
    if estimator.config.is_chief:
      checkpoint = estimator.latest_checkpoint()
      estimator_lib.remember(checkpoint, {_KEY: self._halvings})
    return True


def _halvings_of(estimator: estimator_lib.Estimator) -> int:
  checkpoint = estimator.latest_checkpoint()
  state = estimator_lib.state_of(checkpoint) if checkpoint else {}
  return state.get(_KEY, 0)
