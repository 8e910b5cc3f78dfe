"""A hook that records profiles for TensorBoard's profiler."""

import tensorflow as tf

from official.estimator.hooks.base import Hook, Run, Timer


class ProfilerHook(Hook):
  """Profiles one loop at every interval, into `output_dir/plugins/profile`.

  Args:
    save_steps: steps between two profiles.
    save_secs: or seconds.
    output_dir: where to write them; None for the model directory.
  """

  def __init__(
    self,
    save_steps: int | None = None,
    save_secs: float | None = None,
    output_dir: str | None = None,
  ):
    self._timer = Timer(save_steps, save_secs)
    self._output_dir = output_dir
    self._running = False

  def begin(self, run: Run) -> None:
    """The first interval starts here: the first steps are no fair sample."""
    self._timer.mark(run.global_step)

  def before_run(self, run: Run) -> None:
    """See `Hook`."""
    if self._timer.is_due(run.global_step):
      self._timer.mark(run.global_step)
      tf.profiler.experimental.start(
        self._output_dir or run.estimator.model_dir
      )
      self._running = True

  def after_run(self, run: Run) -> None:
    """See `Hook`."""
    self._stop()

  def abort(self, run: Run, error: BaseException) -> None:
    """See `Hook`."""
    self._stop()

  def _stop(self) -> None:
    if self._running:
      self._running = False
      tf.profiler.experimental.stop()
