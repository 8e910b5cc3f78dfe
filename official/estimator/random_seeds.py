"""Random numbers that begin at a seed and do not disturb those of the process.

An Estimator is a guest in its process. The user may have seeded TensorFlow,
NumPy or Python, and code after an Estimator's call must draw the numbers that
it would have drawn without the call.
"""

import contextlib
import random
from collections.abc import Iterator

import numpy as np
from tensorflow.python.eager import context

# Seeds that were used in this process. A kernel remembers its position in its
# stream of numbers, and TensorFlow keeps kernels by their seeds, so only a new
# seed begins without a kernel.
_begun: set[int] = set()


@contextlib.contextmanager
def of_tensorflow(seed: int | None, again: bool = False) -> Iterator[None]:
  """Within it TensorFlow's numbers begin at a seed, as in a new graph.

  TensorFlow has no public way to read its global seed, or how many ops have
  drawn from it, so this reads its context.

  Args:
    seed: The seed; None changes nothing.
    again: Whether ops that run within it draw the same numbers each time, and
      not only ops of graphs that are built there.
  """
  if seed is None:
    yield
    return
  tensorflow = context.context()
  previous = vars(tensorflow).get('_seed'), vars(tensorflow).get('_rng')
  if again and seed in _begun:
    context.set_global_seed(seed)  # Clears all kernels, also those of others.
  _begun.add(seed)
  tensorflow._seed, tensorflow._rng = seed, random.Random(seed)
  try:
    yield
  finally:
    tensorflow._seed, tensorflow._rng = previous


@contextlib.contextmanager
def of_all(seed: int) -> Iterator[None]:
  """Like `of_tensorflow`, also for the random numbers of Python and NumPy."""
  python, numpy = random.getstate(), np.random.get_state()
  random.seed(seed)
  np.random.seed(seed)
  try:
    with of_tensorflow(seed, again=True):
      yield
  finally:
    random.setstate(python)
    np.random.set_state(numpy)
