"""The arguments of an `Estimator` and of its methods, checked."""

import logging
import os
import tempfile
from collections.abc import Callable
from typing import Any

from official.estimator import files, inputs
from official.estimator.run_config import RunConfig

logger = logging.getLogger(__name__)

_MODEL_FN_ARGS = {'features', 'labels', 'mode', 'params', 'self', 'config'}


def check_model_fn(model_fn: Callable[..., Any], params: Any) -> set[str]:
  """The names of the arguments of a model_fn.

  Raises:
    ValueError: it is None, lacks `features`, has an argument that is not
      allowed, or does not take the `params` there are.
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
  config: RunConfig | None, model_dir: str | os.PathLike | None
) -> RunConfig:
  """The config with a `model_dir`: given, in it already, or a temporary one.

  Raises:
    ValueError: no `RunConfig`, an empty `model_dir` or two different ones.
  """
  if config is None:
    config = RunConfig()
  if not isinstance(config, RunConfig):
    raise ValueError(
      f'config must be an instance of RunConfig, but provided {config!r}.'
    )
  if model_dir is not None:
    model_dir = files.local_path('model_dir', model_dir)
  if model_dir == '':
    raise ValueError('model_dir should be non-empty.')
  if (
    None not in (model_dir, config.model_dir) and model_dir != config.model_dir
  ):
    raise ValueError(
      '`model_dir` are set both in constructor and `RunConfig`, but with '
      f'different values. In constructor: {model_dir!r}, in `RunConfig`: '
      f'{config.model_dir!r}'
    )
  model_dir = model_dir or config.model_dir
  if model_dir is None:
    model_dir = tempfile.mkdtemp()
    logger.warning('Using temporary folder as model directory: %s', model_dir)
  return config.replace(model_dir=model_dir)


def check_steps(steps: int | None = None, max_steps: int | None = None) -> None:
  """Checks that at most one is given, and that it is positive.

  Raises:
    ValueError: otherwise.
  """
  if steps is not None and max_steps is not None:
    raise ValueError('Can not provide both steps and max_steps.')
  for name, value in (('steps', steps), ('max_steps', max_steps)):
    if value is not None and value <= 0:
      raise ValueError(f'Must specify {name} > 0, given: {value}')


def check_all(items: Any, kind: type, name: str) -> list[Any]:
  """The items as a list, none for None.

  Raises:
    TypeError: one is not of that kind.
  """
  items = list(items or ())
  for item in items:
    if not isinstance(item, kind):
      raise TypeError(
        f'{name} must be a list of {kind.__name__}, given: {item!r}'
      )
  return items
