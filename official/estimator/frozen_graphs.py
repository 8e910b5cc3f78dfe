"""Marks graphs of a model whose variables become constants once it is built.

`Estimator.export_saved_model(frozen=True)` marks the graph before it calls
model_fn, and nothing else does. Layers ask, because what is best for constants
is not what is best for variables: a product of two constants is computed once,
a product of two variables at every call.
"""

import tensorflow as tf

# The mark belongs to the graph, not to the process, so that a model that
# another thread builds at the same time is not affected.
_COLLECTION = 'official_variables_become_constants'


def mark(graph: tf.Graph) -> None:
  """Marks a graph whose variables will become constants."""
  graph.add_to_collection(_COLLECTION, True)


def is_marked() -> bool:
  """Whether the graph being built is marked; eagerly, False.

  The functions that a marked graph calls, and the branches of its conditions,
  are marked as well where they are built with it.
  """
  if tf.executing_eagerly():
    return False
  return bool(tf.compat.v1.get_default_graph().get_collection(_COLLECTION))
