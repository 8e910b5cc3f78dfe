"""The manifest of a checkpoint, `model.ckpt-N.json`: what its files must be.

It holds the size and the SHA-256 of each of the other files, the state that the
run remembers besides its variables, and a checksum of itself.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

from official.estimator import files as files_lib

_CHECKSUM = 'checksum'


def write(prefix: str, content: Mapping[str, Any]) -> None:
  """Writes the manifest of a checkpoint, with its checksum."""
  content = {k: v for k, v in content.items() if k != _CHECKSUM}
  content[_CHECKSUM] = _checksum(content)
  files_lib.write_whole(f'{prefix}.json', json.dumps(content))


def read(prefix: str) -> dict[str, Any]:
  """The content of a manifest; empty if there is none or it is damaged.

  Raises:
    PermissionError: The manifest may not be read. The checkpoint may well be
      whole, so it must not be passed over, or trained again, for that reason.
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
  # The manifests of version 0.1 had no checksum.
  if content.get(_CHECKSUM, _checksum(content)) != _checksum(content):
    return {}
  return content


def describe(prefix: str) -> dict[str, dict[str, Any]]:
  """Size and SHA-256, by name, of all files except the manifest itself."""
  return {
    os.path.basename(path): {
      'size': os.path.getsize(path),
      'sha256': files_lib.sha256(path),
    }
    for path in files(prefix)
    if not path.endswith('.json')
  }


def files(prefix: str) -> list[str]:
  """Paths of the files of a checkpoint, its index first."""
  directory, base = os.path.split(prefix)
  names = [
    name
    for name in os.listdir(directory or os.curdir)
    if name.startswith(f'{base}.')
  ]
  return [
    os.path.join(directory, name)
    for name in reversed(in_order_of_commit(names))
  ]


def in_order_of_commit(names: Iterable[str]) -> list[str]:
  """Names of files, the index last: without one no checkpoint exists."""
  return sorted(names, key=lambda name: name.endswith('.index'))


def damage(prefix: str) -> str | None:
  """What is wrong with the files of a checkpoint; None if they are whole."""
  if not os.path.exists(f'{prefix}.json'):
    # TensorFlow itself wrote the checkpoint; only reading it shows damage.
    return None if os.path.getsize(f'{prefix}.index') else 'its index is empty'
  described = read(prefix).get('files')
  if not isinstance(described, dict) or not described:
    return 'its manifest cannot be read'
  for name, description in described.items():
    # The manifests of version 0.1 had only the size.
    if isinstance(description, int):
      description = {'size': description}
    path = os.path.join(os.path.dirname(prefix), name)
    if not os.path.exists(path):
      return f'{name} is missing'
    size = os.path.getsize(path)
    if size != description.get('size'):
      return f'{name} has {size} bytes of {description.get("size")}'
    if (
      'sha256' in description
      and files_lib.sha256(path) != description['sha256']
    ):
      return f'{name} is not what was written'
  return None


def _checksum(content: Mapping[str, Any]) -> str:
  rest = {k: v for k, v in content.items() if k != _CHECKSUM}
  text = json.dumps(rest, sort_keys=True)
  return hashlib.sha256(text.encode()).hexdigest()
