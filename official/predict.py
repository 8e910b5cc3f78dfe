"""Classifies images, with an exported model or with the model of a run.

python -m official.predict --export_dir DIR IMAGE...
python -m official.predict --model_dir DIR IMAGE...

An IMAGE is a file (JPEG, PNG, GIF, BMP or WebP), or a folder with such files in
it or in its folders.
"""

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import TypeVar

from absl import flags

from official import cli
from official.datasets.files import class_folders, inventory
from official.datasets.files.names import printable
from official.errors import DataError, UsageError
from official.export import folders as export_folders
from official.export.classifier import ImageClassifier, Prediction
from official.flags import paths as paths_lib
from official.flags.checks import check_range, check_together
from official.run import rerun

_COLUMNS = ('image', 'class', 'probability')


def define_flags() -> None:
  """Defines the flags of this command."""
  paths_lib.define(
    'export_dir', None, 'A SavedModel, or a folder of SavedModels.'
  )
  paths_lib.define('model_dir', None, 'The folder of a run.')
  flags.DEFINE_integer('batch_size', 64, 'Images to compute at a time.')
  flags.DEFINE_bool('json', False, 'Print one line of JSON for each image.')
  flags.DEFINE_bool('csv', False, 'Print one line of CSV for each image.')
  check_range('batch_size', 1)
  check_together(
    ('export_dir', 'model_dir'),
    lambda f: bool(f['export_dir']) != bool(f['model_dir']),
    'one of --export_dir and --model_dir must be given',
  )
  check_together(
    ('json', 'csv'),
    lambda f: not (f['json'] and f['csv']),
    '--json and --csv cannot be given together',
  )


def main(arguments: list[str]) -> None:
  """Loads the model and prints one line for each image."""
  flags_obj = flags.FLAGS
  paths = _image_files(arguments)
  classifier = _load(flags_obj.model_dir, flags_obj.export_dir)
  write = _writer(flags_obj.json, flags_obj.csv)
  unreadable = 0
  predictions = classifier.predict(paths, flags_obj.batch_size)
  for path, prediction in _with_progress_bar(predictions, len(paths)):
    if isinstance(prediction, str):
      unreadable += 1
      print(f'error: {printable(path)}: {prediction}', file=sys.stderr)
    else:
      write(printable(path), prediction)
  if unreadable:
    raise DataError(f'{unreadable} of {len(paths)} images could not be read')


def _load(model_dir: str | None, export_dir: str | None) -> ImageClassifier:
  """The model of a run, if one is given, or an exported one."""
  if not model_dir:
    return ImageClassifier(export_folders.newest_export(export_dir or ''))
  # Only the main of the run knows its network and its preprocessing.
  with tempfile.TemporaryDirectory() as scratch:
    rerun.rerun(
      model_dir, 'exported', f'--export_dir={scratch}', '--export_only'
    )
    return ImageClassifier(export_folders.newest_export(scratch))


_Item = TypeVar('_Item')


def _with_progress_bar(items: Iterator[_Item], count: int) -> Iterator[_Item]:
  """Shows a bar on standard error, where the lines do not go to a terminal.

  Args:
    items: The items to iterate over.
    count: Number of items.
  """
  if sys.stdout.isatty() or not sys.stderr.isatty():
    return items
  from rich.console import Console
  from rich.progress import Progress

  # By default Rich would also send standard output to the terminal.
  bar = Progress(console=Console(stderr=True), redirect_stdout=False)

  def tracked() -> Iterator[_Item]:
    with bar:
      yield from bar.track(items, count, description='predicting')

  return tracked()


def _image_files(arguments: list[str]) -> list[str]:
  """The files that are named, and the images in the folders that are named.

  A note lists the other files of these folders.

  Raises:
    UsageError: A file does not exist, or a folder holds no image.
  """
  paths = []
  for argument in map(paths_lib.named, arguments):
    if os.path.isdir(argument):
      listed = class_folders.images_below(argument)
      images = sorted([*listed.used, *listed.unusable])
      if not images:
        raise UsageError(f'there are no images in the folder {argument}')
      inventory.warn(
        argument, len(listed.used), listed.left_out, listed.unusable
      )
      paths += images
    elif os.path.exists(argument):
      paths.append(argument)
    else:
      raise UsageError(f'there is no file {argument}')
  return paths


def _writer(as_json: bool, as_csv: bool) -> Callable[[str, Prediction], object]:
  """A function that prints the path of an image and its prediction."""
  if as_json:
    return lambda path, prediction: print(json.dumps(_row(path, prediction)))
  if as_csv:
    writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator='\n')
    writer.writeheader()
    return lambda path, prediction: writer.writerow(_row(path, prediction))
  return lambda path, prediction: print(
    f'{path}  {prediction.class_name}  {100 * prediction.probability:.2f} %'
  )


def _row(path: str, prediction: Prediction) -> dict[str, str | float]:
  values = (path, prediction.class_name, prediction.probability)
  return dict(zip(_COLUMNS, values, strict=True))


def run() -> None:
  """Runs the command."""
  define_flags()
  cli.run(main, arguments='IMAGE')


if __name__ == '__main__':
  run()
