"""The images below a folder, each of them once."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from official.datasets.files import file_kinds, image_headers
from official.datasets.files.inventory import LeftOut, list_folder
from official.datasets.files.names import printable
from official.errors import DataError

Identity = tuple[int, int]  # device and inode


class ImageSearch:
  """A search for the images of one split.

  Links to folders are followed, since people share images between data sets
  that way. A folder that is reached twice is read once, and a link that leads
  upwards is not followed, which would never end. Two classes that share a
  folder are an error: its images would have two labels.

  Args:
    root: The data folder, for error messages.
    pool: Threads that read the first bytes of files; each read waits for the
      disk or the network, not for the processor.
    parents: The folders that the classes lie in.

  Attributes:
    unusable: Path to reason, for images that cannot be used.
    left_out: The files and folders that are not data, in the order of the
      search.
  """

  def __init__(
    self,
    root: str,
    pool: ThreadPoolExecutor,
    parents: tuple[Identity, ...] = (),
  ):
    self.unusable: dict[str, str] = {}
    self.left_out: list[LeftOut] = []
    self._root = root
    self._pool = pool
    self._parents = parents
    # The class in which each folder was first seen, and its path there.
    self._visited: dict[Identity, tuple[str, str]] = {}

  def images(self, class_folder: str) -> list[str]:
    """Returns the paths of the images in a folder and below, sorted.

    Raises:
      DataError: The class shares a folder with another class.
    """
    candidates = sorted(
      self._candidates(class_folder, class_folder, self._parents)
    )
    images = []
    for path, seen in zip(
      candidates, self._pool.map(image_headers.inspect, candidates), strict=True
    ):
      if not seen.is_image:
        self.left_out.append(LeftOut(path, _other_kind(path)))
      elif seen.problem:
        self.unusable[path] = seen.problem
      else:
        images.append(path)
    return images

  def _candidates(
    self, class_folder: str, folder: str, parents: tuple[Identity, ...]
  ) -> Iterator[str]:
    """Yields the files that may be images; leaves the others out by name.

    Args:
      class_folder: The folder of the class.
      folder: The folder to list: `class_folder` or one below it.
      parents: The folders that `folder` lies in.

    Raises:
      DataError: `folder` also belongs to another class.
    """
    identity = identity_of(folder)
    if identity in parents:
      self._leave_out_link(folder, 'links to a folder they lie in')
      return
    if identity in self._visited:
      self._check_same_class(class_folder, folder, *self._visited[identity])
      self._leave_out_link(folder, 'folders read by another name')
      return
    self._visited[identity] = (class_folder, folder)
    folders, files = list_folder(folder)
    for path in files:
      kind = file_kinds.kind_of_file(os.path.basename(path))
      if kind:
        self.left_out.append(LeftOut(path, kind))
      else:
        yield path
    for path in folders:
      kind = file_kinds.kind_of_folder(os.path.basename(path))
      if kind:
        self.left_out.append(LeftOut.folder(path, kind))
      else:
        yield from self._candidates(class_folder, path, (*parents, identity))

  def _leave_out_link(self, folder: str, kind: str) -> None:
    # Its files are counted where the folder is read.
    self.left_out.append(LeftOut(folder, kind, files=0))

  def _check_same_class(
    self, class_folder: str, folder: str, other_class: str, other: str
  ) -> None:
    if class_folder != other_class:
      first, second = (
        printable(os.path.relpath(path, self._root)) for path in (other, folder)
      )
      raise DataError(
        f'{printable(self._root)}: {first} and {second} are one folder, by a '
        'link; its images would be of two classes'
      )


def identity_of(folder: str) -> Identity:
  """Returns what a folder has in common with every link to it."""
  state = os.stat(folder)
  return state.st_dev, state.st_ino


def beside(files: list[str], kind: str) -> list[LeftOut]:
  """Returns files outside the folders of classes, as left out.

  Args:
    files: The paths of the files.
    kind: The name of the kind of an image at this place.
  """
  return [LeftOut(path, _kind_beside(path, kind)) for path in files]


def _kind_beside(path: str, kind_of_image: str) -> str:
  name = os.path.basename(path)
  if image_headers.has_image_ending(name):
    return file_kinds.kind_of_file(name) or kind_of_image
  return file_kinds.kind_of_file(name) or _other_kind(path)


def _other_kind(path: str) -> str:
  ending = printable(os.path.splitext(path)[1]) or 'no ending'
  return f'of another kind ({ending})'
