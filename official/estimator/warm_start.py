"""Warm start: initial values from the checkpoint of another run."""

import dataclasses
import logging
import os
import re
from collections.abc import Iterable, Mapping

import tensorflow as tf

from official.estimator import checkpoint_listing, checkpoints, files, slots

logger = logging.getLogger(__name__)

# The keys of variables in the SavedModels of `export.export_saved_model`.
_EXPORTED = re.compile(r'variables_by_name/([^/]+)/.ATTRIBUTES/VARIABLE_VALUE$')

_OBJECT_GRAPH = '_CHECKPOINTABLE_OBJECT_GRAPH'  # a key of every SavedModel


class WarmStartError(ValueError):
  """There is no checkpoint to start from, or none of its variables fits."""


class IncompleteWarmStartError(WarmStartError):
  """A checkpoint lacks variables that had to come from it."""


@dataclasses.dataclass(frozen=True)
class WarmStartSettings:
  """Which variables to take from which checkpoint.

  Attributes:
    ckpt_to_initialize_from: A checkpoint prefix, a directory of checkpoints, or
      the directory of a SavedModel.
    vars_to_warm_start: One regular expression or several, which are searched
      for in the names of variables; None for no variable. Moving statistics of
      batch normalization match like any other variable; what an optimizer keeps
      (see `slots`) and the global step are never taken.
    var_name_to_prev_var_name: Name of a variable to its name in the checkpoint,
      where the two differ.
    complete: Whether all variables that match must be in the checkpoint with
      the same shape. If not, missing variables keep their initial values, and a
      warning names them.
  """

  ckpt_to_initialize_from: str
  vars_to_warm_start: str | Iterable[str] | None = '.*'
  var_name_to_prev_var_name: Mapping[str, str] = dataclasses.field(
    default_factory=dict
  )
  complete: bool = False


def settings_of(warm_start_from: object) -> WarmStartSettings | None:
  """The settings that the `warm_start_from` of an Estimator means.

  Raises:
    ValueError: The argument is not None, a path or `WarmStartSettings`, or the
      path is remote.
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
  """Loads the variables that match, and logs those that do not.

  Args:
    settings: Which variables to take from which checkpoint.
    variables: Name to variable.

  Returns:
    Names of the variables that were loaded.

  Raises:
    WarmStartError: There is no checkpoint, or nothing in it matches.
    IncompleteWarmStartError: The settings are `complete`, and variables are
      missing or have another shape; then nothing is changed.
  """
  prefix = find_checkpoint(settings.ckpt_to_initialize_from)
  reader = checkpoints.read(prefix)
  shapes = reader.get_variable_to_shape_map()
  keys = {_variable_name(key): key for key in shapes}
  loaded, missing, mismatched = {}, [], []
  for name in _select(settings.vars_to_warm_start, variables):
    key = keys.get(settings.var_name_to_prev_var_name.get(name, name))
    shape = variables[name].shape.as_list()
    if key is None:
      missing.append(name)
    elif shapes[key] != shape:
      mismatched.append(f'{name} {shapes[key]}, here {shape}')
    else:
      loaded[name] = key
  lacks = _lacks(missing, mismatched)
  if settings.complete and lacks:
    count = len(loaded) + len(missing) + len(mismatched)
    raise IncompleteWarmStartError(
      f'of {count} variables that must come from {prefix} {lacks}'
    )
  if not loaded:
    raise WarmStartError(
      f'Warm start from {prefix} loaded nothing: no variable that matches '
      f'{settings.vars_to_warm_start!r} is there with the same name and shape.'
    )
  for name, key in loaded.items():
    variables[name].assign(reader.get_tensor(key))
  logger.log(
    logging.WARNING if lacks else logging.INFO,
    'Warm start from %s: %d variables loaded%s.',
    prefix,
    len(loaded),
    f'; the others keep their initial values: {lacks}' if lacks else '',
  )
  return list(loaded)


def _lacks(missing: list[str], mismatched: list[str]) -> str:
  """What a checkpoint lacks, for a message; empty if it lacks nothing."""
  phrases = []
  if missing:
    names = checkpoints.some_of(missing)
    phrases.append(f'{len(missing)} are not in it ({names})')
  if mismatched:
    names = checkpoints.some_of(mismatched)
    phrases.append(f'{len(mismatched)} have another shape there ({names})')
  return ' and '.join(phrases)


def _select(
  patterns: str | Iterable[str] | None, variables: Mapping[str, tf.Variable]
) -> list[str]:
  """Names of the variables to take."""
  if patterns is None:
    return []
  patterns = [patterns] if isinstance(patterns, str) else list(patterns)
  never = {'global_step'} | slots.among(
    {name: variable.shape for name, variable in variables.items()},
    {name for name, variable in variables.items() if variable.trainable},
  )
  return [
    name
    for name in variables
    if name not in never
    and any(re.search(pattern, name) for pattern in patterns)
  ]


def _variable_name(key: str) -> str:
  """The name of the variable with a key in a checkpoint.

  It is the key itself, except in our exports: there the key is a path through
  objects, in which TensorFlow escapes `/` and `.`.
  """
  match = _EXPORTED.match(key)
  if not match:
    return key
  return match[1].replace('.S', '/').replace('..', '.')


def find_checkpoint(path: str) -> str:
  """The checkpoint that a path means.

  Args:
    path: A checkpoint prefix, a directory of checkpoints, or the directory of
      a SavedModel.

  Returns:
    The prefix of a checkpoint that exists.

  Raises:
    WarmStartError: There is no checkpoint, or it holds no variables.
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
    latest = checkpoint_listing.latest(path)
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
  """The checkpoint that the file `checkpoint` names.

  TensorFlow's own program may have saved it under any name, which
  `tf.train.latest_checkpoint` would take for a pattern.
  """
  state = tf.train.get_checkpoint_state(directory)
  return state.model_checkpoint_path if state else None
