"""Tells the class of images, by an exported model or the model of a run.

python -m official.predict --export_dir DIR IMAGE...
python -m official.predict --model_dir DIR IMAGE...

An IMAGE is a file (JPEG, PNG, GIF, BMP or WebP), or a folder of such files, in
folders or not.
"""

import csv
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

from absl import flags

from official import cli, tensorflow_errors
from official.datasets import image_formats
from official.datasets.files import class_folders, image_headers, inventory
from official.datasets.files.names import printable
from official.errors import DataError, UsageError
from official.export import folders as export_folders
from official.flags import paths as paths_lib
from official.flags.checks import check_range, check_together
from official.run import rerun

_COLUMNS = ('image', 'class', 'probability')


def define_flags() -> None:
  """The flags of this command."""
  paths_lib.define('export_dir', None, 'A SavedModel, or a folder of such.')
  paths_lib.define('model_dir', None, 'The folder of a run.')
  flags.DEFINE_integer('batch_size', 64, 'Images at a time.')
  flags.DEFINE_bool('json', False, 'Print a line of JSON an image.')
  flags.DEFINE_bool('csv', False, 'Print a line of CSV an image.')
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
  """Loads the model and prints a line an image."""
  flags_obj = flags.FLAGS
  paths = _image_files(arguments)
  if flags_obj.model_dir:
    with tempfile.TemporaryDirectory() as export_dir:
      rerun.rerun(
        flags_obj.model_dir,
        'exported',
        f'--export_dir={export_dir}',
        '--export_only',
      )
      model = Model(export_folders.newest_export(export_dir))
  else:
    model = Model(export_folders.newest_export(flags_obj.export_dir))
  write = _writer(flags_obj)
  unreadable = 0
  predictions = model.predict(paths, flags_obj.batch_size)
  for path, prediction in _watched(predictions, len(paths)):
    if isinstance(prediction, str):
      unreadable += 1
      print(f'error: {printable(path)}: {prediction}', file=sys.stderr)
    else:
      write({'image': printable(path)} | prediction)
  if unreadable:
    raise DataError(f'{unreadable} of {len(paths)} images could not be read')


class Model:
  """An exported image model.

  Args:
    export_dir: of a SavedModel with a signature that takes `image_bytes`.

  Raises:
    UsageError: it has none.
  """

  def __init__(self, export_dir: str):
    import tensorflow as tf

    self._tf = tf
    self._loaded = export_folders.load(export_dir)
    found = [
      signature
      for signature in self._loaded.signatures.values()
      if 'image_bytes' in signature.structured_input_signature[1]
    ]
    if not found:
      raise UsageError(
        f'{export_dir} has no signature that takes encoded images '
        f'(image_bytes), only {", ".join(self._loaded.signatures)}'
      )
    self._signature = found[0]
    self.class_names = export_folders.class_names(export_dir)

  def predict(
    self, paths: list[str], batch_size: int
  ) -> Iterator[tuple[str, dict[str, Any] | str]]:
    """Each path, and its class and probability or why there is none."""
    for start in range(0, len(paths), batch_size):
      batch = paths[start : start + batch_size]
      try:
        contents = [_read(path) for path in batch]
        yield from zip(batch, self._predict(contents), strict=True)
      except (OSError, self._tf.errors.OpError):
        for path in batch:  # One of them is bad: which?
          yield path, self._predict_one(path)

  def _predict_one(self, path: str) -> dict[str, Any] | str:
    try:
      return self._predict([_read(path)])[0]
    except OSError as e:
      return e.strerror or str(e)
    except self._tf.errors.OpError as e:
      problem = image_headers.inspect(path).problem  # Says what to do, too.
      if problem:
        return problem
      reason = f'is no image that can be decoded: {tensorflow_errors.reason(e)}'
      return reason.removesuffix(f': {image_formats.NOT_AN_IMAGE}')

  def _predict(self, contents: list[bytes]) -> list[dict[str, Any]]:
    outputs = self._signature(image_bytes=self._tf.constant(contents))
    classes = outputs['classes'].numpy().tolist()
    probabilities = outputs['probabilities'].numpy()
    return [
      {
        'class': self.class_names[i] if self.class_names else str(i),
        'probability': float(row[i]),
      }
      for i, row in zip(classes, probabilities, strict=True)
    ]


def _watched(predictions: Iterator[Any], count: int) -> Iterator[Any]:
  """With a bar on the terminal, while the lines go to a file or another."""
  if sys.stdout.isatty() or not sys.stderr.isatty():
    return predictions
  from rich.console import Console
  from rich.progress import Progress

  # Rich would send the lines to the terminal too.
  return _tracked(
    Progress(console=Console(stderr=True), redirect_stdout=False),
    predictions,
    count,
  )


def _tracked(bar: Any, predictions: Iterator[Any], count: int) -> Iterator[Any]:
  with bar:
    yield from bar.track(predictions, count, description='predicting')


def _image_files(arguments: list[str]) -> list[str]:
  """The files that are named, and the images in the folders that are named.

  What else is in these folders is told.
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


def _read(path: str) -> bytes:
  if not os.path.isfile(path):  # To read a pipe would wait for ever.
    raise OSError(image_headers.inspect(path).problem)
  with open(path, 'rb') as f:
    return f.read()


def _writer(flags_obj: Any) -> Callable[[dict[str, Any]], None]:
  """What prints a prediction in the form that the flags ask for."""
  if flags_obj.json:
    return lambda row: print(json.dumps(row))
  if flags_obj.csv:
    writer = csv.DictWriter(sys.stdout, _COLUMNS, lineterminator='\n')
    writer.writeheader()
    return writer.writerow
  return lambda row: print(
    f'{row["image"]}  {row["class"]}  {100 * row["probability"]:.2f} %'
  )


def run() -> None:
  """The command."""
  define_flags()
  cli.run(main, arguments='IMAGE')


if __name__ == '__main__':
  run()
