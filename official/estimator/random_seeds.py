"""Random numbers that begin at a seed and leave those of the process alone."""

import contextlib
import random
from collections.abc import Iterator

import numpy as np
from tensorflow.python.eager import context

# A kernel remembers where it is in its stream of numbers, and TensorFlow keeps
# kernels by their seeds. A seed that is new has none yet.
_begun: set[int] = set()


@contextlib.contextmanager
def of_tensorflow(seed: int | None, again: bool = False) -> Iterator[None]:
  """Within it TensorFlow's numbers begin at a seed, as in a graph of its own.

  TensorFlow has no public way to read its global seed, or how many operations
  have drawn from it, so this reads its context.

  Args:
    seed: None changes nothing.
    again: operations that run within it give the same numbers each time, and
      not only the graphs that are built there.
  """
  if seed is None:
    yield
    return
  tensorflow = context.context()
  theirs = vars(tensorflow).get('_seed'), vars(tensorflow).get('_rng')
  if again and seed in _begun:
    context.set_global_seed(seed)  # Clears the kernels, those of others too.
  _begun.add(seed)
  tensorflow._seed, tensorflow._rng = seed, random.Random(seed)
  try:
    yield
  finally:
    tensorflow._seed, tensorflow._rng = theirs


@contextlib.contextmanager
def of_all(seed: int) -> Iterator[None]:
  """As `of_tensorflow`, for Python's and NumPy's numbers too."""
  python, numpy = random.getstate(), np.random.get_state()
  random.seed(seed)
  np.random.seed(seed)
  try:
    with of_tensorflow(seed, again=True):
      yield
  finally:
    random.setstate(python)
    np.random.set_state(numpy)
