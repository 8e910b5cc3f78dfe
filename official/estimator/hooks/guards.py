"""Hooks that end a run: at a step, or at a loss that is not a number."""

import logging

from official.estimator.hooks.base import EstimatorCall, Hook

logger = logging.getLogger(__name__)


class NanLossDuringTrainingError(RuntimeError):
  """The loss became NaN or infinite."""


class StopAtStepHook(Hook):
  """Stops after a number of further steps, or at a global step.

  Args:
    num_steps: Number of steps to train from the start of the call.
    last_step: The global step to stop at, in place of `num_steps`.

  Raises:
    ValueError: Both steps or neither are given.
  """

  def __init__(
    self, num_steps: int | None = None, last_step: int | None = None
  ):
    if (num_steps is None) == (last_step is None):
      raise ValueError(
        'One of num_steps or last_step must be specified, '
        f'given: {num_steps} and {last_step}'
      )
    self._num_steps, self._last_step = num_steps, last_step

  def begin(self, run: EstimatorCall) -> None:
    """Sets the last step, so that a loop of many steps ends exactly there."""
    last = self._last_step
    if self._num_steps is not None:
      last = run.global_step + self._num_steps
    limits = [step for step in (last, run.last_step) if step is not None]
    run.last_step = min(limits)


class NanTensorHook(Hook):
  """Stops training when the loss of any step was NaN or infinite.

  It reads every step of every loop. It comes before the checkpoint hook, so
  that a checkpoint never holds the weights after such a step.

  Args:
    fail_on_nan_loss: Whether to raise `NanLossDuringTrainingError`; if not,
      training just stops.
  """

  def __init__(self, fail_on_nan_loss: bool = True):
    self._fail = fail_on_nan_loss

  def after_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    history = run.history()
    first = run.global_step - len(history)
    for offset, values in enumerate(history):
      loss = values['loss']
      if loss - loss == 0:  # True only for finite numbers.
        continue
      rate = values.get('learning_rate')
      message = f'loss = {loss} at step {first + offset + 1}' + (
        f', learning_rate = {rate:g}' if rate is not None else ''
      )
      if self._fail:
        raise NanLossDuringTrainingError(
          f'NaN loss during training: {message}. The last checkpoint is from '
          'before it.'
        )
      logger.error('Training stops: %s', message)
      run.request_stop()
      return
