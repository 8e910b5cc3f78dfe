"""The folder of a run: it may be used, it belongs to this run, its config."""

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
from typing import Any

from official.errors import UsageError

CONFIG = 'config.json'
_LOCK = 'lock'
_OURS = re.compile(
  r'^(config\.json|metrics\.jsonl|checkpoint|model\.ckpt-.*|tmp-checkpoint-.*|'
  r'events\.out\.tfevents\..*|eval.*|export|plugins|lock|predictions\.npz)$'
)


@contextlib.contextmanager
def lock(model_dir: str) -> Iterator[None]:
  """Keeps the folder, made if need be, for this process alone.

  The system drops the lock when the process ends, however it ends.

  Raises:
    UsageError: another process has it, or the folder cannot be written.
  """
  check_writable('model_dir', model_dir)
  path = os.path.join(model_dir, _LOCK)
  with open(path, 'a+', encoding='utf-8') as f:
    try:
      fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
      f.seek(0)
      raise UsageError(
        f'--model_dir {model_dir} is in use by {f.read().strip()}; wait for it '
        'to end, or give another folder'
      ) from None
    except OSError:
      pass  # A file system without locks.
    f.truncate(0)
    f.write(
      f'process {os.getpid()} on {socket.gethostname()}, '
      f'{shlex.join(sys.argv)}\n'
    )
    f.flush()
    yield


def prepare(
  model_dir: str,
  identity: Mapping[str, Any],
  config: Mapping[str, Any] | None,
  *,
  training: Mapping[str, Any] | None = None,
  clean: bool = False,
) -> None:
  """Makes the folder ready for this run, or says why it cannot be.

  Args:
    model_dir: the folder.
    identity: what must not change from one run in it to the next.
    config: all settings, written to `config.json` with the identity; None
      leaves the file as it is.
    training: what must not change either, if training is to go on; None where
      it does not.
    clean: delete the folder first.

  Raises:
    UsageError: it cannot be written, is not a run's folder (with `clean`), or
      holds a run of another identity.
  """
  if clean:
    _clean(model_dir)
  check_writable('model_dir', model_dir)
  there = read_config(model_dir)
  differences = _differences(there.get('identity', {}), identity)
  if training is not None:
    differences += _differences(there.get('training', {}), training)
    training = dict(there.get('training', {})) | dict(training)
  if differences:
    raise UsageError(
      f'--model_dir {model_dir} holds another run: {"; ".join(differences)}. '
      'Give another folder, or --clean to delete that run'
    )
  if config is None:
    return
  content = {
    'identity': identity,
    'training': training or there.get('training', {}),
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
  """What `prepare` wrote; empty where it has not.

  Raises:
    UsageError: the file is there but cannot be read.
  """
  path = os.path.join(model_dir, CONFIG)
  try:
    with open(path, encoding='utf-8') as f:
      content = json.load(f)
  except FileNotFoundError:
    return {}
  except (OSError, ValueError) as e:
    raise UsageError(f'{path} cannot be read: {e}') from e
  # Through JSON, so that a tuple there and a list here are the same.
  return content if isinstance(content, dict) else {}


def check_writable(flag: str, directory: str) -> None:
  """Makes a folder if need be and proves that files can be made in it.

  Raises:
    UsageError: it cannot be made, or nothing can be written there.
  """
  probe = os.path.join(directory, f'.write-probe-{os.getpid()}')
  try:
    os.makedirs(directory, exist_ok=True)
    with open(probe, 'w', encoding='utf-8'):
      pass
    os.remove(probe)
  except OSError as e:
    raise UsageError(
      f'--{flag} {directory} cannot be written: {e.strerror or e}'
    ) from e


def _clean(model_dir: str) -> None:
  if not os.path.isdir(model_dir):
    return
  foreign = sorted(n for n in os.listdir(model_dir) if not _OURS.match(n))
  if foreign:
    raise UsageError(
      f'--clean will not delete {model_dir}: it holds {foreign[0]}, which is '
      'no part of a run'
    )
  for name in os.listdir(model_dir):
    path = os.path.join(model_dir, name)
    if name == _LOCK:
      continue  # This process may hold it.
    if os.path.isdir(path):
      shutil.rmtree(path)
    else:
      os.remove(path)
