"""Hooks that end a run: at a step, or at a loss that is no number."""

import logging

from official.estimator.hooks.base import Hook, Run

logger = logging.getLogger(__name__)


class NanLossDuringTrainingError(RuntimeError):
  """The loss became NaN or infinite."""


class StopAtStepHook(Hook):
  """Stops after so many more steps, or at an absolute one.

  Args:
    num_steps: steps from where the run starts.
    last_step: or the global step to stop at.

  Raises:
    ValueError: both or neither are given.
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

  def begin(self, run: Run) -> None:
    """Tells the loop, so that a loop of many steps does not run past it."""
    last = self._last_step
    if last is None:
      last = run.global_step + self._num_steps
    run.last_step = last if run.last_step is None else min(last, run.last_step)


class NanTensorHook(Hook):
  """Stops training when the loss of any step was NaN or infinite.

  Every step of every loop counts. It runs before the checkpoint hook, so what
  such a step made of the weights is never saved.

  Args:
    fail_on_nan_loss: raise, or else just stop.
  """

  def __init__(self, fail_on_nan_loss: bool = True):
    self._fail = fail_on_nan_loss

  def after_run(self, run: Run) -> None:
    """See `Hook`."""
    history = run.history()
    first = run.global_step - len(history)
    for offset, values in enumerate(history):
      loss = values['loss']
      if loss - loss == 0:  # True for finite numbers alone.
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
