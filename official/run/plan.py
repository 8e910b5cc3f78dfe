"""The plan of a run: the steps of its evaluations and of its end."""

import dataclasses
import math

from official.flags import Settings


@dataclasses.dataclass(frozen=True)
class Plan:
  """When to evaluate and when to stop, in global steps from 0.

  Attributes:
    batch_size: Images per step, over all replicas.
    steps_per_epoch: Steps per epoch, which may be a fraction.
    evaluation_steps: The steps after which to evaluate; the last one ends the
      run. Empty if the run only evaluates.
    train_epochs: The epochs of the whole run, which may be a fraction.
  """

  batch_size: int
  steps_per_epoch: float
  evaluation_steps: tuple[int, ...]
  train_epochs: float

  @classmethod
  def of(cls, settings: Settings, num_images: int) -> 'Plan':
    """The plan that the settings ask for.

    An epoch that does not divide by the batch ends inside a step; that step
    belongs to it.

    Args:
      settings: The settings of the run.
      num_images: Training images, which make an epoch.
    """
    epochs = 0 if settings.eval_only else settings.train_epochs
    every = settings.epochs_between_evals
    ends = [*range(every, epochs, every), epochs] if epochs else []
    batch_size = settings.batch_size
    steps = [math.ceil(end * num_images / batch_size) for end in ends]
    limit = settings.max_train_steps
    if limit is not None and steps and limit < steps[-1]:
      steps = [step for step in steps if step < limit] + [limit]
    per_epoch = num_images / batch_size
    trained = min(epochs, steps[-1] / per_epoch) if steps else 0
    return cls(batch_size, per_epoch, tuple(steps), trained)

  @property
  def total_steps(self) -> int:
    """The global step at the end; 0 if the run only evaluates."""
    return self.evaluation_steps[-1] if self.evaluation_steps else 0
