"""Folders of images, one for each class: which files belong to which class.

Each file below the folder is used, or is named with the reason why it is not.
An incomplete class or split is an error. Nothing is decoded here.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from official.datasets.files import (
  class_splits,
  file_kinds,
  image_headers,
  image_search,
  split_folders,
)
from official.datasets.files.class_splits import Classes
from official.datasets.files.image_search import ImageSearch
from official.datasets.files.inventory import LeftOut, list_folder
from official.datasets.files.names import first_few, printable
from official.errors import DataError

_THREADS = 16  # Each waits for the disk or the network, not for a core.
_MAX_GLANCES = 10_000  # files


@dataclasses.dataclass
class ClassFolders:
  """The images of a folder.

  Attributes:
    splits: `'train'` and `'test'`, each from class to the paths of its images.
    unusable: Path to reason, for images that cannot be used.
    left_out: The files and folders that are not used because they are not data.
  """

  splits: dict[str, Classes] = dataclasses.field(default_factory=dict)
  unusable: dict[str, str] = dataclasses.field(default_factory=dict)
  left_out: list[LeftOut] = dataclasses.field(default_factory=list)

  @property
  def used(self) -> list[str]:
    """The paths of all images that can be used."""
    return [
      path
      for classes in self.splits.values()
      for paths in classes.values()
      for path in paths
    ]

  def add(self, search: ImageSearch) -> None:
    """Adds the files that a search could not use."""
    self.unusable |= search.unusable
    self.left_out += search.left_out


def may_hold_images(directory: str) -> bool:
  """Returns whether its folders may hold images; reads only a few files."""
  for folder in split_folders.visible_folders(directory):
    is_split = split_folders.is_named_as_split(folder)
    if is_split and split_folders.has_folders(folder):
      return True
    seen = 0
    for path, _, names in os.walk(folder):
      if any(
        _may_be_image(os.path.join(path, name)) for name in names[:_MAX_GLANCES]
      ):
        return True
      seen += len(names)
      if seen > _MAX_GLANCES:
        break
  return False


def find(data_dir: str) -> ClassFolders:
  """Finds the images of all classes and splits.

  Raises:
    DataError: A split or a class is missing, is empty or has no image that can
      be used; there is only one class; or a folder cannot be read.
  """
  result = ClassFolders()
  with _reading_threads(data_dir) as pool:
    splits = split_folders.find(data_dir)
    if splits is None:
      classes = _find_classes(data_dir, data_dir, pool, result)
      _check_all_used(data_dir, '', classes, result)
      class_splits.check_several(data_dir, classes)
      result.splits = class_splits.divide(data_dir, classes)
      return result
    result.left_out += splits.left_out
    folders = {'train': splits.train, 'test': splits.test}
    result.splits = {
      split: _find_classes(data_dir, folder, pool, result)
      for split, folder in folders.items()
    }
    for split, folder in folders.items():
      name = os.path.basename(folder)
      _check_all_used(data_dir, name, result.splits[split], result)
    class_splits.check_same(data_dir, folders, result.splits)
    class_splits.check_several(splits.train, result.splits['train'])
  return result


def images_below(folder: str) -> ClassFolders:
  """Finds all images below a folder, as the one class `''` of the split `''`.

  Raises:
    DataError: A folder cannot be read.
  """
  result = ClassFolders()
  with _reading_threads(folder) as pool:
    search = ImageSearch(folder, pool)
    result.splits = {'': {'': search.images(folder)}}
    result.add(search)
  return result


@contextlib.contextmanager
def _reading_threads(folder: str) -> Iterator[ThreadPoolExecutor]:
  """Gives threads for reading; an error of the file system is a `DataError`."""
  try:
    with ThreadPoolExecutor(_THREADS) as pool:
      yield pool
  except OSError as e:
    name = printable(str(e.filename or folder))
    raise DataError(f'{name} cannot be read: {e.strerror or e}') from e


def _find_classes(
  data_dir: str, folder: str, pool: ThreadPoolExecutor, result: ClassFolders
) -> Classes:
  """Finds the images of each class of a split, both in the order of names.

  Args:
    data_dir: The data folder.
    folder: The folder of the split.
    pool: Threads that read.
    result: The object that gets the files that are left out or unusable.
  """
  folders, files = list_folder(folder)
  parents = tuple(map(image_search.identity_of, (data_dir, folder)))
  search = ImageSearch(data_dir, pool, parents)
  search.left_out += image_search.beside(
    files, 'images in no folder of a class'
  )
  classes = {}
  for path in folders:
    name = os.path.basename(path)
    kind = file_kinds.kind_of_folder(name)
    if kind:
      search.left_out.append(LeftOut.folder(path, kind))
    else:
      classes[name] = search.images(path)
  result.add(search)
  return classes


def _check_all_used(
  data_dir: str, split: str, classes: Classes, result: ClassFolders
) -> None:
  """Checks that each class has an image that can be used.

  Raises:
    DataError: A class has none; the message says what its folder holds.
  """
  empty = [name for name, paths in classes.items() if not paths]
  if empty:
    where = os.path.join(printable(data_dir), split).rstrip('/')
    raise DataError(
      f'{where}: no image of class {first_few(empty)} can be used: '
      + _content_of(os.path.join(data_dir, split, empty[0]), result)
    )


def _content_of(folder: str, result: ClassFolders) -> str:
  """Describes what the folder of a class holds in place of images."""
  inside = folder + os.sep
  unusable = [
    f'{os.path.basename(path)}: {reason}'
    for path, reason in result.unusable.items()
    if path.startswith(inside)
  ]
  left_out = [
    os.path.relpath(entry.path, folder)
    for entry in result.left_out
    if entry.path.startswith(inside)
  ]
  return first_few(unusable or left_out) or 'the folder is empty'


def _may_be_image(path: str) -> bool:
  name = os.path.basename(path)
  if file_kinds.kind_of_file(name) or os.path.splitext(name)[1]:
    return image_headers.has_image_ending(name) and not name.startswith('.')
  return image_headers.inspect(path).is_image
