"""The manifest of a checkpoint: `model.ckpt-N.json`, what its files must be.

It has the size and the SHA-256 of each of the other files, what else the run
remembers, and a checksum of itself.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from official.estimator import files as files_lib

_CHECKSUM = 'checksum'


def write(prefix: str, content: Mapping[str, Any]) -> None:
  """Writes it whole, with its own checksum."""
  content = {k: v for k, v in content.items() if k != _CHECKSUM}
  content[_CHECKSUM] = _checksum(content)
  files_lib.write_whole(f'{prefix}.json', json.dumps(content))


def read(prefix: str) -> dict[str, Any]:
  """What `write` wrote; empty where there is none or it is damaged.

  Raises:
    PermissionError: it may not be read. The checkpoint may well be whole: it
      must not be passed over, or trained anew, for that.
  """
  try:
    with open(f'{prefix}.json', encoding='utf-8') as f:
      content = json.load(f)
  except PermissionError:
    raise
  except (OSError, ValueError):
    return {}
  if not isinstance(content, dict):
    return {}
  # Those of version 0.1 had none.
  if content.get(_CHECKSUM, _checksum(content)) != _checksum(content):
    return {}
  return content


def describe(prefix: str) -> dict[str, dict[str, Any]]:
  """Name to size and SHA-256 of the files that are there but itself."""
  return {
    os.path.basename(path): {
      'size': os.path.getsize(path),
      'sha256': files_lib.sha256(path),
    }
    for path in files(prefix)
    if not path.endswith('.json')
  }


def files(prefix: str) -> list[str]:
  """Files of one checkpoint, its index first."""
  directory, base = os.path.split(prefix)
  names = [
    name
    for name in os.listdir(directory or os.curdir)
    if name.startswith(f'{base}.')
  ]
  names = reversed(in_order_of_commit(names))
  return [os.path.join(directory, name) for name in names]


def in_order_of_commit(names: Iterable[str]) -> list[str]:
  """The index last: a checkpoint without one does not exist."""
  return sorted(names, key=lambda name: name.endswith('.index'))


def damage(prefix: str) -> str | None:
  """What is wrong with the files of a checkpoint; None if nothing seen."""
  if not os.path.exists(f'{prefix}.json'):
    # Written by TensorFlow itself; its reader will have to judge.
    return None if os.path.getsize(f'{prefix}.index') else 'its index is empty'
  described = read(prefix).get('files')
  if not isinstance(described, dict) or not described:
    return 'its manifest cannot be read'
  for name, wanted in described.items():
    # Manifests of version 0.1 had the size alone.
    if isinstance(wanted, int):
      wanted = {'size': wanted}
    path = os.path.join(os.path.dirname(prefix), name)
    if not os.path.exists(path):
      return f'{name} is missing'
    size = os.path.getsize(path)
    if size != wanted.get('size'):
      return f'{name} has {size} bytes of {wanted.get("size")}'
    if 'sha256' in wanted and files_lib.sha256(path) != wanted['sha256']:
      return f'{name} is not what was written'
  return None


def _checksum(content: Mapping[str, Any]) -> str:
  rest = {k: v for k, v in content.items() if k != _CHECKSUM}
  text = json.dumps(rest, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()
