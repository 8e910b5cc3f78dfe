"""The inventory of a data folder: each file is used, unusable or left out.

Every file is counted once, so that the three numbers add up to what is on disk:
files that are used, files that are data but cannot be used, and files that are
left out because they are not data. Nothing is left out in silence.
"""

import dataclasses
import logging
import os
from collections.abc import Iterable, Iterator, Mapping

from official.datasets.files import file_kinds
from official.datasets.files.names import first_few, printable

logger = logging.getLogger(__name__)

# The first key that a kind of files contains is replaced.
_SINGULAR = {
  file_kinds.COPIES: 'copy or part of a file',
  file_kinds.TEXT: 'text or table',
  file_kinds.CHECKSUMS: 'checksum or signature',
  file_kinds.ARCHIVES: 'archive',
  'images in': 'image in',
  'links to a folder they lie in': 'link to a folder it lies in',
  'files': 'file',
  'folders': 'folder',
}


@dataclasses.dataclass(frozen=True)
class LeftOut:
  """A file, or a folder with its whole content, that is not data.

  Attributes:
    path: The path of the file or folder.
    kind: The kind of file or folder, which is the reason to leave it out.
    files: Number of files that it stands for; 0 for a link to a folder, whose
      files are counted in the folder itself.
  """

  path: str
  kind: str
  files: int = 1

  @property
  def is_folder(self) -> bool:
    """Whether it is a folder, or a link to one."""
    return os.path.isdir(self.path)

  @classmethod
  def folder(cls, path: str, kind: str) -> 'LeftOut':
    """Returns a folder with its whole content, as left out."""
    return cls(path, kind, sum(len(names) for _, _, names in os.walk(path)))


def list_folder(folder: str) -> tuple[list[str], list[str]]:
  """Lists a folder in the order of names.

  Returns:
    The paths of the folders in it, links to folders among them, and the paths
    of everything else.
  """
  with os.scandir(folder) as scan:
    entries = sorted((entry.name, entry.is_dir()) for entry in scan)
  folders = [os.path.join(folder, name) for name, is_dir in entries if is_dir]
  others = [
    os.path.join(folder, name) for name, is_dir in entries if not is_dir
  ]
  return folders, others


def unused(folder: str, used: Iterable[str]) -> Iterator[LeftOut]:
  """Yields the content of a folder except the paths that are used.

  Args:
    folder: The folder to list. Folders in it are left out as a whole.
    used: Paths of files and folders directly in `folder`.
  """
  used = set(used)
  folders, files = list_folder(folder)
  for path in folders:
    if path not in used:
      kind = file_kinds.kind_of_folder(os.path.basename(path))
      yield LeftOut.folder(path, kind or 'other folders')
  for path in files:
    if path not in used:
      kind = file_kinds.kind_of_file(os.path.basename(path))
      yield LeftOut(path, kind or 'of another kind')


def warn(
  root: str,
  used: int,
  left_out: Iterable[LeftOut],
  unusable: Mapping[str, str] | None = None,
) -> None:
  """Logs a warning that lists what is left out, if anything is.

  Args:
    root: The folder of the data.
    used: Number of files that are used.
    left_out: The files and folders that are not data.
    unusable: Path to reason, for data that cannot be used. They are counted
      here; `BadExamples` names them.
  """
  for line in describe(root, used, left_out, unusable):
    logger.warning('%s', line)


def describe(
  root: str,
  used: int,
  left_out: Iterable[LeftOut],
  unusable: Mapping[str, str] | None = None,
) -> list[str]:
  """Returns the lines that `warn` logs: the sums, then one line for each kind.

  Args:
    root: See `warn`.
    used: See `warn`.
    left_out: See `warn`.
    unusable: See `warn`.
  """
  by_kind: dict[tuple[str, bool], list[LeftOut]] = {}
  for entry in left_out:
    by_kind.setdefault((entry.kind, entry.is_folder), []).append(entry)
  if not by_kind:
    return []
  count = sum(entry.files for entries in by_kind.values() for entry in entries)
  bad = len(unusable or ())
  sums = (
    f'{printable(root)}: {_counted(used + bad + count, "files")} found: '
    f'{used:,} used'
    + (f', {bad:,} that cannot be used' if bad else '')
    + (f', {count:,} left out:' if count else '; not used:')
  )
  return [
    sums,
    *(
      _describe_kind(root, kind, is_folder, entries)
      for (kind, is_folder), entries in by_kind.items()
    ),
  ]


def _describe_kind(
  root: str, kind: str, is_folder: bool, entries: list[LeftOut]
) -> str:
  names = first_few(_relative_name(root, entry) for entry in entries)
  files = sum(entry.files for entry in entries)
  inside = f' ({_counted(files, "files")})' if is_folder and files else ''
  plural = _plural_of_folders(kind) if is_folder else kind
  return f'  {_counted(len(entries), plural)}{inside}: {names}'


def _counted(count: int, plural: str) -> str:
  """`1 link to a folder it lies in`, `2 links to a folder they lie in`."""
  if count != 1:
    return f'{count:,} {plural}'
  for many, one in _SINGULAR.items():
    if many in plural:
      return f'1 {plural.replace(many, one, 1)}'
  return f'1 {plural}'


def _plural_of_folders(kind: str) -> str:
  if kind == file_kinds.HIDDEN:
    return f'{file_kinds.HIDDEN} folders'
  return f'folders {kind}' if kind == file_kinds.OF_THE_SYSTEM else kind


def _relative_name(root: str, entry: LeftOut) -> str:
  name = os.path.relpath(entry.path, root)
  if not entry.is_folder:
    return name
  is_empty = not entry.files and not os.path.islink(entry.path)
  return f'{name}/ (empty)' if is_empty else f'{name}/'
