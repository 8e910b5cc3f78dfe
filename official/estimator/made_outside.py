"""Variables made outside model_fn, such as those of a Keras layer.

They are the same objects in every Estimator that uses them, and each Estimator
trains them as its own. So an Estimator must load its checkpoint again after
another one has used them, and must begin with the values that the user gave
them, not with values that another Estimator has trained.
"""

import hashlib
import weakref
from collections.abc import Callable

import numpy as np
import tensorflow as tf


class Use:
  """How one store of variables uses those that were made outside.

  Attributes:
    names: Names of these variables.
    in_training: Whether the store is being trained.
  """

  def __init__(self) -> None:
    self.names: set[str] = set()
    self.in_training = False
    self._records: list[_Record] = []

  def take(self, name: str, variable: tf.Variable) -> np.ndarray:
    """Notes that the store uses a variable; returns its initial value."""
    record = _record(variable)
    self.names.add(name)
    self._records.append(record)
    return record.initial_value()

  def is_latest(self, thorough: bool) -> bool:
    """Whether the variables are unchanged since this store used them.

    Args:
      thorough: Whether to compare their values too, which the user may have
        changed, and not only the store that has used them last.
    """
    return all(
      record.user() is self and (not thorough or record.hash() == record.left)
      for record in self._records
    )

  def begin(self) -> None:
    """Notes that from now on their values are those of this store.

    Raises:
      RuntimeError: Another Estimator is training them.
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
    """Notes that their present values come from this store."""
    for record in self._records:
      record.left = record.hash()


class _Record:
  """The store that uses one variable, and the value that it has left there.

  Args:
    variable: The variable, which the record does not keep alive.

  Attributes:
    user: Function that returns the store that has used the variable last; None
      if that store is gone.
    left: Hash of the value that this store has left in the variable.
  """

  def __init__(self, variable: tf.Variable):
    self._variable = weakref.ref(variable)
    self._initial = variable.numpy()
    self.user: Callable[[], Use | None] = lambda: None
    self.left: str | None = None

  def initial_value(self) -> np.ndarray:
    """The value that the user gave it last."""
    if self.hash() != self.left:  # The user has changed it since.
      self._initial = self._value()
    return self._initial

  def hash(self) -> str:
    """The SHA-256 of its value."""
    value = np.ascontiguousarray(self._value())
    return hashlib.sha256(value.tobytes()).hexdigest()

  def _value(self) -> np.ndarray:
    # The caller holds the variable, so the weak reference is still alive.
    return self._variable().numpy()  # type: ignore[union-attr]


# By the id of the variable, for all stores of the process: the module cannot
# attach a record to an object that TensorFlow or Keras has made.
_records: dict[int, _Record] = {}


def _record(variable: tf.Variable) -> _Record:
  key = id(variable)
  if key not in _records:
    _records[key] = _Record(variable)
    weakref.finalize(variable, _records.pop, key, None)
  return _records[key]
