"""The content of a checkpoint: values by name, its step, its state."""

import os
import shutil
import weakref
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from official.estimator import files, manifests

_SHOWN = 5  # A message lists at most this many names.


class IncompatibleCheckpointError(ValueError):
  """A checkpoint lacks variables, or has them in other shapes."""


class CheckpointReader(Protocol):
  """Reads values of a checkpoint, as `tf.train.load_checkpoint` returns it."""

  def has_tensor(self, name: str) -> bool:
    """Whether the checkpoint has a value of this name."""

  def get_tensor(self, name: str) -> np.ndarray:
    """The value of this name."""

  def get_variable_to_shape_map(self) -> dict[str, list[int]]:
    """Name to shape of all values."""

  def get_variable_to_dtype_map(self) -> dict[str, tf.DType]:
    """Name to dtype of all values."""


def read(prefix: str) -> CheckpointReader:
  """A reader of the checkpoint at `prefix`.

  Raises:
    ValueError: There is no checkpoint, or it cannot be read.
  """
  prefix = files.local_path('checkpoint', prefix)
  try:
    if files.is_pattern(prefix):
      return _LinkedReader(prefix)
    return tf.train.load_checkpoint(prefix)
  except (OSError, tf.errors.OpError, ValueError) as e:
    raise ValueError(f'There is no checkpoint to read at {prefix}: {e}') from e


def step_of(prefix: str) -> int:
  """The global step that a checkpoint holds.

  Raises:
    ValueError: There is no checkpoint, or it holds no global step.
  """
  reader = read(prefix)
  if not reader.has_tensor('global_step'):
    raise ValueError(f'Checkpoint {prefix} holds no global_step.')
  return int(reader.get_tensor('global_step'))


def restore(prefix: str, variables: Mapping[str, tf.Variable]) -> None:
  """Gives each variable the value stored under its name.

  Raises:
    ValueError: There is no checkpoint, or it cannot be read.
    IncompatibleCheckpointError: A variable is missing or has another shape;
      then no variable is changed.
  """
  reader = read(prefix)
  shapes = reader.get_variable_to_shape_map()
  missing = [name for name in variables if name not in shapes]
  mismatched = [
    f'{name} ({shapes[name]}, expected {variable.shape.as_list()})'
    for name, variable in variables.items()
    if name in shapes and shapes[name] != variable.shape.as_list()
  ]
  if missing or mismatched:
    raise IncompatibleCheckpointError(
      f'Could not load all requested variables from checkpoint {prefix}: '
      'another network or optimizer wrote it.'
      + (f' Missing: {some_of(missing)}.' if missing else '')
      + (f' Of another shape: {some_of(mismatched)}.' if mismatched else '')
      + ' (Inside a model_fn give Keras layers a name, or each mode names them '
      'anew.)'
    )
  for name, variable in variables.items():
    variable.assign(reader.get_tensor(name))


def state_of(prefix: str) -> dict[str, Any]:
  """The `state` that `Checkpoints.save` was given; empty if there is none."""
  state = manifests.read(prefix).get('state')
  return state if isinstance(state, dict) else {}


def remember(prefix: str, state: Mapping[str, Any]) -> None:
  """Adds to the `state` of a checkpoint, all of it or nothing."""
  content = manifests.read(prefix) or {'files': manifests.describe(prefix)}
  manifests.write(prefix, content | {'state': state_of(prefix) | dict(state)})


def some_of(names: Sequence[str]) -> str:
  """The first few of many names, for a message."""
  more = len(names) - _SHOWN
  return ', '.join(names[:_SHOWN]) + (f' and {more} more' if more > 0 else '')


class _LinkedReader:
  """A reader of a checkpoint whose name TensorFlow takes for a pattern.

  It reads through links of another name. They exist as long as the reader,
  because it opens the files of the values only when a value is asked for.

  Raises:
    OSError: There is no such folder, or the links cannot be made.
    tf.errors.OpError: There is no checkpoint, or it is damaged.
  """

  def __init__(self, prefix: str):
    scratch = files.scratch_folder()
    weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
    link, length = os.path.join(scratch, 'link'), len(os.path.basename(prefix))
    for path in manifests.files(prefix):
      ending = os.path.basename(path)[length:]
      os.symlink(os.path.abspath(path), f'{link}{ending}')
    self._reader: CheckpointReader = tf.train.load_checkpoint(link)

  def has_tensor(self, name: str) -> bool:
    return self._reader.has_tensor(name)

  def get_tensor(self, name: str) -> np.ndarray:
    return self._reader.get_tensor(name)

  def get_variable_to_shape_map(self) -> dict[str, list[int]]:
    return self._reader.get_variable_to_shape_map()

  def get_variable_to_dtype_map(self) -> dict[str, tf.DType]:
    return self._reader.get_variable_to_dtype_map()
