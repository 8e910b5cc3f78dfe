"""`RunState`: the checkpoint that the variables of a run hold.

A run that is killed and started again ends with the same bits as one that never
stopped. For this a checkpoint holds everything that the next step depends on
(variables, slots, the global step; the data are a function of the step), and
the state that it remembers beside the variables takes the log back to the same
moment.
"""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

from official.estimator import checkpoint_folder, checkpoints, warm_start
from official.estimator.agreement import Agreement
from official.estimator.hooks.base import EstimatorCall, Hook
from official.estimator.metrics_log import MetricsLog
from official.estimator.run_config import RunConfig
from official.estimator.variables import VariableStore


class RunState:
  """The variables of a run, and the checkpoints that they go to and come from.

  Args:
    config: The settings of the Estimator.
    model_dir: The folder of the run.
    warm_start_settings: The source of the first values where there is no
      checkpoint; None for initial values.

  Attributes:
    agreement: Decisions together with the other workers.
    store: The variables.
    metrics_log: The log of the folder.
  """

  def __init__(
    self,
    config: RunConfig,
    model_dir: str,
    warm_start_settings: warm_start.WarmStartSettings | None,
  ):
    self._config = config
    self._warm_start = warm_start_settings
    self.agreement = Agreement(config.train_distribute, config.is_chief)
    self.store = VariableStore(config.train_distribute, self._seed())
    self.metrics_log = MetricsLog(model_dir)
    self._checkpoints = checkpoint_folder.Checkpoints(
      model_dir,
      config.keep_checkpoint_max,
      config.keep_checkpoint_every_n_hours,
    )
    # The checkpoint that the variables hold, and the number of variables that
    # it filled: a new mode may make more variables, which are not loaded yet.
    self._loaded: tuple[str | None, int] | None = None
    # The state that checkpoints remember beside the variables, and the
    # checkpoint to which the log and this state belong.
    self._memory: dict[str, Any] = {}
    self._remembered: str | None = None
    self._is_training = False

  def latest(self) -> str | None:
    """The prefix of the newest whole checkpoint; None if there is none."""
    return self._checkpoints.latest()

  def agreed(self) -> str | None:
    """`latest` as the chief sees it; every worker must call it."""
    if not self.agreement.is_shared:
      return self.latest()
    # The others may see the folder later than the chief, or not at all.
    latest = self.latest() if self._config.is_chief else None
    step = self.agreement.from_chief(
      checkpoints.step_of(latest) if latest else -1
    )
    return None if step < 0 else self._checkpoints.prefix(step)

  def load(self, checkpoint: str | None, thorough: bool = True) -> None:
    """Makes the variables hold a checkpoint, or initial values for None.

    Args:
      checkpoint: The prefix of the checkpoint; None for initial values.
      thorough: Whether to check if the user has changed variables made outside.

    Raises:
      RuntimeError: Training would lose the values of its variables.
    """
    to_load = (checkpoint, len(self.store.variables))
    if self._loaded == to_load and self.store.use.is_latest(thorough):
      return
    if self._is_training:
      raise RuntimeError(
        'Training is under way and its variables are not those of '
        f'{checkpoint}: evaluate or predict from a saving listener, after a '
        'checkpoint, or in another Estimator.'
      )
    self.store.use.begin()
    if checkpoint is not None:
      self.store.note_changes()
      checkpoints.restore(checkpoint, self.store.variables)
    else:
      self.store.initialize()
      if self._warm_start:
        warm_start.warm_start(self._warm_start, self.store.variables)
    self.store.use.leave()
    self._loaded = to_load

  def go_back(self, checkpoint: str | None) -> None:
    """Like `load`; also takes the log and the state back to that moment.

    A killed run has logged steps and evaluations that its checkpoint does not
    have. The run that goes on repeats them, to the same bits, and logs them.
    """
    is_loaded = self._loaded == (checkpoint, len(self.store.variables))
    self.load(checkpoint)
    if is_loaded and checkpoint == self._remembered:
      return  # This process has just written it.
    step = int(self.store.global_step.numpy())
    self._memory = {}
    if checkpoint is not None:
      self._memory = checkpoints.state_of(checkpoint)
    self._remembered = checkpoint
    if self._config.is_chief:
      self._checkpoints.mend()
      evaluations = self._memory.get('evaluations', [])
      self.metrics_log.go_back(step, evaluations)

  @contextlib.contextmanager
  def training(self) -> Iterator[None]:
    """Within it the variables change and no checkpoint may be loaded."""
    self._is_training = self.store.use.in_training = True
    try:
      yield
    finally:
      self._is_training = self.store.use.in_training = False
      self.store.use.leave()

  def change(self) -> None:
    """Notes that the variables do not hold a checkpoint any more."""
    self._loaded = None

  def save(self) -> str | None:
    """Saves the variables; returns None where another process does it."""
    step = int(self.store.global_step.numpy())
    prefix = self._checkpoints.prefix(step)
    if self._config.is_chief:
      self._memory['evaluations'] = self.metrics_log.evaluations()
      self._checkpoints.save(self.store.values(), step, self._memory)
    self._remembered = prefix
    # Workers run the same steps, so each holds the values that the chief saves.
    self._loaded = (prefix, len(self.store.variables))
    self.store.use.leave()
    return prefix if self._config.is_chief else None

  def _seed(self) -> int | None:
    seed = self._config.tf_random_seed
    if seed is None and self.agreement.is_shared:
      # Without a common seed each worker would begin with other weights.
      return self.agreement.from_chief(random.getrandbits(31))
    return seed


class VariablesChangeHook(Hook):
  """Notes at each step that the variables do not hold a checkpoint any more.

  Args:
    state: The state of the Estimator's run.
  """

  def __init__(self, state: RunState):
    self._state = state

  def before_run(self, run: EstimatorCall) -> None:
    """See `Hook`."""
    self._state.change()
