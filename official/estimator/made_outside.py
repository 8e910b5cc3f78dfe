"""Variables made outside model_fn, such as those of a Keras layer.

They are the same objects in every Estimator that uses them, and each Estimator
trains them as its own. So an Estimator loads its checkpoint again when another
one has used them, and begins with the values that the user gave them, not with
what another Estimator has made of these.
"""

import hashlib
import weakref
from typing import Any

import numpy as np


class Use:
  """How one store of variables uses those that were made outside.

  Attributes:
    names: of these variables.
    in_training: whether the store is in the midst of training.
  """

  def __init__(self):
    self.names: set[str] = set()
    self.in_training = False
    self._records: list[_Record] = []

  def take(self, name: str, variable: Any) -> np.ndarray:
    """Notes that the store uses a variable; returns its initial value."""
    record = _record(variable)
    self.names.add(name)
    self._records.append(record)
    return record.initial_value()

  def is_latest(self, thorough: bool) -> bool:
    """Whether the variables are as this store has left them.

    Args:
      thorough: look at their values, which the user may have changed, and not
        only at who has used them last.
    """
    return all(
      record.user() is self and (not thorough or record.hash() == record.left)
      for record in self._records
    )

  def begin(self) -> None:
    """Notes that their values will be those of this store.

    Raises:
      RuntimeError: another Estimator is training them.
    """
    for record in self._records:
      user = record.user()
      if user is not None and user is not self and user.in_training:
        raise RuntimeError(
          'Variables made outside model_fn are in training in another '
          'Estimator, which a checkpoint loaded into them would spoil.'
        )
    for record in self._records:
      record.user = weakref.ref(self)

  def leave(self) -> None:
    """Notes that their values, as they are, come from this store."""
    for record in self._records:
      record.left = record.hash()


class _Record:
  """What is known of one variable."""

  def __init__(self, variable: Any):
    self._variable = weakref.ref(variable)
    self._initial = variable.numpy()
    self.user: Any = lambda: None  # The latest; it may be gone.
    self.left: str | None = None  # Hash of the value that the latest one left.

  def initial_value(self) -> np.ndarray:
    """What the user gave it at last."""
    if self.hash() != self.left:
      self._initial = self._variable().numpy()
    return self._initial

  def hash(self) -> str:
    value = np.ascontiguousarray(self._variable().numpy())
    return hashlib.sha256(value.tobytes()).hexdigest()


_records: dict[int, _Record] = {}


def _record(variable: Any) -> _Record:
  key = id(variable)
  if key not in _records:
    _records[key] = _Record(variable)
    weakref.finalize(variable, _records.pop, key, None)
  return _records[key]
