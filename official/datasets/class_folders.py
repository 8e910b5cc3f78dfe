"""Folders of images, a folder a class: which files are images of which class.

Everything below the folder is used, or named with the reason it is not; what
makes a class or a split incomplete is an error. Nothing is decoded here.
"""

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from official.datasets import class_splits, found, image_kinds
from official.datasets.found import LeftOut, first_few, shown
from official.errors import DataError

# Names of the splits, in any case; of the second the first one is used.
_TRAIN = ('train', 'training')
_TEST = ('test', 'testing', 'validation', 'valid', 'val')
_THREADS = 16  # A look at a file waits for the disk or the network.
_PEEK = 10_000  # files

_Identity = tuple[int, int]  # device and inode


@dataclasses.dataclass
class ClassFolders:
  """The images of a folder.

  Attributes:
    splits: `'train'` and `'test'`, each from class to the paths of its images.
    unusable: path to reason of images that cannot be used.
    left_out: what is not used because it is no data.
  """

  splits: dict[str, dict[str, list[str]]] = dataclasses.field(
    default_factory=dict
  )
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


def is_one(directory: str) -> bool:
  """Whether there may be images in folders there; a quick look."""
  for folder in _visible_folders(directory):
    is_split = os.path.basename(folder).lower() in _TRAIN + _TEST
    if is_split and any(_visible_folders(folder)):
      return True
    seen = 0
    for path, _, names in os.walk(folder):
      if any(_may_be_image(os.path.join(path, name)) for name in names[:_PEEK]):
        return True
      seen += len(names)
      if seen > _PEEK:
        break
  return False


def _may_be_image(path: str) -> bool:
  name = os.path.basename(path)
  if found.kind_of_file(name) or os.path.splitext(name)[1]:
    return image_kinds.is_named_so(name) and not name.startswith('.')
  return image_kinds.look(path).is_image


def find(data_dir: str) -> ClassFolders:
  """Looks at all that is there.

  Raises:
    DataError: a split or a class is missing, empty, or has no image that can be
      used, there is one class only, or a folder cannot be read.
  """
  with _search(data_dir) as search:
    search.run()
  return search.result


def images_below(folder: str) -> ClassFolders:
  """All images of a folder and the folders in it, as the split and class ''.

  Raises:
    DataError: a folder cannot be read.
  """
  with _search(folder) as search:
    search.result.splits = {'': {'': search.images(folder)}}
  return search.result


@contextlib.contextmanager
def _search(folder: str) -> Iterator['_Search']:
  try:
    with ThreadPoolExecutor(_THREADS) as pool:
      yield _Search(folder, pool)
  except OSError as e:
    name = shown(str(e.filename or folder))
    raise DataError(f'{name} cannot be read: {e.strerror or e}') from e


