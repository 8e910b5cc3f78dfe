"""Warm start: initial values taken from another run's checkpoint."""

import dataclasses
import logging
import os
import re
from collections.abc import Iterable, Mapping

import tensorflow as tf

from official.estimator import checkpoints, files

logger = logging.getLogger(__name__)

# Slots of this package's and TensorFlow 1's optimizers.
_SLOT = re.compile(
  r'(^|/)(Momentum|Adam|Adam_1|Adadelta|Adadelta_1|beta1_power|beta2_power)$'
)
# The variables of `export.export_saved_model`.
_EXPORTED = re.compile(r'variables_by_name/([^/]+)/.ATTRIBUTES/VARIABLE_VALUE$')

_OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'  # In every SavedModel.


class WarmStartError(ValueError):
  """There is no checkpoint to start from, or nothing in it fits."""


@dataclasses.dataclass(frozen=True)
class WarmStartSettings:
  """What to take from which checkpoint.

  Attributes:
    ckpt_to_initialize_from: a checkpoint prefix, a directory of checkpoints,
      or a SavedModel directory.
    vars_to_warm_start: regular expression, or several, searched in the
      variable names; None for no variable. Moving statistics of batch norm
      match like any other variable; optimizer slots and the global step are
      never taken.
    var_name_to_prev_var_name: name here to name in the checkpoint, where they
      differ.
  """

  ckpt_to_initialize_from: str
  vars_to_warm_start: str | Iterable[str] | None = '.*'
  var_name_to_prev_var_name: Mapping[str, str] = dataclasses.field(
    default_factory=dict
  )


def settings_of(warm_start_from: object) -> WarmStartSettings | None:
  """Checks the `warm_start_from` of an Estimator.

  Raises:
    ValueError: it is neither None, a path nor `WarmStartSettings`.
  """
  if isinstance(warm_start_from, (str, os.PathLike)):
    warm_start_from = WarmStartSettings(os.fspath(warm_start_from))
  if isinstance(warm_start_from, WarmStartSettings):
    files.local_path('warm_start_from', warm_start_from.ckpt_to_initialize_from)
  if warm_start_from is None or isinstance(warm_start_from, WarmStartSettings):
    return warm_start_from
  raise ValueError(
    'warm_start_from must be None, a path or WarmStartSettings, '
    f'given: {warm_start_from!r}'
  )


def warm_start(
  settings: WarmStartSettings, variables: Mapping[str, tf.Variable]
) -> list[str]:
  """Loads what matches into `variables` and logs what did not.

  Returns:
    Names of the variables that were loaded.

  Raises:
    WarmStartError: there is no checkpoint, or nothing in it matches.
  """
  prefix = find_checkpoint(settings.ckpt_to_initialize_from)
  reader = checkpoints.read(prefix)
  shapes = reader.get_variable_to_shape_map()
  keys = {_variable_name(key): key for key in shapes}
  loaded, missing, mismatched = [], [], []
  for name in _select(settings.vars_to_warm_start, variables):
    key = keys.get(settings.var_name_to_prev_var_name.get(name, name))
    if key is None:
      missing.append(name)
    elif shapes[key] != variables[name].shape.as_list():
      mismatched.append(name)
    else:
      variables[name].assign(reader.get_tensor(key))
      loaded.append(name)
  if not loaded:
    raise WarmStartError(
      f'Warm start from {prefix} loaded nothing: no variable that matches '
      f'{settings.vars_to_warm_start!r} is there with the same name and shape.'
    )
  logger.info(
    'Warm start from %s: %d variables loaded, %d not in it %s, '
    '%d of another shape %s.',
    prefix,
    len(loaded),
    len(missing),
    missing,
    len(mismatched),
    mismatched,
  )
  return loaded


def _select(
  patterns: str | Iterable[str] | None, variables: Mapping[str, tf.Variable]
) -> list[str]:
  if patterns is None:
    return []
  patterns = [patterns] if isinstance(patterns, str) else list(patterns)
  return [
    name
    for name in variables
    if name != 'global_step'
    and not _SLOT.search(name)
    and any(re.search(pattern, name) for pattern in patterns)
  ]


def _variable_name(key: str) -> str:
  """The name that a checkpoint's key stands for: the key, but in our exports.

  There it is a path through objects, in which TensorFlow escapes `/` and `.`.
  """
  match = _EXPORTED.match(key)
  if not match:
    return key
  return match[1].replace('.S', '/').replace('..', '.')


def find_checkpoint(path: str) -> str:
  """The checkpoint that a path means.

  Args:
    path: a checkpoint prefix, a directory of checkpoints, or a SavedModel.

  Returns:
    The prefix of a checkpoint that is there.

  Raises:
    WarmStartError: there is none.
  """
  try:
    path = files.local_path('the checkpoint', path)
  except ValueError as e:
    raise WarmStartError(str(e)) from e
  prefix = path
  saved_model = os.path.join(path, 'variables', 'variables')
  if os.path.exists(f'{saved_model}.index'):
    prefix = saved_model
  elif os.path.isdir(path):
    latest = checkpoints.Checkpoints(path).latest()
    prefix = latest or _named_latest(path) or path
  if not os.path.exists(f'{prefix}.index'):
    raise WarmStartError(
      f'there is no checkpoint at {path}; allowed are a prefix such as '
      'model.ckpt-100, a folder of checkpoints or a SavedModel'
    )
  names = checkpoints.read(prefix).get_variable_to_shape_map()
  if names.keys() <= {_OBJECT_GRAPH}:
    raise WarmStartError(
      f'{path} was exported frozen and holds no variables; give the folder of '
      'the run that it came from'
    )
  return prefix


def _named_latest(directory: str) -> str | None:
  """What the file `checkpoint` names, whatever the checkpoint is called.

  `tf.train.latest_checkpoint` would take the name for a pattern.
  """
  state = tf.train.get_checkpoint_state(directory)
  return state.model_checkpoint_path if state else None
