"""What lies in a folder of data: used, or named with the reason it is not.

Every file is counted once: those that are used, those that cannot be used
although they are data, and those that are left out because they are none.
"""

import dataclasses
import logging
import os
from collections.abc import Iterable, Iterator, Mapping

logger = logging.getLogger(__name__)

_SHOWN = 3  # of a kind, by name

_HIDDEN = 'hidden'
_OF_THE_SYSTEM = 'of the operating system'
_KINDS = {
  'copies and parts of files': (
    '.bak', '.tmp', '.temp', '.old', '.orig', '.swp', '.part', '.partial',
    '.crdownload', '.download', '~',
  ),
  'text and tables': (
    '.txt', '.text', '.md', '.rst', '.rtf', '.pdf', '.html', '.htm', '.xml',
    '.json', '.jsonl', '.csv', '.tsv', '.yaml', '.yml', '.toml', '.ini', '.cfg',
    '.log', '.doc', '.docx', '.xls', '.xlsx', '.pbtxt', '.py', '.ipynb', '.sh',
  ),
  'checksums and signatures': (
    '.md5', '.sha1', '.sha256', '.sha512', '.sfv', '.crc', '.crc32', '.sig',
    '.asc',
  ),
  'archives': (
    '.zip', '.tar', '.tgz', '.gz', '.bz2', '.xz', '.zst', '.7z', '.rar',
  ),
}  # fmt: skip
_NAMES = {
  **dict.fromkeys(
    ('readme', 'license', 'licence', 'copying', 'authors', 'changelog',
     'notice'),
    'text and tables',
  ),
  **dict.fromkeys(
    ('md5sums', 'sha1sums', 'sha256sums', 'checksums'),
    'checksums and signatures',
  ),
  **dict.fromkeys(
    ('thumbs.db', 'ehthumbs.db', 'desktop.ini', 'icon\r'), _OF_THE_SYSTEM
  ),
}  # fmt: skip
_FOLDERS = {
  '__macosx', '$recycle.bin', 'system volume information', 'lost+found',
  '@eadir', '__pycache__',
}  # fmt: skip

# Of each the first that is found.
_SINGULAR = {
  'copies and parts of files': 'copy or part of a file',
  'text and tables': 'text or table',
  'checksums and signatures': 'checksum or signature',
  'archives': 'archive',
  'images in': 'image in',
  'links to a folder they lie in': 'link to a folder it lies in',
  'files': 'file',
  'folders': 'folder',
}


@dataclasses.dataclass(frozen=True)
class LeftOut:
  """A file, or a folder with all that is in it, that is no data.

  Attributes:
    path: of it.
    kind: what it is, which is why it is left out.
    files: how many files that is; a link has none of its own.
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
    """A folder with all that is in it."""
    return cls(path, kind, sum(len(names) for _, _, names in os.walk(path)))


def kind_of_file(name: str) -> str | None:
  """What a file that is no data is, by its name; None where that is open."""
  if name.startswith('.'):
    return _HIDDEN
  lower = name.lower()
  if lower in _NAMES:
    return _NAMES[lower]
  for kind, endings in _KINDS.items():
    if lower.endswith(endings):
      return kind
  return None


def kind_of_folder(name: str) -> str | None:
  """What a folder without data is, by its name; None where it may have some."""
  if name.startswith('.'):
    return _HIDDEN
  return _OF_THE_SYSTEM if name.lower() in _FOLDERS else None


def entries(folder: str) -> tuple[list[str], list[str]]:
  """The paths of the folders and of all else in a folder, by name.

  A link to a folder is a folder.
  """
  with os.scandir(folder) as found:
    both = sorted((entry.name, entry.is_dir()) for entry in found)
  return tuple(
    [os.path.join(folder, name) for name, is_dir in both if is_dir == wanted]
    for wanted in (True, False)
  )


def others(folder: str, used: Iterable[str]) -> Iterator[LeftOut]:
  """All in a folder but the files and folders that are used, by path."""
  used = set(used)
  folders, files = entries(folder)
  for path in folders:
    if path not in used:
      kind = kind_of_folder(os.path.basename(path)) or 'other folders'
      yield LeftOut.folder(path, kind)
  for path in files:
    if path not in used:
      kind = kind_of_file(os.path.basename(path)) or 'of another kind'
      yield LeftOut(path, kind)


def shown(name: str) -> str:
  """A name of any bytes, as it can be printed on one line."""
  text = name.encode('utf-8', 'surrogateescape').decode(
    'utf-8', 'backslashreplace'
  )
  return ''.join(
    c if c.isprintable() else c.encode('unicode_escape').decode() for c in text
  )


def first_few(names: Iterable[str], count: int = _SHOWN) -> str:
  """Names, and of many how many more there are."""
  names = list(names)
  text = ', '.join(map(shown, names[:count]))
  more = len(names) - count
  return f'{text} and {more:,} more' if more > 0 else text


def tell(
  root: str,
  used: int,
  left_out: Iterable[LeftOut],
  unusable: Mapping[str, str] | None = None,
) -> None:
  """Warns of what is left out, a line a kind, if anything is.

  Args:
    root: the folder of the data.
    used: how many files are used.
    left_out: what is no data.
    unusable: path to reason of the data that cannot be used; they are counted
      here and named elsewhere.
  """
  for line in lines(root, used, left_out, unusable):
    logger.warning('%s', line)


def lines(
  root: str,
  used: int,
  left_out: Iterable[LeftOut],
  unusable: Mapping[str, str] | None = None,
) -> list[str]:
  """What `tell` says."""
  by_kind: dict[tuple[str, bool], list[LeftOut]] = {}
  for one in left_out:
    by_kind.setdefault((one.kind, one.is_folder), []).append(one)
  if not by_kind:
    return []
  count = sum(one.files for ones in by_kind.values() for one in ones)
  bad = len(unusable or ())
  found = [
    f'{shown(root)}: {_counted(used + bad + count, "files")} found: '
    f'{used:,} used'
    + (f', {bad:,} that cannot be used' if bad else '')
    + (f', {count:,} left out:' if count else '; not used:')
  ]
  for (kind, is_folder), ones in by_kind.items():
    names = first_few(_name(root, one) for one in ones)
    files = sum(one.files for one in ones)
    inside = f' ({_counted(files, "files")})' if is_folder and files else ''
    kinds = _of_folders(kind) if is_folder else kind
    found.append(f'  {_counted(len(ones), kinds)}{inside}: {names}')
  return found


def _counted(count: int, kind: str) -> str:
  """`1 link to a folder it lies in`, `2 links to a folder they lie in`."""
  if count == 1:
    many = next((many for many in _SINGULAR if many in kind), None)
    kind = kind.replace(many, _SINGULAR[many], 1) if many else kind
  return f'{count:,} {kind}'


def _of_folders(kind: str) -> str:
  if kind == _HIDDEN:
    return f'{_HIDDEN} folders'
  return f'folders {kind}' if kind == _OF_THE_SYSTEM else kind


def _name(root: str, one: LeftOut) -> str:
  name = os.path.relpath(one.path, root)
  if not one.is_folder:
    return name
  is_empty = not one.files and not os.path.islink(one.path)
  return f'{name}/ (empty)' if is_empty else f'{name}/'
