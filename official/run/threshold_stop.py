"""`--stop_threshold` where `train_and_evaluate` decides when to evaluate."""

from official import estimator as estimator_lib


class ThresholdStop(estimator_lib.Hook):
  """Ends `train_and_evaluate` after an evaluation that is good enough.

  Args:
    threshold: The accuracy at which to end; None for never.

  Attributes:
    has_stopped: Whether it has ended a run.
    listener: A listener that must be called at the checkpoints.
  """

  def __init__(self, threshold: float | None):
    self.threshold = threshold
    self.has_stopped = False
    self.listener = _SaveListener()

  def after_run(self, run: estimator_lib.Run) -> None:
    """See `Hook`."""
    if self.threshold is None or not self.listener.has_saved:
      return
    self.listener.has_saved = False
    done = run.estimator.metrics_log.read('eval')
    reached = bool(done) and done[-1]['accuracy'] >= self.threshold
    if run.estimator.agreement.from_chief(reached):
      self.has_stopped = True
      run.request_stop()


class _SaveListener(estimator_lib.CheckpointSaverListener):
  """Notes that there was a checkpoint, which an evaluation follows."""

  has_saved = False

  def after_save(self, run: estimator_lib.Run, step: int) -> None:
    """See `CheckpointSaverListener`."""
    self.has_saved = step != run.first_step
