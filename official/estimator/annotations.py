"""Types that the annotations of several modules share."""

from collections.abc import Callable
from typing import Any, TypeAlias

import tensorflow as tf

#: A structure of tensors: one tensor (dense, sparse or ragged), or tuples and
#: dicts of structures.
Nest: TypeAlias = Any

DatasetIterator: TypeAlias = (
  tf.data.Iterator | tf.distribute.DistributedIterator
)

#: Returns a `tf.data.Dataset` or a nest; `inputs.make_dataset` says what it may
#: take.
InputFn: TypeAlias = Callable[..., tf.data.Dataset | Nest]
