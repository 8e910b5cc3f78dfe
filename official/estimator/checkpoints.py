"""Checkpoints of a directory: written whole, verified, pruned.

A checkpoint at step N is three files: `model.ckpt-N.data-00000-of-00001` and
`model.ckpt-N.index` in TensorFlow's own name-based format (so
`tf.train.load_checkpoint` reads them), and `model.ckpt-N.json`, its manifest.
The index is renamed into place last: a checkpoint without one does not exist.
"""

import contextlib
import itertools
import json
import os
import shutil
import time
import weakref
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf

from official.estimator import checkpoint_listing, files, manifests

_TEMPORARY = 'tmp-checkpoint-'
_WHOLE_ONES = 2  # that pruning leaves, if there are so many


class IncompatibleCheckpointError(ValueError):
  """A checkpoint lacks variables, or has them in other shapes."""


class CheckpointWriteError(RuntimeError):
  """A checkpoint could not be written; those before it are as they were."""


class Checkpoints:
  """The checkpoints in `directory`.

  Args:
    directory: made on the first save.
    keep_max: how many recent ones `save` leaves; None or 0 for all. Of these
      two, or the only one, must be whole; else older ones stay.
    keep_every_n_hours: leaves one more at such intervals.
  """

  def __init__(
    self,
    directory: str,
    keep_max: int | None = 5,
    keep_every_n_hours: float = 10000,
  ):
    self.directory = directory
    self._keep_max = keep_max
    self._keep_seconds = keep_every_n_hours * 3600
    self._last_kept: float | None = None

  def all(self) -> list[str]:
    """Prefixes of the checkpoints there are, the newest last, unverified."""
    return checkpoint_listing.all_in(self.directory)

  def latest(self) -> str | None:
    """Prefix of the newest whole checkpoint; None where there is none.

    Each newer one that is not whole is named in a warning.
    """
    return checkpoint_listing.latest(self.directory)

  def prefix(self, step: int) -> str:
    """The path of a checkpoint less the ends of its files' names."""
    return checkpoint_listing.prefix(self.directory, step)

  def save(
    self,
    values: Mapping[str, tf.Tensor],
    step: int,
    state: Mapping[str, Any] | None = None,
  ) -> str:
    """Writes one and prunes old ones.

    Args:
      values: name to value.
      step: the global step, which becomes part of its name.
      state: what else to remember, for JSON; see `state_of`.

    Returns:
      The prefix of the checkpoint.

    Raises:
      CheckpointWriteError: the disk is full, say; nothing is left of it.
    """
    prefix = self.prefix(step)
    try:
      self._commit(prefix, values, state or {})
    except (OSError, tf.errors.OpError) as e:
      before = next(_whole(self.all()), None)
      raise CheckpointWriteError(
        f'Checkpoint {prefix} could not be written: {_reason(e)}. '
        + (f'The last one is {before}.' if before else 'There is none before.')
      ) from e
    self._prune()
    self._write_state(prefix)
    return prefix

  def mend(self) -> None:
    """Clears up after a killed process: its scratch, a lost `checkpoint`."""
    self._remove_temporaries()
    latest = self.latest()
    if latest is not None:
      self._write_state(latest)

  def _commit(
    self,
    prefix: str,
    values: Mapping[str, tf.Tensor],
    state: Mapping[str, Any],
  ) -> None:
    """Writes one under a temporary name, and then gives it its own."""
    base = os.path.basename(prefix)
    temporary = os.path.join(
      self.directory, f'{_TEMPORARY}{base}-{os.getpid()}'
    )
    self._remove_temporaries()
    if self._last_kept is None:
      self._last_kept = self._when_last_kept()
    os.makedirs(temporary)
    try:
      scratch = os.path.join(temporary, base)
      _write(scratch, values)
      for path in manifests.files(scratch):
        files.sync(path)
      manifests.write(
        scratch,
        {
          'files': manifests.describe(scratch),
          'kept': False,
          'last_kept': self._last_kept,
          'state': dict(state),
        },
      )
      for name in manifests.in_order_of_commit(os.listdir(temporary)):
        os.replace(
          os.path.join(temporary, name), os.path.join(self.directory, name)
        )
    finally:
      shutil.rmtree(temporary, ignore_errors=True)
    files.sync(self.directory)

  def _write_state(self, latest: str) -> None:
    """Writes `checkpoint`, which TensorFlow's own tools read and we do not."""
    fields = [('model_checkpoint_path', latest)]
    fields += [('all_model_checkpoint_paths', path) for path in self.all()]
    text = ''.join(
      f'{key}: {json.dumps(os.path.basename(value))}\n' for key, value in fields
    )
    with contextlib.suppress(OSError):  # The checkpoint itself is there.
      files.write_whole(os.path.join(self.directory, 'checkpoint'), text)

  def _prune(self) -> None:
    if not self._keep_max:
      return
    found = self.all()
    old, recent = found[: -self._keep_max], found[-self._keep_max :]
    if not old:
      return  # To verify the recent ones takes a while.
    spared = self._spared(old, recent)
    for prefix in old:
      if prefix in spared or manifests.read(prefix).get('kept'):
        continue
      if _written(prefix) - self._last_kept >= self._keep_seconds:
        self._last_kept = _written(prefix)
        _keep(prefix)
        continue
      for path in manifests.files(prefix):  # The index goes first.
        os.remove(path)

  def _spared(self, old: list[str], recent: list[str]) -> list[str]:
    """Old ones that must do, where too few of the recent ones are whole."""
    wanted = min(self._keep_max, _WHOLE_ONES)
    found = len(list(itertools.islice(_whole(recent), wanted)))
    return list(itertools.islice(_whole(old), wanted - found))

  def _when_last_kept(self) -> float:
    """As the manifests tell, so that a restart does not begin to wait anew."""
    known = {prefix: manifests.read(prefix) for prefix in self.all()}
    times = [m['last_kept'] for m in known.values() if 'last_kept' in m]
    times += [_written(p) for p, m in known.items() if m.get('kept')]
    return max(times, default=time.time())

  def _remove_temporaries(self) -> None:
    os.makedirs(self.directory, exist_ok=True)
    for name in os.listdir(self.directory):
      if name.startswith(_TEMPORARY):
        shutil.rmtree(os.path.join(self.directory, name), ignore_errors=True)


