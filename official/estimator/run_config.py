"""`RunConfig`: the settings of an `Estimator`."""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from official.estimator import files

_UNSET: Any = object()  # None already has a meaning.
_DEFAULT_SAVE_SECS = 600
_TF_CONFIG = 'TF_CONFIG'

# `master` is what Cloud ML Engine called the chief.
_CHIEFS = ('chief', 'master')
_TASK_TYPES = (*_CHIEFS, 'worker', 'evaluator')

_AT_LEAST_ZERO = (
  'save_summary_steps',
  'save_checkpoints_steps',
  'save_checkpoints_secs',
  'keep_checkpoint_max',
)
_POSITIVE = (
  'keep_checkpoint_every_n_hours',
  'log_step_count_steps',
  'steps_per_loop',
)


@dataclasses.dataclass(frozen=True)
class RunConfig:
  """Settings of an `Estimator`; immutable, see `replace`.

  The cluster is read from TF_CONFIG when the settings are made; copies keep it.

  Args:
    model_dir: The folder of checkpoints, events and metrics; None if the
      Estimator or TF_CONFIG gives it.
    tf_random_seed: Seed of the initial values; None for a new one in every run.
    save_summary_steps: Steps between summaries, 100 by default; 0 for none.
    save_checkpoints_steps: Steps between checkpoints.
    save_checkpoints_secs: Seconds between checkpoints; 600 if neither interval
      is given. None for both turns checkpoints off.
    keep_checkpoint_max: Number of recent checkpoints to keep, 5 by default;
      None or 0 for all.
    keep_checkpoint_every_n_hours: The interval in hours at which one more
      checkpoint is kept for good, 10,000 by default.
    log_step_count_steps: Steps between log lines, 100 by default; None for
      none.
    steps_per_loop: Number of steps that run inside the graph at most between
      two turns of Python and the hooks; 1 by default.
    train_distribute: The `tf.distribute.Strategy` of training and evaluation;
      None for one device.
    eval_distribute: None or the same strategy.
    jit_compile: Whether to compile the step with XLA, on one device only.

  Raises:
    ValueError: A field, or the environment variable TF_CONFIG, is wrong.
  """

  model_dir: str | None = None
  tf_random_seed: int | None = None
  save_summary_steps: int = 100
  save_checkpoints_steps: int | None = _UNSET
  save_checkpoints_secs: float | None = _UNSET
  keep_checkpoint_max: int | None = 5
  keep_checkpoint_every_n_hours: float = 10000
  log_step_count_steps: int | None = 100
  steps_per_loop: int = 1
  train_distribute: tf.distribute.Strategy | None = None
  eval_distribute: tf.distribute.Strategy | None = None
  jit_compile: bool = False

  # A property of the process, not a setting.
  _cluster: '_Cluster' = dataclasses.field(
    init=False, repr=False, compare=False
  )

  def __post_init__(self) -> None:
    """Fills what depends on other fields and checks them all."""
    cluster = _read_tf_config()
    object.__setattr__(self, '_cluster', cluster)
    self._settle_model_dir(cluster.model_dir)
    self._settle_checkpoint_interval()
    self._check_numbers()
    if self.eval_distribute not in (None, self.train_distribute):
      raise ValueError(
        'eval_distribute must be None or the same object as train_distribute: '
        'the variables belong to one strategy.'
      )

  def replace(self, **kwargs: Any) -> 'RunConfig':
    """A copy with other values for the named fields.

    Raises:
      ValueError: A name is not a field, or a value is wrong.
    """
    names = [field.name for field in dataclasses.fields(self) if field.init]
    for name in kwargs:
      if name not in names:
        raise ValueError(
          f'Replacing {name} is not supported. Allowed properties are {names}.'
        )
    intervals = {'save_checkpoints_steps', 'save_checkpoints_secs'}
    given = {
      name for name in intervals & kwargs.keys() if kwargs[name] is not None
    }
    if len(given) == 1:  # One interval replaces the other.
      kwargs = {(intervals - given).pop(): None, **kwargs}
    copy = dataclasses.replace(self, **kwargs)
    object.__setattr__(copy, '_cluster', self._cluster)
    return copy

  @property
  def task_type(self) -> str:
    """The type of this process's task: `chief`, `worker`, `evaluator`."""
    return self._cluster.task_type

  @property
  def task_id(self) -> int:
    """The index of this process among the tasks of its type."""
    return self._cluster.task_id

  @property
  def is_chief(self) -> bool:
    """Whether this process writes to `model_dir`."""
    return self._cluster.is_chief

  @property
  def reports(self) -> bool:
    """Whether this process writes the results of evaluations, and exports."""
    return self.is_chief or self.task_type == 'evaluator'

  @property
  def num_worker_replicas(self) -> int:
    """The number of processes that train, the chief among them."""
    return self._cluster.num_workers

  @property
  def cluster_spec(self) -> dict[str, list[str]]:
    """Task type to addresses; empty for one process, and for the evaluator."""
    return {k: list(v) for k, v in self._cluster.cluster.items()}

  def _settle_model_dir(self, tf_config_dir: str | None) -> None:
    model_dir = self.model_dir
    if model_dir is not None:
      model_dir = files.local_path('model_dir', model_dir)
      if not model_dir:
        raise ValueError('model_dir should be non-empty.')
    if tf_config_dir is not None:
      tf_config_dir = files.local_path('TF_CONFIG["model_dir"]', tf_config_dir)
    if None not in (model_dir, tf_config_dir) and model_dir != tf_config_dir:
      raise ValueError(
        '`model_dir` provided in RunConfig construct, if set, must have the '
        'same value as the one in TF_CONFIG. '
        f'model_dir: {model_dir}, TF_CONFIG["model_dir"]: {tf_config_dir}.'
      )
    object.__setattr__(self, 'model_dir', model_dir or tf_config_dir)

  def _settle_checkpoint_interval(self) -> None:
    steps, secs = self.save_checkpoints_steps, self.save_checkpoints_secs
    if steps is _UNSET and secs is _UNSET:
      steps, secs = None, _DEFAULT_SAVE_SECS
    steps = None if steps is _UNSET else steps
    secs = None if secs is _UNSET else secs
    if steps is not None and secs is not None:
      raise ValueError(
        'save_checkpoints_steps and save_checkpoints_secs cannot be both set, '
        f'given: {steps} and {secs}'
      )
    object.__setattr__(self, 'save_checkpoints_steps', steps)
    object.__setattr__(self, 'save_checkpoints_secs', secs)

  def _check_numbers(self) -> None:
    seed = self.tf_random_seed
    if seed is not None and not isinstance(seed, int):
      raise ValueError(f'tf_random_seed should be an integer, given: {seed!r}')
    for names, allowed, wrong in (
      (_AT_LEAST_ZERO, '>= 0', lambda value: value < 0),
      (_POSITIVE, '> 0', lambda value: value <= 0),
    ):
      for name in names:
        value = getattr(self, name)
        if value is not None and wrong(value):
          raise ValueError(f'{name} should be {allowed}, given: {value}')