class _Search:
  """One look at a data folder."""

  def __init__(self, data_dir: str, pool: ThreadPoolExecutor):
    self._data_dir, self._pool = data_dir, pool
    self.result = ClassFolders()
    # Where the images are looked for, and by what names, of the class and of
    # the folder itself, each folder of the split was seen.
    self._above: tuple[_Identity, ...] = ()
    self._seen: dict[_Identity, tuple[str, str]] = {}

  def run(self) -> None:
    train, test = self._split_folders()
    if train is None:
      every = self._classes(self._data_dir)
      self._check_used('', every)
      class_splits.check_several(self._data_dir, every)
      self.result.splits = class_splits.cut(self._data_dir, every)
      return
    splits = {'train': self._classes(train), 'test': self._classes(test)}
    for folder, classes in zip((train, test), splits.values(), strict=True):
      self._check_used(os.path.basename(folder), classes)
    class_splits.check_same(self._data_dir, train, test, splits)
    class_splits.check_several(train, splits['train'])
    self.result.splits = splits

  def _split_folders(self) -> tuple[str | None, str | None]:
    """Those to train and to test on; None where the classes lie side by side.

    All else beside them is left out.
    """
    folders, files = found.entries(self._data_dir)
    by_name: dict[str, list[str]] = {}
    for folder in folders:
      by_name.setdefault(os.path.basename(folder).lower(), []).append(folder)
    trains = [path for name in _TRAIN for path in by_name.get(name, ())]
    tests = [path for name in _TEST for path in by_name.get(name, ())]
    if not tests and not any(map(_has_folders, trains)):
      return None, None  # A class may be called train.
    where = shown(self._data_dir)
    if not trains:
      raise DataError(
        f'{where} has {_names(tests)} but no train; a folder a class must lie '
        'in train and in test'
      )
    if len(trains) > 1:
      raise DataError(
        f'{where} must have one folder to train on, has: {_names(trains)}'
      )
    with_classes = list(filter(_has_folders, tests))
    if not with_classes:
      raise DataError(
        f'{where} has {_names(trains)} but no test (or validation, or val) '
        'with a folder a class'
      )
    test = with_classes[0]
    for path in folders:
      if path not in (trains[0], test):
        self._leave_out_folder(path, 'folders beside those that are used')
    self._beside(files, 'files beside the folders')
    return trains[0], test

  def _classes(self, folder: str) -> dict[str, list[str]]:
    """Class to the paths of its images, both in order of name."""
    folders, files = found.entries(folder)
    self._beside(files, 'images in no folder of a class')
    self._above = (_identity(self._data_dir), _identity(folder))
    self._seen = {}
    classes = {}
    for path in folders:
      kind = found.kind_of_folder(os.path.basename(path))
      if kind:
        self._leave_out_folder(path, kind)
      else:
        classes[os.path.basename(path)] = self.images(path)
    return classes

  def images(self, folder: str) -> list[str]:
    """The paths of the images in a folder and in the folders in it."""
    candidates = sorted(self._candidates(folder, folder, self._above))
    images = []
    for path, seen in zip(
      candidates, self._pool.map(image_kinds.look, candidates), strict=True
    ):
      if not seen.is_image:
        self._leave_out(path, f'of another kind ({_ending(path)})')
      elif seen.problem:
        self.result.unusable[path] = seen.problem
      else:
        images.append(path)
    return images

  def _candidates(
    self, top: str, folder: str, above: tuple[_Identity, ...]
  ) -> Iterator[str]:
    """Files that may be images; what is none by its name is left out.

    Args:
      top: the folder of the class.
      folder: itself, or one in it.
      above: the folders that it lies in.

    Raises:
      DataError: it is the folder of another class, or one in it.
    """
    here = _identity(folder)
    if here in above:  # A link to a folder that it lies in: without end.
      self._leave_out_folder(folder, 'links to a folder they lie in', 0)
      return
    if here in self._seen:
      self._check_class(top, folder, *self._seen[here])
      self._leave_out_folder(folder, 'folders read by another name', 0)
      return
    self._seen[here] = (top, folder)
    folders, files = found.entries(folder)
    for path in files:
      kind = found.kind_of_file(os.path.basename(path))
      if kind:
        self._leave_out(path, kind)
      else:
        yield path
    for path in folders:
      kind = found.kind_of_folder(os.path.basename(path))
      if kind:
        self._leave_out_folder(path, kind)
      else:
        yield from self._candidates(top, path, (*above, here))

  def _check_class(
    self, top: str, folder: str, other_top: str, other: str
  ) -> None:
    if top != other_top:
      names = [
        os.path.relpath(path, self._data_dir) for path in (other, folder)
      ]
      raise DataError(
        f'{shown(self._data_dir)}: {shown(names[0])} and {shown(names[1])} are '
        'one folder, by a link; its images would be of two classes'
      )

  def _beside(self, files: list[str], kind: str) -> None:
    """Leaves out files that lie where no image is looked for."""
    for path in files:
      name = os.path.basename(path)
      by_name = found.kind_of_file(name)
      is_image = image_kinds.is_named_so(name)
      other = kind if is_image else f'of another kind ({_ending(path)})'
      self._leave_out(path, by_name or other)

  def _leave_out(self, path: str, kind: str) -> None:
    self.result.left_out.append(LeftOut(path, kind))

  def _leave_out_folder(
    self, path: str, kind: str, files: int | None = None
  ) -> None:
    one = LeftOut.folder(path, kind) if files is None else None
    self.result.left_out.append(one or LeftOut(path, kind, files))

  def _check_used(self, split: str, classes: dict[str, list[str]]) -> None:
    where = os.path.join(shown(self._data_dir), split).rstrip('/')
    empty = [name for name, paths in classes.items() if not paths]
    if empty:
      raise DataError(
        f'{where}: no image of class {first_few(empty)} can be used: '
        + self._why(os.path.join(self._data_dir, split, empty[0]))
      )

  def _why(self, folder: str) -> str:
    """What there is in the folder of a class in place of images."""
    inside = folder + os.sep
    bad = [
      f'{os.path.basename(path)}: {reason}'
      for path, reason in self.result.unusable.items()
      if path.startswith(inside)
    ]
    rest = [
      os.path.relpath(one.path, folder)
      for one in self.result.left_out
      if one.path.startswith(inside)
    ]
    return first_few(bad or rest) or 'the folder is empty'


def _identity(folder: str) -> _Identity:
  state = os.stat(folder)
  return state.st_dev, state.st_ino


def _names(paths: list[str]) -> str:
  return first_few(map(os.path.basename, paths))


def _has_folders(folder: str) -> bool:
  return any(_visible_folders(folder))


def _visible_folders(folder: str) -> Iterator[str]:
  folders, _ = found.entries(folder)
  return (
    path for path in folders if not found.kind_of_folder(os.path.basename(path))
  )


def _ending(path: str) -> str:
  return shown(os.path.splitext(path)[1]) or 'no ending'
