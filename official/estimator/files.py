"""Files: written whole or not at all, there for good, told by their hash."""

import contextlib
import hashlib
import os
from collections.abc import Iterable

# Of files by device, inode, size and time: each is read once a process, also
# when it has got another name.
_hashes: dict[tuple[int, ...], str] = {}


def write_whole(path: str, content: str | Iterable[bytes]) -> None:
  """The file has the text, or all these bytes, on disk, or is as it was."""
  temporary = f'{path}.tmp'
  parts = [content.encode()] if isinstance(content, str) else content
  try:
    with open(temporary, 'wb') as f:
      f.writelines(parts)
      f.flush()
      os.fsync(f.fileno())
    os.replace(temporary, path)
  except BaseException:
    with contextlib.suppress(OSError):
      os.remove(temporary)
    raise


def sync(path: str) -> None:
  """Asks the disk to have a file, or the names in a directory."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def sha256(path: str) -> str:
  """Of what is in a file, as hexadecimal digits."""
  status = os.stat(path)
  identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
  if identity not in _hashes:
    with open(path, 'rb') as f:
      _hashes[identity] = hashlib.file_digest(f, 'sha256').hexdigest()
  return _hashes[identity]