@dataclasses.dataclass(frozen=True)
class _Cluster:
  """The content of TF_CONFIG; one local worker if it is not set."""

  cluster: Mapping[str, list[str]]
  task_type: str
  task_id: int
  is_chief: bool
  num_workers: int
  model_dir: str | None


def _read_tf_config() -> _Cluster:
  text = os.environ.get(_TF_CONFIG) or '{}'
  try:
    config = json.loads(text)
  except json.JSONDecodeError as e:
    raise ValueError(f'TF_CONFIG is not JSON ({e}), given: {text}') from e
  if not isinstance(config, dict):
    raise ValueError(f'TF_CONFIG must be a JSON object, given: {text}')
  cluster = config.get('cluster') or {}
  task = config.get('task') or {}
  model_dir = config.get('model_dir')
  cluster = {name: hosts for name, hosts in cluster.items() if hosts != []}
  for name, hosts in cluster.items():
    if not isinstance(hosts, list):
      raise ValueError(
        f'TF_CONFIG: the tasks of {name} must be a list of addresses, given: '
        f'{hosts!r}'
      )
  if not str(task.get('index', 0)).isdecimal():
    raise ValueError(
      f'TF_CONFIG: the index of the task must be a whole number, given: '
      f'{task["index"]!r}'
    )
  if not cluster:
    if task.get('type', 'worker') != 'worker':
      raise ValueError(
        'If "cluster" is not set in TF_CONFIG, task type must be WORKER.'
      )
    return _Cluster({}, 'worker', 0, True, 1, model_dir)
  return _check_cluster(cluster, task, model_dir)


def _check_cluster(
  cluster: Mapping[str, list[str]],
  task: Mapping[str, Any],
  model_dir: str | None,
) -> _Cluster:
  if 'type' not in task or 'index' not in task:
    raise ValueError(
      'If "cluster" is set in TF_CONFIG, task type and index must be set.'
    )
  task_type, task_id = task['type'], int(task['index'])
  unknown = sorted({task_type, *cluster} - {*_TASK_TYPES, 'ps'})
  if unknown:
    raise ValueError(
      f'TF_CONFIG: task types are {", ".join(_TASK_TYPES)}, given: '
      f'{", ".join(unknown)}'
    )
  chiefs = [name for name in _CHIEFS if name in cluster]
  if sum(len(cluster[name]) for name in chiefs) > 1:
    raise ValueError(f'The cluster must have one chief, given: {cluster}')
  if task_type == 'evaluator':  # It is not one of the processes that train.
    return _Cluster({}, task_type, task_id, False, 0, model_dir)
  if 'ps' in cluster and task_type != 'ps':
    raise ValueError(
      'TF_CONFIG: parameter servers are not supported, and without them each '
      'process would train alone. Leave "ps" out; several workers train '
      'together by a tf.distribute.MultiWorkerMirroredStrategy. Given: '
      f'{cluster}'
    )
  if task_type not in cluster:
    raise ValueError(f'{task_type} is not a task type of {cluster}')
  if not 0 <= task_id < len(cluster[task_type]):
    raise ValueError(f'{task_type} {task_id} is not a task of {cluster}')
  chief_type = chiefs[0] if chiefs else 'worker'
  workers = len(chiefs) + len(cluster.get('worker', []))
  is_chief = task_type == chief_type and task_id == 0
  return _Cluster(cluster, task_type, task_id, is_chief, workers, model_dir)
