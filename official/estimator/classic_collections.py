"""TensorFlow 1's collections of a graph, as a trace of model_fn finds them.

`tf.compat.v1.trainable_variables`, `get_global_step`, `get_variable` and the
optimizers of TensorFlow 1 look there.
"""

import contextlib
from collections.abc import Iterable, Iterator

import tensorflow as tf

KEYS = tf.compat.v1.GraphKeys

# The graph of a function shares these lists with the graph around it.
_SHARED = (
  KEYS.GLOBAL_STEP,
  KEYS.GLOBAL_VARIABLES,
  KEYS.LOCAL_VARIABLES,
  KEYS.TRAINABLE_VARIABLES,
)
# The stores of `get_variable` and of the scopes that were entered. The graphs
# of functions share them with the global graph of the process.
_STORES = (('__variable_store',), ('__varscope',))


@contextlib.contextmanager
def of_trace(global_step: tf.Variable) -> Iterator[None]:
  """Within it the collections hold the objects of this trace only.

  The global step is among them. Afterwards the collections are restored.
  """
  graph = tf.compat.v1.get_default_graph()
  previous = {key: graph.get_collection(key) for key in _SHARED}
  for key in _SHARED:
    graph.get_collection_ref(key)[:] = []
  for key in (KEYS.GLOBAL_STEP, KEYS.GLOBAL_VARIABLES):
    graph.get_collection_ref(key)[:] = [global_step]
  try:
    with _no_names_taken():
      yield
  finally:
    for key, variables in previous.items():
      graph.get_collection_ref(key)[:] = variables


def collect(variable: tf.Variable, collections: Iterable[str]) -> None:
  """Puts a variable where TensorFlow 1's functions look for it.

  Args:
    variable: A variable of the trace.
    collections: The collections that were asked for; none means the global
      variables.
  """
  keys = {*(collections or [KEYS.GLOBAL_VARIABLES])}
  if variable.trainable and KEYS.LOCAL_VARIABLES not in keys:
    keys.add(KEYS.TRAINABLE_VARIABLES)
  graph = tf.compat.v1.get_default_graph()
  for key in keys:
    collection = graph.get_collection_ref(key)
    if all(variable is not other for other in collection):
      collection.append(variable)


@contextlib.contextmanager
def _no_names_taken() -> Iterator[None]:
  """Within it TensorFlow 1's own stores do not know earlier traces.

  Otherwise `get_variable` would refuse, in a second trace, a name that the
  first trace has used, and an optimizer would name its slot `Momentum_1`.
  """
  with tf.init_scope():
    graph = tf.compat.v1.get_default_graph()
  stores = [graph.get_collection_ref(key) for key in _STORES]
  previous = [store[:] for store in stores]
  for store in stores:
    store.clear()
  try:
    yield
  finally:
    for store, content in zip(stores, previous, strict=True):
      store[:] = content
