"""Initial values of variables: a function of the seed and the name alone."""

import contextlib
import random
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from tensorflow.python.eager import context


def draw(function: Callable[[], Any], name: str, seed: int | None) -> Any:
  """Calls the function that makes the initial value of a variable.

  Args:
    function: takes nothing, returns the value.
    name: of the variable. With the same seed and name the value is the same,
      in whatever order variables are made.
    seed: None leaves all random numbers alone.
  """
  if seed is None:
    return function()
  with _seeded(zlib.crc32(f'{seed}/{name}'.encode())):
    return function()


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
  """Within it random numbers begin at a seed; afterwards they go on as before.

  TensorFlow has no public way to read its global seed, or how many operations
  have drawn from it, so this reads its context. Python's and NumPy's numbers
  belong to it too: the initializers of tf_keras take their seeds from Python.
  """
  tensorflow = context.context()
  theirs = vars(tensorflow).get('_seed'), vars(tensorflow).get('_rng')
  python, numpy = random.getstate(), np.random.get_state()
  context.set_global_seed(seed)
  random.seed(seed)
  np.random.seed(seed)
  try:
    yield
  finally:
    tensorflow._seed, tensorflow._rng = theirs
    random.setstate(python)
    np.random.set_state(numpy)
