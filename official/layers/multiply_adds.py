"""The multiply-adds of the layers of a graph.

A layer records its own when it is built, in a collection of its graph. The
counts are kept with the graph, not with the code that built it, because a graph
is built once and then used many times.
"""

import math
from collections.abc import Sequence

import tensorflow as tf

_COLLECTION = 'official_multiply_adds'


def of(graph: tf.Graph) -> dict[str, int]:
  """The multiply-adds of the convolutions and dense layers of a graph.

  Returns:
    The name of each layer's kernel, in the order of the layers, to the
    multiply-adds of the layer for one image. They are counted by the definition
    of the layer, as papers do: products with padding count, whatever algorithm
    computes the layer.
  """
  return dict(graph.get_collection(_COLLECTION))


def record(
  kernel_name: str,
  kernel_shape: Sequence[int],
  map_sizes: Sequence[int | None] = (),
) -> None:
  """Records a layer in the graph that is being built; eagerly, does nothing.

  Args:
    kernel_name: Full name of the layer's kernel.
    kernel_shape: Shape of the kernel. Each weight is used once for each
      position of the output.
    map_sizes: Height and width of the output; () for a dense layer. If one is
      None, which means unknown, the layer counts 0.
  """
  if tf.executing_eagerly():
    return
  positions = math.prod(size or 0 for size in map_sizes)
  graph = tf.compat.v1.get_default_graph()
  graph.add_to_collection(
    _COLLECTION, (kernel_name, math.prod(kernel_shape) * positions)
  )
