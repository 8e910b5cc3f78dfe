"""Counts the multiply-adds of the layers of a graph."""

import math
from collections.abc import Sequence

import tensorflow as tf

# They are kept with the graph, not with whoever asked while it was built: a
# graph is built once and used again.
_COLLECTION = 'official_multiply_adds'


def of(graph: tf.Graph) -> dict[str, int]:
  """The convolutions and dense layers that were built in a graph.

  Returns:
    Name of a layer's kernel to its multiply-adds an image by the definition of
    the layer (padding included, as papers count), in the order of the layers.
  """
  return dict(graph.get_collection(_COLLECTION))


def count(
  name: str, kernel_shape: Sequence[int], positions: Sequence[int | None] = ()
) -> None:
  """Notes a layer in the graph that is being built.

  Args:
    name: of its kernel.
    kernel_shape: all weights that an output takes part in.
    positions: sizes of the map that the kernel is applied at; 0 for unknown.
  """
  if tf.executing_eagerly():
    return
  sizes = [size or 0 for size in positions]
  work = math.prod(kernel_shape) * math.prod(sizes)
  graph = tf.compat.v1.get_default_graph()
  graph.add_to_collection(_COLLECTION, (name, work))
