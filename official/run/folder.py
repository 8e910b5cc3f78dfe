"""The folder of a run: its lock, its owner, its config."""

import contextlib
import fcntl
import json
import os
import re
import shlex
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any, TextIO

from official.errors import UsageError
from official.output_folders import check_writable, made

CONFIG = 'config.json'
PREDICTIONS = 'predictions.npz'
_LOCK = 'lock'
_OURS = re.compile(
  r'^(config\.json|metrics\.jsonl|checkpoint|model\.ckpt-.*|tmp-checkpoint-.*|'
  r'events\.out\.tfevents\..*|eval.*|export|plugins|lock|predictions\.npz)$'
)


class LockedFolder:
  """The folder of a run to which only this process may write.

  Only `lock` makes one, so nothing is deleted without the lock.

  Attributes:
    path: The folder.
  """

  def __init__(self, path: str):
    self.path = path

  def clean(self) -> None:
    """Deletes the run in the folder.

    Raises:
      UsageError: The folder holds other files too; then nothing is deleted.
    """
    names = [name for name in os.listdir(self.path) if name != _LOCK]
    foreign = sorted(name for name in names if not _OURS.match(name))
    if foreign:
      raise UsageError(
        f'--clean will not delete {self.path}: it holds {foreign[0]}, which is '
        'not part of a run'
      )
    for name in names:
      path = os.path.join(self.path, name)
      if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
      else:
        os.remove(path)


@contextlib.contextmanager
def lock(model_dir: str) -> Iterator[LockedFolder]:
  """Locks the folder for this process; makes it if it does not exist.

  The system releases the lock when the process ends, however it ends. If an
  error ends it before anything was written, the folder is as it was.

  Raises:
    UsageError: Another process has the lock, or the folder cannot be written.
  """
  check_writable('model_dir', model_dir)
  path = os.path.join(model_dir, _LOCK)
  with made(model_dir):
    is_new = not os.path.exists(path)
    with _locked(path, model_dir) as f:
      # A second process prints this line, to name the one that has the lock.
      f.truncate(0)
      f.write(
        f'process {os.getpid()} on {socket.gethostname()}, '
        f'{shlex.join(sys.argv)}\n'
      )
      f.flush()
      try:
        yield LockedFolder(model_dir)
      except BaseException:
        if is_new:
          with contextlib.suppress(OSError):
            os.remove(path)
        raise


def _locked(path: str, model_dir: str) -> TextIO:
  """The open file of the lock, which only this process holds."""
  while True:
    f = open(path, 'a+', encoding='utf-8')
    try:
      fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      with f:
        f.seek(0)
        owner = f.read().strip() or 'another process'
      raise UsageError(
        f'--model_dir {model_dir} is in use by {owner}; wait for it to end, or '
        'give another folder'
      ) from None
    except OSError:
      return f  # The file system has no locks.
    # The last owner may have removed the file between `open` and `flock`. A
    # lock on a file without a name would not stop anybody, so try again then.
    with contextlib.suppress(FileNotFoundError):
      if os.path.samestat(os.fstat(f.fileno()), os.stat(path)):
        return f
    f.close()


def check(
  model_dir: str,
  identity: Mapping[str, Any],
  *,
  training: Mapping[str, Any] | None = None,
) -> None:
  """Checks that the run in the folder, if there is one, is this run.

  Args:
    model_dir: The folder.
    identity: The settings that must not change within a folder.
    training: The settings that also must not change if training goes on; None
      where it does not.

  Raises:
    UsageError: The folder holds a run of another identity.
  """
  there = read_config(model_dir)
  differences = _differences(there.get('identity', {}), identity)
  if training is not None:
    differences += _differences(there.get('training', {}), training)
  if differences:
    advice = (
      'Give another folder, or the flags of that run'
      if training is None  # Without training --clean would be refused.
      else 'Give another folder, or --clean to delete that run'
    )
    raise UsageError(
      f'--model_dir {model_dir} holds another run: {"; ".join(differences)}. '
      f'{advice}'
    )


def write_config(
  model_dir: str,
  identity: Mapping[str, Any],
  config: Mapping[str, Any],
  *,
  training: Mapping[str, Any] | None = None,
) -> None:
  """Writes `config.json`, which describes the run to later commands.

  It must be called after the network has its variables: a file that is written
  before may describe a run that never existed.

  Args:
    model_dir: The folder.
    identity: See `check`.
    config: All settings.
    training: See `check`; None keeps the present entry of the file.
  """
  there = read_config(model_dir).get('training', {})
  content = {
    'identity': identity,
    'training': dict(there) | dict(training or {}),
    'config': config,
  }
  path = os.path.join(model_dir, CONFIG)
  with open(f'{path}.tmp', 'w', encoding='utf-8') as f:
    json.dump(content, f, indent=2, sort_keys=True, default=str)
    f.write('\n')
  os.replace(f'{path}.tmp', path)


def _differences(
  there: Mapping[str, Any], here: Mapping[str, Any]
) -> list[str]:
  return [
    f'{key} {there[key]} there, {here[key]} here'
    for key in here
    if key in there and there[key] != here[key]
  ]


def read_config(model_dir: str) -> dict[str, Any]:
  """The content of `config.json`; empty where there is no such file.

  Raises:
    UsageError: The file exists but cannot be read.
  """
  path = os.path.join(model_dir, CONFIG)
  try:
    with open(path, encoding='utf-8') as f:
      content = json.load(f)
  except FileNotFoundError:
    return {}
  except (OSError, ValueError) as e:
    raise UsageError(f'{path} cannot be read: {e}') from e
  # JSON that is not an object cannot be the settings of a run.
  return content if isinstance(content, dict) else {}
