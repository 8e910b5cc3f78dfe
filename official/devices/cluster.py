"""The cluster of a run, as TF_CONFIG or the flags describe it.

TF_CONFIG is the environment variable that TensorFlow uses everywhere; the flags
are `--worker_hosts` and `--task_index`. Either way a `RunConfig` of the
Estimator knows the workers, and the place of this process among them.
"""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from official.errors import UsageError
from official.estimator import RunConfig
from official.flags import Settings

_TF_CONFIG = 'TF_CONFIG'
_STRATEGY = 'multi_worker_mirrored'


def from_settings(settings: Settings) -> RunConfig:
  """Reads the cluster, and checks that the strategy suits it.

  Args:
    settings: The settings of the run.

  Raises:
    UsageError: The strategy does not suit the cluster; also see `read`.
  """
  config = read(settings.worker_hosts, settings.task_index)
  workers = config.num_worker_replicas
  kind = settings.distribution_strategy
  if workers > 1 and kind not in (None, _STRATEGY):
    raise UsageError(
      f'--distribution_strategy {kind} is for one process; a cluster of '
      f'{workers} workers needs {_STRATEGY}'
    )
  if kind == _STRATEGY and workers == 1:
    raise UsageError(
      f'--distribution_strategy {_STRATEGY} needs several workers, by '
      '--worker_hosts or TF_CONFIG'
    )
  return config


def read(
  worker_hosts: Sequence[str] | None, task_index: int | None
) -> RunConfig:
  """Reads the cluster from flags or from TF_CONFIG.

  Args:
    worker_hosts: `host:port` of every worker; the first one is the chief.
    task_index: The index of this process among the workers, from 0.

  Returns:
    A `RunConfig`, which knows the tasks.

  Raises:
    UsageError: Both name a cluster, or the content of TF_CONFIG is wrong.
  """
  if worker_hosts and os.environ.get(_TF_CONFIG):
    raise UsageError(
      '--worker_hosts and the environment variable TF_CONFIG both name a '
      'cluster; give one of them'
    )
  content = None
  if worker_hosts and len(worker_hosts) > 1:
    content = {
      'cluster': {'worker': [*worker_hosts]},
      'task': {'type': 'worker', 'index': task_index},
    }
  try:
    with _tf_config(content):
      config = RunConfig()
  except ValueError as e:
    raise UsageError(str(e)) from e
  if config.task_type not in ('chief', 'worker'):
    raise UsageError(
      f'TF_CONFIG: a task {config.task_type} has nothing to do here: all '
      'workers train and evaluate together'
    )
  return config


@contextlib.contextmanager
def _tf_config(content: Mapping[str, Any] | None) -> Iterator[None]:
  """Sets TF_CONFIG within the context, if there is any content.

  A RunConfig reads the variable once, when it is made. Afterwards the variable
  is restored: processes that start later must not find it.
  """
  if content is None:
    yield
    return
  before = os.environ.get(_TF_CONFIG)
  os.environ[_TF_CONFIG] = json.dumps(content)
  try:
    yield
  finally:
    del os.environ[_TF_CONFIG]
    if before is not None:
      os.environ[_TF_CONFIG] = before


def name_of(config: RunConfig) -> str:
  """Returns a name such as `worker 1 of 4`; worker 1 is the chief."""
  return f'worker {index_of(config) + 1} of {config.num_worker_replicas}'


def addresses(config: RunConfig) -> list[str]:
  """Returns `host:port` of the chief and then of the other workers."""
  cluster = config.cluster_spec
  return [*cluster.get('chief', []), *cluster.get('worker', [])]


def index_of(config: RunConfig) -> int:
  """Returns the index of this process among `addresses`."""
  chiefs = len(config.cluster_spec.get('chief', []))
  return config.task_id + (chiefs if config.task_type == 'worker' else 0)
