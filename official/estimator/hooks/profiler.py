"""A hook that records profiles for TensorBoard's profiler."""

import tensorflow as tf

from official.estimator.hooks.base import EstimatorCall, Hook, Timer


class ProfilerHook(Hook):
  """Profiles one loop at every interval, into `output_dir/plugins/profile`.

  Args:
    save_steps: The interval in steps.
    save_secs: The interval in seconds, in place of `save_steps`.
    output_dir: The folder for the profiles; None for the model directory.

  Raises:
    ValueError: Not exactly one interval is given, or it is not positive.
  """

  def __init__(
    self,
    save_steps: int | None = None,
    save_secs: float | None = None,
    output_dir: str | None = None,
  ):
    self._timer = Timer(save_steps, save_secs)
    self._output_dir = output_dir
    self._is_profiling = False

  def begin(self, run: EstimatorCall) -> None:
    """Starts the first interval: the first steps are slower than the rest."""
    self._timer.mark(run.global_step)

  def before_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    if self._timer.is_due(run.global_step):
      self._timer.mark(run.global_step)
      tf.profiler.experimental.start(
        self._output_dir or run.estimator.model_dir
      )
      self._is_profiling = True

  def after_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    self._stop()

  def abort(self, run: EstimatorCall, error: BaseException) -> None:
    """See `Hook`."""
    self._stop()

  def _stop(self) -> None:
    if self._is_profiling:
      self._is_profiling = False
      tf.profiler.experimental.stop()
