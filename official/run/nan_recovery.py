"""`--on_nan restore`: training from the last checkpoint with half the rate."""

import dataclasses
from typing import Any

import tensorflow as tf

from official import estimator as estimator_lib
from official.optimizers import schedules

MOST_HALVINGS = 10  # Down to a thousandth of the rate; more would not help.

_KEY = 'learning_rate_halvings'


@dataclasses.dataclass(frozen=True)
class HalvedRate:
  """A learning rate that was halved a number of times.

  Attributes:
    learning_rate_fn: Function from the global step to the rate before halving.
    halvings: Number of times that it was halved.
  """

  learning_rate_fn: schedules.LearningRateFn
  halvings: int = 0

  def __call__(self, global_step: tf.Tensor) -> tf.Tensor:
    """Global step to rate."""
    return self.learning_rate_fn(global_step) * 0.5**self.halvings

  def __deepcopy__(self, memo: dict[int, Any]) -> 'HalvedRate':
    # An Estimator copies its params; the user's rate may hold what cannot be
    # copied, such as a variable.
    return self

  def halved(self, times: int = 1) -> 'HalvedRate':
    """This rate, halved some more times."""
    return dataclasses.replace(self, halvings=self.halvings + times)


def halvings_of(estimator: estimator_lib.Estimator) -> int:
  """The number of halvings of a run's rate, by its newest checkpoint."""
  checkpoint = estimator.latest_checkpoint()
  state = estimator_lib.state_of(checkpoint) if checkpoint else {}
  return estimator.agreement.from_chief(state.get(_KEY, 0))


def remember(estimator: estimator_lib.Estimator, halvings: int) -> None:
  """Stores in the newest checkpoint how often the rate was halved.

  So a run that is killed and started again goes on with the same rate.
  """
  if estimator.config.is_chief:
    checkpoint = estimator.latest_checkpoint()
    assert checkpoint is not None  # Training has gone back to it.
    estimator_lib.remember(checkpoint, {_KEY: halvings})