def step_of(prefix: str) -> int:
  """The global step that a checkpoint holds.

  Raises:
    ValueError: it holds none.
  """
  reader = read(prefix)
  if not reader.has_tensor('global_step'):
    raise ValueError(f'Checkpoint {prefix} holds no global_step.')
  return int(reader.get_tensor('global_step'))


def read(prefix: str) -> Any:
  """A reader of the checkpoint at `prefix`, by names.

  Raises:
    ValueError: there is none.
  """
  prefix = files.local_path('checkpoint', prefix)
  try:
    if files.is_pattern(prefix):
      return _LinkedReader(prefix)
    return tf.train.load_checkpoint(prefix)
  except (OSError, tf.errors.OpError, ValueError) as e:
    raise ValueError(f'There is no checkpoint to read at {prefix}: {e}') from e


class _LinkedReader:
  """A reader of a checkpoint whose name TensorFlow takes for a pattern.

  It reads through links, which stay as long as it does, for it opens the files
  of the values when they are asked for.

  Raises:
    OSError: there is no such folder, or no place for the links.
    tf.errors.OpError: there is no checkpoint, or it is damaged.
  """

  def __init__(self, prefix: str):
    scratch = files.scratch_folder()
    weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
    link = os.path.join(scratch, checkpoint_listing.PREFIX)
    length = len(os.path.basename(prefix))
    for path in manifests.files(prefix):
      end = os.path.basename(path)[length:]
      os.symlink(os.path.abspath(path), f'{link}{end}')
    self._reader = tf.train.load_checkpoint(link)

  def __getattr__(self, name: str) -> Any:
    return getattr(self._reader, name)


def restore(prefix: str, variables: Mapping[str, tf.Variable]) -> None:
  """Gives each variable the value stored under its name.

  Raises:
    IncompatibleCheckpointError: a name is missing or has another shape;
      nothing is changed.
  """
  reader = read(prefix)
  shapes = reader.get_variable_to_shape_map()
  missing = [name for name in variables if name not in shapes]
  wrong = [
    f'{name} ({shapes[name]}, expected {variable.shape.as_list()})'
    for name, variable in variables.items()
    if name in shapes and shapes[name] != variable.shape.as_list()
  ]
  if missing or wrong:
    raise IncompatibleCheckpointError(
      f'Could not load all requested variables from checkpoint {prefix}: '
      'another network or optimizer wrote it.'
      + (f' Missing: {_some(missing)}.' if missing else '')
      + (f' Of another shape: {_some(wrong)}.' if wrong else '')
      + ' (Inside a model_fn give Keras layers a name, or each mode names them '
      'anew.)'
    )
  for name, variable in variables.items():
    variable.assign(reader.get_tensor(name))


def _some(names: list[str]) -> str:
  more = f' and {len(names) - 5} more' if len(names) > 5 else ''
  return ', '.join(names[:5]) + more


def state_of(prefix: str) -> dict[str, Any]:
  """What `save` was given as `state`; empty where there is none."""
  state = manifests.read(prefix).get('state')
  return state if isinstance(state, dict) else {}


def remember(prefix: str, state: Mapping[str, Any]) -> None:
  """Adds to what a checkpoint has as `state`, at once or not at all."""
  content = manifests.read(prefix) or {'files': manifests.describe(prefix)}
  manifests.write(prefix, content | {'state': state_of(prefix) | dict(state)})


def _whole(prefixes: Sequence[str]) -> Iterator[str]:
  """Those that are not damaged, the newest first."""
  return (p for p in reversed(prefixes) if manifests.damage(p) is None)


def _write(scratch: str, values: Mapping[str, tf.Tensor]) -> None:
  names = sorted(values)
  tf.raw_ops.SaveV2(
    prefix=scratch,
    tensor_names=names,
    shape_and_slices=[''] * len(names),
    tensors=[values[name] for name in names],
  )


def _reason(error: Exception) -> str:
  """Why a file could not be written, in few words."""
  if isinstance(error, tf.errors.OpError):
    return error.message.split('\n')[0].split('}} ')[-1].split(' [Op:')[0]
  return getattr(error, 'strerror', None) or str(error)


def _keep(prefix: str) -> None:
  """Notes that pruning has decided to keep it for good."""
  content = manifests.read(prefix)
  if content:  # TensorFlow's own have none.
    manifests.write(prefix, content | {'kept': True})


def _written(prefix: str) -> float:
  """When, in seconds since 1970."""
  return os.path.getmtime(f'{prefix}.index')
