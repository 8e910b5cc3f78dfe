"""Files: their paths, their hashes, and how to write them whole."""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator

# SHA-256 of files by device, inode, size and time. Checkpoints are verified
# often, and so a process reads each file once, even if its name changes.
_hashes: dict[tuple[int, ...], str] = {}

# A scheme such as `gs://`. People often forget the second slash of well-known
# schemes, and then do not mean a folder named `gs:`.
_SCHEME = re.compile(r'[A-Za-z][A-Za-z0-9+.-]*://|(?i:gs|s3|hdfs|https?):/')
_PATTERN = re.compile(r'[][*?\\]')


def local_path(name: str, path: str | os.PathLike[str]) -> str:
  """A path on this machine, with `~` and `~user` expanded.

  Args:
    name: Name of the argument, for the message.
    path: The value of the argument.

  Raises:
    ValueError: The path is remote, such as `gs://bucket/run`.
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
  """Whether TensorFlow may take a path for a pattern of file names."""
  return bool(_PATTERN.search(path))


@contextlib.contextmanager
def plainly_named(directory: str) -> Iterator[str]:
  """A name of a folder that TensorFlow does not take for a pattern.

  RestoreV2, and with it `tf.saved_model.load`, takes the name of a checkpoint
  for a pattern before it opens it, and so does not find `lr[0.1]`.

  Yields:
    The folder's own name if it is not a pattern; otherwise a link to the
    folder, which is removed afterwards.
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
  """A new temporary folder whose name is not a pattern.

  Raises:
    OSError: Every folder of temporary files has a name that is a pattern.
  """
  for parent in (tempfile.gettempdir(), '/tmp', '/var/tmp'):
    if not is_pattern(parent) and os.path.isdir(parent):
      return tempfile.mkdtemp(dir=parent)
  raise OSError(
    'TMPDIR must name a folder without any of []*?\\ in its name, '
    f'given: {tempfile.gettempdir()}'
  )


def write_whole(path: str, content: str | Iterable[bytes]) -> None:
  """Writes a file to the disk, all of it or nothing.

  Args:
    path: The file. If writing fails or is killed, it is unchanged.
    content: Text, or the bytes of the file in parts.
  """
  temporary = f'{path}.tmp'
  parts = [content.encode()] if isinstance(content, str) else content
  try:
    with open(temporary, 'wb') as f:
      f.writelines(parts)
      f.flush()
      # The content must be on the disk before it gets the name. Otherwise a
      # power cut may leave the name with an empty file.
      os.fsync(f.fileno())
    os.replace(temporary, path)
  except BaseException:
    with contextlib.suppress(OSError):
      os.remove(temporary)
    raise


def sync(path: str) -> None:
  """Waits until the disk has a file, or the names in a directory."""
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  finally:
    os.close(descriptor)


def sha256(path: str) -> str:
  """The SHA-256 of a file's content, as hexadecimal digits."""
  status = os.stat(path)
  identity = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
  if identity not in _hashes:
    with open(path, 'rb') as f:
      _hashes[identity] = hashlib.file_digest(f, 'sha256').hexdigest()
  return _hashes[identity]
