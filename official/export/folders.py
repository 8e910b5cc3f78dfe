"""Folders of exported models: which is the newest, what its classes are."""

import os
from typing import Any

from official import errors
from official.errors import UsageError, UserError


def newest_export(directory: str) -> str:
  """A SavedModel's folder, or the newest of those in a folder.

  Raises:
    UsageError: there is none.
    UserError: it cannot be read.
  """
  with errors.told_of_files([directory]):
    return _newest_export(directory)


def _newest_export(directory: str) -> str:
  folders = [directory]
  if os.path.isdir(directory):
    numbers = sorted(filter(str.isdecimal, os.listdir(directory)), key=int)
    folders += [os.path.join(directory, number) for number in numbers]
  found = [
    folder
    for folder in folders
    if _is_there(os.path.join(folder, 'saved_model.pb'))
  ]
  if not found:
    raise UsageError(f'--export_dir: there is no SavedModel in {directory}')
  return found[-1]


def load(export_dir: str) -> Any:
  """`tf.saved_model.load`, whatever the name of the folder.

  Raises:
    UserError: one of its files cannot be read.
  """
  import tensorflow as tf

  from official.estimator import files

  with errors.told_of_files([export_dir]):
    _check_readable(export_dir)
  try:
    with files.plainly_named(export_dir) as directory:
      return tf.saved_model.load(directory)
  except (OSError, tf.errors.OpError) as e:
    reason = str(e).strip().split('\n')[0]
    raise UserError(f'{export_dir} cannot be loaded: {reason}') from e


def _check_readable(export_dir: str) -> None:
  """TensorFlow says of a file that it may not read that there is none."""
  variables = os.path.join(export_dir, 'variables')
  names = os.listdir(variables) if os.path.isdir(variables) else []
  paths = [os.path.join(variables, name) for name in names]
  for path in [os.path.join(export_dir, 'saved_model.pb'), *paths]:
    if os.path.isfile(path):
      with open(path, 'rb'):
        pass


def _is_there(path: str) -> bool:
  try:
    os.stat(path)
  except (FileNotFoundError, NotADirectoryError):
    return False
  return True


def class_names(export_dir: str) -> list[str]:
  """One a class; empty where a SavedModel does not tell."""
  path = os.path.join(export_dir, 'assets.extra', 'class_names.txt')
  if not os.path.exists(path):
    return []
  with errors.told_of_files([export_dir]), open(path, encoding='utf-8') as f:
    return f.read().splitlines()
