"""Downloads CIFAR-10 and unpacks it into `--data_dir`.

python -m official.datasets.cifar10_download_and_extract --data_dir DIR
"""

import hashlib
import shutil
import tarfile
import tempfile
import urllib.request
from collections.abc import Iterator

from absl import flags

from official import cli, output_folders
from official.errors import DataError
from official.flags import paths

URL = 'https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz'
SHA256 = 'c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd'

_MAX_BYTES = 2**30  # unpacked; CIFAR-10 takes 0.18 GiB
_TIMEOUT = 60  # seconds without a byte


def define_flags() -> None:
  """Defines the flags of this command."""
  paths.define('data_dir', 'cifar10_data', 'Where to put it.')
  flags.DEFINE_string('url', URL, 'Where to get it, a mirror or file://.')


def main() -> None:
  """Downloads, checks and unpacks."""
  folder = download_and_extract(flags.FLAGS.url, flags.FLAGS.data_dir)
  print(f'CIFAR-10 is in {folder}')


def download_and_extract(url: str, data_dir: str, sha256: str = SHA256) -> str:
  """Downloads an archive, checks it and unpacks it.

  Nothing is left in `data_dir` that did not pass the check.

  Args:
    url: The URL of a `.tar.gz` file.
    data_dir: The folder to unpack to, which is made if it does not exist.
    sha256: The checksum that the archive must have.

  Returns:
    `data_dir`.

  Raises:
    DataError: The archive cannot be downloaded, has another checksum, or holds
      a path that leads out of `data_dir`.
  """
  try:
    with (
      output_folders.made(data_dir),
      tempfile.TemporaryFile(dir=data_dir) as archive,
    ):
      with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
        shutil.copyfileobj(response, archive, 2**20)
      archive.seek(0)
      actual = hashlib.file_digest(archive, 'sha256').hexdigest()
      if actual != sha256:
        raise DataError(
          f'{url}: the SHA-256 is {actual}, expected {sha256}; nothing was '
          'unpacked'
        )
      archive.seek(0)
      with tarfile.open(fileobj=archive, mode='r:gz') as tar:
        members = list(_small_enough(tar, url))
        tar.extractall(data_dir, members, filter='data')
  except (OSError, ValueError, tarfile.TarError) as e:
    raise DataError(f'{url} to {data_dir}: {e}') from e
  return data_dir


def _small_enough(tar: tarfile.TarFile, url: str) -> Iterator[tarfile.TarInfo]:
  """Yields the members of an archive.

  Raises:
    DataError: The members take too much space; a few packed bytes can become
      many.
  """
  total = 0
  for member in tar:
    total += member.size
    if total > _MAX_BYTES:
      raise DataError(
        f'{url} unpacks to more than {_MAX_BYTES // 2**30} GiB; nothing was '
        'unpacked'
      )
    yield member


if __name__ == '__main__':
  define_flags()
  cli.run(main, with_tensorflow=False)
