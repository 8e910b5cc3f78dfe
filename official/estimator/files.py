"""Files: written whole or not at all, there for good, told by their hash.

And their names: TensorFlow takes some of them for patterns.
"""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator

# Of files by device, inode, size and time: each is read once a process, also
# when it has got another name.
_hashes: dict[tuple[int, ...], str] = {}

# With one slash, too, which is easily left out, where no folder is meant.
_SCHEME = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://|(?i:gs|s3|hdfs|https?):/')
_PATTERN = re.compile(r'[][*?\\]')


def local_path(name: str, path: str | os.PathLike[str]) -> str:
  """A path of this machine; `~` and `~user` become the folders they mean.

  Args:
    name: of the argument, for the message.
    path: what was given for it.

  Returns:
    The path.

  Raises:
    ValueError: it is of another machine, such as `gs://bucket/run`.
  """
  path = os.fspath(path)
  remote = _SCHEME.match(path)
  if remote:
    raise ValueError(
      f'{name} must be a local folder: remote paths ({remote[0]}) are not '
      f'supported yet, given: {path}'
    )
  return os.path.expanduser(path)


def is_pattern(path: str) -> bool:
  """Whether TensorFlow may look for other files than the one so named."""
  return bool(_PATTERN.search(path))


@contextlib.contextmanager
def plainly_named(directory: str) -> Iterator[str]:
  """Another name of a folder, in which TensorFlow can see no pattern.

  RestoreV2, and with it `tf.saved_model.load`, looks for a checkpoint by its
  name as a pattern before it opens it: it does not find `lr[0.1]`.

  Yields:
    The folder's own name where that is no pattern; else a link to it, which is
    gone afterwards.
  """
  if not is_pattern(directory):
    yield directory
    return
  scratch = scratch_folder()
  try:
    link = os.path.join(scratch, 'link')
    os.symlink(os.path.abspath(directory), link)
    yield link
  finally:
    shutil.rmtree(scratch, ignore_errors=True)


def scratch_folder() -> str:
  """A new temporary folder whose name is no pattern.

  Raises:
    OSError: there is no place for one.
  """
  for parent in (tempfile.gettempdir(), '/tmp', '/var/tmp'):
    if not is_pattern(parent) and os.path.isdir(parent):
      return tempfile.mkdtemp(dir=parent)
  raise OSError(
    'TMPDIR must name a folder without any of []*?\\ in its name, '
    f'given: {tempfile.gettempdir()}'
  )


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
