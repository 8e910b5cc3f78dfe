"""Folders of SavedModels: the newest one, its functions and class names."""

import os
from typing import Any

from official import errors
from official.errors import UsageError, UserError


def newest_export(directory: str) -> str:
  """The folder of a SavedModel, for a folder of exports or for itself.

  Args:
    directory: A SavedModel, or a folder in which each export has a folder with
      a number as its name; the largest number is the newest export.

  Raises:
    UsageError: The folder holds no SavedModel.
    UserError: The folder cannot be read.
  """
  with errors.file_errors_as_user_errors([directory]):
    return _newest_export(directory)


def _newest_export(directory: str) -> str:
  folders = [directory]
  if os.path.isdir(directory):
    numbers = sorted(filter(str.isdecimal, os.listdir(directory)), key=int)
    folders += [os.path.join(directory, number) for number in numbers]
  exports = [
    folder
    for folder in folders
    if _exists(os.path.join(folder, 'saved_model.pb'))
  ]
  if not exports:
    raise UsageError(f'--export_dir: there is no SavedModel in {directory}')
  return exports[-1]


def load(export_dir: str) -> Any:
  """Loads a SavedModel, whatever characters the name of its folder has.

  TensorFlow is imported here, so that a command reports a missing folder
  without waiting for the import.

  Returns:
    The object that `tf.saved_model.load` returns.

  Raises:
    UserError: One of its files cannot be read.
  """
  import tensorflow as tf

  from official.estimator import files

  with errors.file_errors_as_user_errors([export_dir]):
    _check_readable(export_dir)
  try:
    with files.plainly_named(export_dir) as directory:
      return tf.saved_model.load(directory)
  except (OSError, tf.errors.OpError) as e:
    reason = str(e).strip().split('\n')[0]
    raise UserError(f'{export_dir} cannot be loaded: {reason}') from e


def _check_readable(export_dir: str) -> None:
  """Opens each file of a SavedModel, for the error of the operating system.

  TensorFlow reports that a file without permission does not exist.
  """
  variables = os.path.join(export_dir, 'variables')
  names = os.listdir(variables) if os.path.isdir(variables) else []
  paths = [os.path.join(variables, name) for name in names]
  for path in [os.path.join(export_dir, 'saved_model.pb'), *paths]:
    if os.path.isfile(path):
      with open(path, 'rb'):
        pass


def _exists(path: str) -> bool:
  """Like `os.path.exists`, which returns False without permission to look."""
  try:
    os.stat(path)
  except (FileNotFoundError, NotADirectoryError):
    return False
  return True


def class_names(export_dir: str) -> list[str]:
  """The names of the classes; empty where a SavedModel does not have them."""
  path = os.path.join(export_dir, 'assets.extra', 'class_names.txt')
  if not os.path.exists(path):
    return []
  with (
    errors.file_errors_as_user_errors([export_dir]),
    open(path, encoding='utf-8') as f,
  ):
    return f.read().splitlines()
