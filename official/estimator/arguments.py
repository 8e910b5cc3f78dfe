"""The arguments of an `Estimator` and of its methods, checked."""

import logging
import os
import tempfile
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from official.estimator import files, inputs
from official.estimator.hooks.base import check_methods
from official.estimator.run_config import RunConfig

logger = logging.getLogger(__name__)

_Item = TypeVar('_Item')

_MODEL_FN_ARGS = {'features', 'labels', 'mode', 'params', 'self', 'config'}


def check_model_fn(model_fn: Callable[..., Any], params: Any) -> set[str]:
  """The names of the arguments of a model_fn.

  Raises:
    ValueError: `model_fn` is None, does not take `features`, takes an argument
      that is not allowed, or does not take `params` although there are some.
  """
  if model_fn is None:
    raise ValueError('model_fn must be provided to Estimator.')
  names = set(inputs.argument_names(model_fn))
  if 'features' not in names:
    raise ValueError(f'model_fn ({model_fn}) must include features argument.')
  unexpected = sorted(names - _MODEL_FN_ARGS)
  if unexpected:
    raise ValueError(
      f'model_fn ({model_fn}) has following not expected args: {unexpected}'
    )
  if params is not None and 'params' not in names:
    raise ValueError(
      f'model_fn ({model_fn}) does not include params argument, but params '
      f'({params}) is passed to Estimator.'
    )
  if params is None and 'params' in names:
    logger.warning('model_fn takes params, but none are given to Estimator.')
  return names


def settle_config(
  config: RunConfig | None, model_dir: str | os.PathLike[str] | None
) -> tuple[RunConfig, str]:
  """The config with a `model_dir`, and that directory.

  The directory is the given one, otherwise that of the config, otherwise a new
  temporary directory.

  Raises:
    ValueError: `config` is not a `RunConfig`, or `model_dir` is empty or
      differs from that of the config.
  """
  if config is None:
    config = RunConfig()
  if not isinstance(config, RunConfig):
    raise ValueError(
      f'config must be an instance of RunConfig, but provided {config!r}.'
    )
  path = config.model_dir
  if model_dir is not None:
    path = files.local_path('model_dir', model_dir)
    if not path:
      raise ValueError('model_dir should be non-empty.')
    if config.model_dir not in (None, path):
      raise ValueError(
        '`model_dir` are set both in constructor and `RunConfig`, but with '
        f'different values. In constructor: {path!r}, in `RunConfig`: '
        f'{config.model_dir!r}'
      )
  if path is None:
    path = tempfile.mkdtemp()
    logger.warning('Using temporary folder as model directory: %s', path)
  return config.replace(model_dir=path), path


def check_steps(steps: int | None = None, max_steps: int | None = None) -> None:
  """Checks that at most one of the two is given, and that it is positive.

  Raises:
    ValueError: Both are given, or the given one is not positive.
  """
  if steps is not None and max_steps is not None:
    raise ValueError('Can not provide both steps and max_steps.')
  for name, value in (('steps', steps), ('max_steps', max_steps)):
    if value is not None and value <= 0:
      raise ValueError(f'Must specify {name} > 0, given: {value}')


def check_can_train(config: RunConfig, is_shared: bool) -> None:
  """Checks that a process with this config may train.

  Args:
    config: The config of the Estimator.
    is_shared: Whether its strategy trains together with other workers.

  Raises:
    ValueError: The process is a parameter server or an evaluator, or a worker
      that would train by itself although the cluster has others.
  """
  if config.task_type == 'ps':
    raise ValueError('Parameter servers are not supported.')
  if config.task_type == 'evaluator':
    raise ValueError(
      'Train has been called with the wrong configuration. Please use '
      'train_and_evaluate, which calls the right method for the task type, '
      f'given: {config.task_type}'
    )
  if config.num_worker_replicas > 1 and not is_shared:
    raise ValueError(
      f'TF_CONFIG names {config.num_worker_replicas} workers, each of '
      'which would train alone: RunConfig.train_distribute must be a '
      'tf.distribute.MultiWorkerMirroredStrategy.'
    )


def checked_list(
  items: Iterable[_Item] | None, kind: type[_Item], name: str
) -> list[_Item]:
  """The items as a list, which is empty for None.

  Args:
    items: Hooks, or listeners; None for none.
    kind: The class that all of them must have.
    name: The name of the argument, for the message.

  Raises:
    TypeError: An item is of another class, or was written for tf.estimator.
  """
  checked = list(items or ())
  for item in checked:
    if not isinstance(item, kind):
      raise TypeError(
        f'{name} must be a list of {kind.__name__}, given: {item!r}'
      )
    check_methods(item)
  return checked
