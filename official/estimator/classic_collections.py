"""TensorFlow 1's collections of a graph, as a trace of model_fn finds them.

`tf.compat.v1.trainable_variables`, `get_global_step`, `get_variable` and the
optimizers of TensorFlow 1 look there.
"""

import contextlib
from collections.abc import Iterable, Iterator

import tensorflow as tf

KEYS = tf.compat.v1.GraphKeys

# A function's graph shares these lists with the graph around it.
_SHARED = (
  KEYS.GLOBAL_STEP,
  KEYS.GLOBAL_VARIABLES,
  KEYS.LOCAL_VARIABLES,
  KEYS.TRAINABLE_VARIABLES,
)
# The stores of `get_variable` and of scopes entered: functions share them with
# the process's global graph.
_STORES = (('__variable_store',), ('__varscope',))


@contextlib.contextmanager
def of_trace(global_step: tf.Variable) -> Iterator[None]:
  """Within it they hold what this trace makes, and the global step."""
  graph = tf.compat.v1.get_default_graph()
  theirs = {key: graph.get_collection(key) for key in _SHARED}
  for key in _SHARED:
    graph.get_collection_ref(key)[:] = []
  for key in (KEYS.GLOBAL_STEP, KEYS.GLOBAL_VARIABLES):
    graph.get_collection_ref(key)[:] = [global_step]
  try:
    with _no_names_taken():
      yield
  finally:
    for key, variables in theirs.items():
      graph.get_collection_ref(key)[:] = variables


def collect(variable: tf.Variable, collections: Iterable[str]) -> None:
  """Puts a variable where TensorFlow 1's functions look for it.

  Args:
    variable: of the trace.
    collections: those asked for; none means the global variables.
  """
  keys = {*(collections or [KEYS.GLOBAL_VARIABLES])}
  if variable.trainable and KEYS.LOCAL_VARIABLES not in keys:
    keys.add(KEYS.TRAINABLE_VARIABLES)
  graph = tf.compat.v1.get_default_graph()
  for key in keys:
    known = graph.get_collection_ref(key)
    if all(variable is not other for other in known):
      known.append(variable)


@contextlib.contextmanager
def _no_names_taken() -> Iterator[None]:
  """Forgets, for TensorFlow 1's own stores, what earlier traces made.

  Else the second trace's `get_variable` would be told that the name is taken,
  and an optimizer would name its slot `Momentum_1`.
  """
  with tf.init_scope():
    graph = tf.compat.v1.get_default_graph()
  ours = [graph.get_collection_ref(key) for key in _STORES]
  theirs = [store[:] for store in ours]
  for store in ours:
    store.clear()
  try:
    yield
  finally:
    for store, before in zip(ours, theirs, strict=True):
      store[:] = before
