"""Tensors of an `input_fn` that have new values at every step.

In TensorFlow 1 an input_fn built a part of the graph, and each step ran it
again: the tensors of `make_one_shot_iterator(dataset).get_next()` were the next
batch. Called eagerly, such an input_fn returns its first batch and never
another, so it is called again here, in a graph that runs once for each step.
"""

from collections.abc import Callable, Iterator

import tensorflow as tf
from tensorflow.python.framework import op_callbacks

from official.estimator import graphs
from official.estimator.annotations import Nest

_GETS_NEXT = {'IteratorGetNext', 'IteratorGetNextSync'}
_DRAWS = {
  'Multinomial',
  'ParameterizedTruncatedNormal',
  'RandomGamma',
  'RandomPoissonV2',
  'RandomShuffle',
  'RandomStandardNormal',
  'RandomUniform',
  'RandomUniformInt',
  'TruncatedNormal',
}


def call(
  input_fn: Callable[[], tf.data.Dataset | Nest],
) -> tuple[tf.data.Dataset | Nest, bool]:
  """Calls an input_fn eagerly.

  Returns:
    The result of the input_fn, and whether the result may differ at another
    step because it comes from an iterator or from random numbers.

  Raises:
    ValueError: The input_fn makes an iterator that needs a session.
  """
  op_types: set[str] = set()

  # TensorFlow has no public way to observe the ops that run.
  def note(
    op_type: str | bytes,
    inputs: object,
    attrs: object,
    outputs: object,
    op_name: object = None,
    graph: object = None,
  ) -> None:
    op_types.add(op_type if isinstance(op_type, str) else op_type.decode())

  op_callbacks.add_op_callback(note)
  try:
    result = input_fn()
  except RuntimeError as e:
    if 'make_initializable_iterator' not in str(e):
      raise
    raise ValueError(
      'input_fn makes an iterator that a session would have to initialize. '
      'Return the dataset itself, or use make_one_shot_iterator.'
    ) from e
  finally:
    op_callbacks.remove_op_callback(note)
  return result, not op_types.isdisjoint(_GETS_NEXT | _DRAWS)


def dataset_of(
  input_fn: Callable[[], Nest], first: Nest, endless: bool
) -> tf.data.Dataset | None:
  """A dataset of what an input_fn returns when a graph runs it repeatedly.

  Args:
    input_fn: Function without arguments that returns a nest of tensors.
    first: The result of `input_fn` when it was called eagerly.
    endless: Whether tensors that do not come from an iterator, such as random
      numbers, go on for ever; if not, they are one batch.

  Returns:
    The dataset; None if the tensors are the same at every step.
  """
  returned: list[Nest] = []

  def build() -> list[tf.Tensor]:
    returned[:] = [input_fn()]
    return tf.nest.flatten(returned, expand_composites=True)

  try:
    function = tf.compat.v1.wrap_function(build, [])
  except Exception:  # It needs eager tensors, so a graph cannot run it again.
    return None
  tensors = [t for t in function.outputs if not _is_captured(t, function)]
  ops = graphs.dependencies(tensors)
  if not any(op.op_def.is_stateful for op in ops):
    return None
  iterators = [op.inputs[0] for op in ops if op.type in _GETS_NEXT]
  if any(t.op.type.startswith('Anonymous') for t in iterators):
    return None  # `next(iter(dataset))`: a new iterator at each step.
  # The eager call has taken the first element of an iterator made outside.
  has_begun = any(_is_captured(t, function) for t in iterators)

  def batches() -> Iterator[Nest]:
    if has_begun:
      yield first
    while True:
      try:
        flat = function()
      except tf.errors.OutOfRangeError:
        return
      yield tf.nest.pack_sequence_as(first, flat, expand_composites=True)

  dataset = tf.data.Dataset.from_generator(
    batches,
    output_signature=tf.nest.map_structure(
      tf.type_spec_from_value, returned[0]
    ),
  )
  return dataset if iterators or endless else dataset.take(1)


def _is_captured(
  tensor: tf.Tensor, function: tf.types.experimental.ConcreteFunction
) -> bool:
  return any(tensor is inside for _, inside in function.graph.captures)
