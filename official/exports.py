"""Folders of exported models: which is the newest, what its classes are."""

import os
from typing import Any

from official.errors import UsageError


def newest_export(directory: str) -> str:
  """A SavedModel's folder, or the newest of those in a folder.

  Raises:
    UsageError: there is none.
  """
  folders = [directory]
  if os.path.isdir(directory):
    numbers = sorted(filter(str.isdecimal, os.listdir(directory)), key=int)
    folders += [os.path.join(directory, number) for number in numbers]
  found = [
    folder
    for folder in folders
    if os.path.exists(os.path.join(folder, 'saved_model.pb'))
  ]
  if not found:
    raise UsageError(f'--export_dir: there is no SavedModel in {directory}')
  return found[-1]


def load(export_dir: str) -> Any:
  """`tf.saved_model.load`, whatever the name of the folder."""
  import tensorflow as tf

  from official.estimator import files

  with files.plainly_named(export_dir) as directory:
    return tf.saved_model.load(directory)


def class_names(export_dir: str) -> list[str]:
  """One a class; empty where a SavedModel does not tell."""
  path = os.path.join(export_dir, 'assets.extra', 'class_names.txt')
  if not os.path.exists(path):
    return []
  with open(path, encoding='utf-8') as f:
    return f.read().splitlines()
