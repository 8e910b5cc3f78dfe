"""`RunState`: what the variables hold, and which checkpoint that is."""

import contextlib
import random
from collections.abc import Iterator
from typing import Any

from official.estimator import checkpoints
from official.estimator import warm_start as warm_start_lib
from official.estimator.agreement import Agreement
from official.estimator.metrics_log import MetricsLog
from official.estimator.run_config import RunConfig
from official.estimator.variables import VariableStore


class RunState:
  """The variables of a run and the checkpoints they go to and come from.

  Args:
    config: of the Estimator.
    warm_start: what to begin with where there is no checkpoint.

  Attributes:
    agreement: with the other workers.
    store: the variables.
    metrics_log: of the model directory.
  """

  def __init__(
    self,
    config: RunConfig,
    warm_start: warm_start_lib.WarmStartSettings | None,
  ):
    self._config = config
    self._warm_start = warm_start
    self.agreement = Agreement(config.train_distribute, config.is_chief)
    self.store = VariableStore(config.train_distribute, self._seed())
    self.metrics_log = MetricsLog(config.model_dir)
    self._checkpoints = checkpoints.Checkpoints(
      config.model_dir,
      config.keep_checkpoint_max,
      config.keep_checkpoint_every_n_hours,
    )
    # What the variables hold: a checkpoint and how many variables it filled.
    self._loaded: tuple[str | None, int] | None = None
    # What checkpoints remember beside the variables, and as of which one.
    self._memory: dict[str, Any] = {}
    self._remembered: str | None = None
    self._training = False

  def latest(self) -> str | None:
    """Prefix of the newest whole checkpoint; None where there is none."""
    return self._checkpoints.latest()

  def agreed(self) -> str | None:
    """`latest` as the chief sees it; every worker must ask."""
    if not self.agreement.is_shared:
      return self.latest()
    latest = self.latest() if self._config.is_chief else None
    step = self.agreement.from_chief(
      checkpoints.step_of(latest) if latest else -1
    )
    return None if step < 0 else self._checkpoints.prefix(step)

  def load(self, checkpoint: str | None, thorough: bool = True) -> None:
    """Makes the variables hold a checkpoint, or initial values for None.

    Args:
      checkpoint: its prefix.
      thorough: look whether the user has changed variables made outside.

    Raises:
      RuntimeError: training would lose what its variables hold.
    """
    wanted = (checkpoint, len(self.store.variables))
    if self._loaded == wanted and self.store.use.is_latest(thorough):
      return
    if self._training:
      raise RuntimeError(
        'Training is under way and its variables are not those of '
        f'{checkpoint}: evaluate or predict from a saving listener, after a '
        'checkpoint, or in another Estimator.'
      )
    self.store.use.begin()
    if checkpoint is not None:
      self.store.note_changes()
    if checkpoint is not None:
      checkpoints.restore(checkpoint, self.store.variables)
    else:
      self.store.initialize()
      if self._warm_start:
        warm_start_lib.warm_start(self._warm_start, self.store.variables)
    self.store.use.leave()
    self._loaded = wanted

  def go_back(self, checkpoint: str | None) -> None:
    """As `load`, and makes the log and the memory those of that time."""
    is_there = self._loaded == (checkpoint, len(self.store.variables))
    self.load(checkpoint)
    if is_there and checkpoint == self._remembered:
      return  # This process has just written it.
    step = int(self.store.global_step.numpy())
    self._memory = checkpoints.state_of(checkpoint) if checkpoint else {}
    self._remembered = checkpoint
    if self._config.is_chief:
      self._checkpoints.mend()
      evaluations = self._memory.get('evaluations', [])
      self.metrics_log.go_back(step, evaluations)

  @contextlib.contextmanager
  def training(self) -> Iterator[None]:
    """Within it the variables change and no checkpoint may be loaded."""
    self._training = self.store.use.in_training = True
    try:
      yield
    finally:
      self._training = self.store.use.in_training = False
      self.store.use.leave()

  def change(self) -> None:
    """Notes that the variables are those of no checkpoint any more."""
    self._loaded = None

  def save(self) -> str | None:
    """Saves the variables as they are; None where another process does it."""
    step = int(self.store.global_step.numpy())
    prefix = self._checkpoints.prefix(step)
    if self._config.is_chief:
      self._memory['evaluations'] = self.metrics_log.evaluations()
      self._checkpoints.save(self.store.values(), step, self._memory)
    self._remembered = prefix
    # Workers are in step: what the chief saves is what each of them holds.
    self._loaded = (prefix, len(self.store.variables))
    self.store.use.leave()
    return prefix if self._config.is_chief else None

  def _seed(self) -> int | None:
    seed = self._config.tf_random_seed
    if seed is None and self.agreement.is_shared:
      # Else each worker would begin with other weights.
      return self.agreement.from_chief(random.getrandbits(31))
    return seed
