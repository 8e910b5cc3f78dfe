"""The checkpoints of a folder: each is written whole, or not at all.

A checkpoint at step N is three files: `model.ckpt-N.data-00000-of-00001` and
`model.ckpt-N.index` in TensorFlow's own name-based format (so
`tf.train.load_checkpoint` reads them), and `model.ckpt-N.json`, its manifest.
The index is renamed into place last, after its manifest: a checkpoint without
an index does not exist. So a process may be killed at any moment, and leaves
the folder with the checkpoints that it had, or with one more.
"""

import contextlib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from official.estimator import (
  checkpoint_listing,
  files,
  manifests,
  retention,
)

_TEMPORARY = 'tmp-checkpoint-'


class CheckpointWriteError(RuntimeError):
  """A checkpoint could not be written; those before it are as they were."""


class Checkpoints:
  """The checkpoints in `directory`.

  Args:
    directory: The folder, which the first save makes.
    keep_max: See `Retention`.
    keep_every_n_hours: See `Retention`.

  Attributes:
    directory: As given.
  """

  def __init__(
    self,
    directory: str,
    keep_max: int | None = 5,
    keep_every_n_hours: float = 10000,
  ):
    self.directory = directory
    self._retention = retention.Retention(keep_max, keep_every_n_hours)

  def all(self) -> list[str]:
    """Prefixes of the checkpoints, the newest last; they are not verified."""
    return checkpoint_listing.all_in(self.directory)

  def latest(self) -> str | None:
    """The prefix of the newest whole checkpoint; None if there is none.

    A warning names each newer one that is not whole.
    """
    return checkpoint_listing.newest_whole(self.all())

  def prefix(self, step: int) -> str:
    """The path of a checkpoint, without the endings of its files' names."""
    return checkpoint_listing.prefix(self.directory, step)

  def save(
    self,
    values: Mapping[str, tf.Tensor],
    step: int,
    state: Mapping[str, Any] | None = None,
  ) -> str:
    """Writes a checkpoint and removes old ones.

    Args:
      values: Values of variables by name.
      step: The global step, which becomes part of the checkpoint's name.
      state: Further values to remember, as JSON; see `checkpoints.state_of`.

    Returns:
      The prefix of the checkpoint.

    Raises:
      CheckpointWriteError: The checkpoint could not be written, for example
        because the disk is full; nothing is left of it.
    """
    prefix = self.prefix(step)
    try:
      self._commit(prefix, values, state or {})
    except (OSError, tf.errors.OpError) as e:
      last = next(retention.whole(self.all()), None)
      raise CheckpointWriteError(
        f'Checkpoint {prefix} could not be written: {_reason(e)}. '
        + (f'The last one is {last}.' if last else 'There is none before.')
      ) from e
    left = self._retention.prune(self.all())
    self._write_state(prefix, left)
    return prefix

  def mend(self) -> None:
    """Removes the scratch files of a killed process; restores `checkpoint`."""
    self._remove_temporaries()
    prefixes = self.all()
    latest = checkpoint_listing.newest_whole(prefixes)
    if latest is not None:
      self._write_state(latest, prefixes)

  def _commit(
    self,
    prefix: str,
    values: Mapping[str, tf.Tensor],
    state: Mapping[str, Any],
  ) -> None:
    """Writes a checkpoint in a scratch folder, and then moves its files."""
    base = os.path.basename(prefix)
    temporary = os.path.join(
      self.directory, f'{_TEMPORARY}{base}-{os.getpid()}'
    )
    self._remove_temporaries()
    last_kept = self._retention.last_kept(self.all())
    os.makedirs(temporary)
    try:
      scratch = os.path.join(temporary, base)
      _write_values(scratch, values)
      # All must be on the disk before the index makes it a checkpoint.
      for path in manifests.files(scratch):
        files.sync(path)
      manifests.write(
        scratch,
        {
          'files': manifests.describe(scratch),
          'kept': False,
          'last_kept': last_kept,
          'state': dict(state),
        },
      )
      for name in manifests.in_order_of_commit(os.listdir(temporary)):
        os.replace(
          os.path.join(temporary, name), os.path.join(self.directory, name)
        )
    finally:
      shutil.rmtree(temporary, ignore_errors=True)
    # A rename survives a power cut only once its folder is on the disk.
    files.sync(self.directory)

  def _write_state(self, latest: str, prefixes: Sequence[str]) -> None:
    """Writes the file `checkpoint`, which only TensorFlow's own tools read."""
    fields = [('model_checkpoint_path', latest)]
    fields += [('all_model_checkpoint_paths', path) for path in prefixes]
    text = ''.join(
      f'{key}: {json.dumps(os.path.basename(value))}\n' for key, value in fields
    )
    with contextlib.suppress(OSError):  # The checkpoint itself is there.
      files.write_whole(os.path.join(self.directory, 'checkpoint'), text)

  def _remove_temporaries(self) -> None:
    os.makedirs(self.directory, exist_ok=True)
    for name in os.listdir(self.directory):
      if name.startswith(_TEMPORARY):
        shutil.rmtree(os.path.join(self.directory, name), ignore_errors=True)


def _write_values(scratch: str, values: Mapping[str, tf.Tensor]) -> None:
  names = sorted(values)
  tf.raw_ops.SaveV2(
    prefix=scratch,
    tensor_names=names,
    shape_and_slices=[''] * len(names),
    tensors=[values[name] for name in names],
  )


def _reason(error: Exception) -> str:
  """The reason why a file could not be written, in few words."""
  if isinstance(error, tf.errors.OpError):
    return error.message.split('\n')[0].split('}} ')[-1].split(' [Op:')[0]
  return getattr(error, 'strerror', None) or str(error)
