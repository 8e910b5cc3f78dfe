"""Which ops of a traced `model_fn` run, in the order of the program.

A session of TensorFlow 1 ran what it was asked to fetch and nothing else. A
`tf.function` runs every op that has a side effect, in the order of the program.
A model_fn is written for the first: it makes ops, such as the training op of a
mode that only evaluates, that must not run. So the graph is traced whole and
cut: the fetches decide what is kept, as they did in a session, and what is kept
runs in the order of the program, as it does in a `tf.function`, so that no
result depends on how threads are scheduled.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from official.estimator.annotations import Nest

# These ops report something and change nothing. They run although nothing
# fetches them, because whoever writes tf.print expects it to run.
_REPORTS = {
  'Assert',
  'PrintV2',
  'WriteAudioSummary',
  'WriteGraphSummary',
  'WriteHistogramSummary',
  'WriteImageSummary',
  'WriteRawProtoSummary',
  'WriteScalarSummary',
  'WriteSummary',
}
# Ops that take the handle of a variable and do not change it.
_READS = {
  'ReadVariableOp',
  'ResourceGather',
  'ResourceGatherNd',
  'VarIsInitializedOp',
  'VariableShape',
}
_TRAINS = ('ResourceApply', 'ResourceSparseApply')  # how training ops begin
# Attributes of ops that name the functions they call.
_BODIES = ('f', 'body', 'cond', 'then_branch', 'else_branch', 'branches')


class Traced:
  """A function traced into a graph, any part of which can be run.

  Args:
    function: Function of an element like `element`, of symbolic tensors. None
      of the ops that it makes runs before the whole element has arrived.
    element: A nest of tensors, or of their specs.

  Attributes:
    graph: The graph.
    result: What `function` returned.
  """

  def __init__(self, function: Callable[[Nest], Nest], element: Nest):
    flat = tf.nest.flatten(element, expand_composites=True)
    self._placeholders: list[tf.Tensor] = []
    self.result: Nest = None

    def build(*placeholders: tf.Tensor) -> None:
      self._placeholders = list(placeholders)
      packed = tf.nest.pack_sequence_as(element, self._placeholders, True)
      # Branches and loop bodies are not cut: with this they run whole, as in a
      # tf.function, and so does a Keras layer inside one. TensorFlow has no
      # public name for it.
      tf.compat.v1.get_default_graph()._add_control_dependencies = True
      with tf.control_dependencies(self._placeholders):
        self.result = function(packed)

    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in flat]
    self._function = tf.compat.v1.wrap_function(build, specs)
    self.graph: tf.Graph = self._function.graph

  def part(
    self, fetches: Nest, ops: Iterable[tf.Operation | tf.Tensor] = ()
  ) -> Callable[..., Nest]:
    """A function from the flat tensors of an element to `fetches`.

    It runs the fetches, the ops, and the ops on which these depend, only.

    Args:
      fetches: A nest of tensors of the graph.
      ops: Ops, or tensors whose ops are meant.
    """
    flat = tf.nest.flatten(fetches, expand_composites=True)
    # The fetches are among the ops, so that whatever waits for this part waits
    # for them too.
    unique = list(dict.fromkeys(map(_op_of, [*flat, *ops])))
    feeds = [*self._placeholders, *self.graph.deferred_internal_captures]
    function = self._function.prune(feeds, [fetches, unique])
    # Inside another graph they are captured once, before its loop begins.
    captured = [] if tf.executing_eagerly() else self._deferred_captures()

    def run(*tensors: tf.Tensor) -> Nest:
      values = captured
      if tf.executing_eagerly():
        values = self._deferred_captures()
      return function(*tensors, *values)[0]

    return run

  def without_element(
    self, ops: Iterable[tf.Operation | tf.Tensor]
  ) -> Callable[[], object]:
    """A function that runs ops which do not depend on the element."""
    part = self.part([], ops)
    # The pruned function wants all of its inputs, though nothing reads them.
    arguments = [
      (
        [size or 0 for size in tensor.shape] if tensor.shape.rank else [],
        tensor.dtype,
      )
      for tensor in self._placeholders
    ]
    return lambda: part(*(tf.zeros(shape, dtype) for shape, dtype in arguments))

  def is_of_element(self, tensor: tf.Tensor) -> bool:
    """Whether a tensor is computed from the element."""
    placeholders = {placeholder.op for placeholder in self._placeholders}
    inputs = dependencies([tensor], with_control=False)
    return not placeholders.isdisjoint(inputs)

  def _deferred_captures(self) -> list[tf.Tensor]:
    """Captures that are new at each call: the keys of collective ops."""
    captures = [value() for value in self.graph.deferred_external_captures]
    return tf.nest.flatten(captures)


def dependencies(
  fetches: Iterable[tf.Operation | tf.Tensor], with_control: bool = True
) -> set[tf.Operation]:
  """The ops that run when these are fetched, themselves among them.

  Args:
    fetches: Tensors and ops of a graph.
    with_control: Whether to include ops that are only waited for (control
      inputs), besides those whose results are used.
  """
  seen: set[tf.Operation] = set()
  todo = list(map(_op_of, fetches))
  while todo:
    op = todo.pop()
    if op not in seen:
      seen.add(op)
      todo += [tensor.op for tensor in op.inputs]
      todo += op.control_inputs if with_control else []
  return seen


def reporting_ops(graph: tf.Graph) -> list[tf.Operation]:
  """The ops that print, assert or write summaries, also inside functions."""
  # Serializing the graph takes long, and most graphs call no function.
  types_in_functions = functools.cache(lambda: _op_types(graph))
  return [
    op
    for op in graph.get_operations()
    if op.type in _REPORTS
    or any(
      types_in_functions().get(name, set()) & _REPORTS
      for name in _called_functions(op)
    )
  ]


def writing_ops(
  graph: tf.Graph, handles: Iterable[tf.Tensor], except_training: bool = False
) -> list[tf.Operation]:
  """The ops that change variables.

  Args:
    graph: The graph of a `Traced`.
    handles: The handles of the variables, as they are outside the graph.
    except_training: Whether to leave out the training ops of optimizers.
  """
  # A graph sees a variable through a placeholder of its own for the handle.
  handle_ids = {id(handle) for handle in handles}
  placeholders = [
    internal for handle, internal in graph.captures if id(handle) in handle_ids
  ]
  return [
    op
    for placeholder in placeholders
    for op in placeholder.consumers()
    if not _only_reads(op, placeholder)
    and not (except_training and op.type.startswith(_TRAINS))
  ]


def run_in_program_order(ops: Iterable[tf.Operation], graph: tf.Graph) -> None:
  """Makes ops that use the same variable run in the order of the program.

  A write waits for the reads and the write before it, and a read for the write
  before it, as `tf.function` arranges for the ops that it keeps.

  Args:
    ops: The ops that will run. An op must not wait for any other op, because
      waiting for an op runs it.
    graph: The graph of a `Traced`.
  """
  kept = set(ops)
  last_write: dict[Any, tf.Operation] = {}
  reads: dict[Any, list[tf.Operation]] = {}
  for op in graph.get_operations():
    if op not in kept:
      continue
    earlier: list[tf.Operation] = []
    for handle in {t.ref() for t in op.inputs if t.dtype == tf.resource}:
      if handle in last_write:
        earlier.append(last_write[handle])
      if _only_reads(op, handle.deref()):
        reads.setdefault(handle, []).append(op)
      else:
        earlier += reads.pop(handle, [])
        last_write[handle] = op
    earlier = [other for other in earlier if other is not op]
    if earlier:
      # tf.control_dependencies acts only on ops that are made later, but which
      # ops are kept is known only when all of them exist.
      op._add_control_inputs(earlier)


def _op_of(fetch: tf.Operation | tf.Tensor) -> tf.Operation:
  return fetch if isinstance(fetch, tf.Operation) else fetch.op


def _only_reads(op: tf.Operation, handle: tf.Tensor) -> bool:
  if op.type in _READS:
    return True
  # Ops that call functions list the resource inputs that these only read.
  try:
    indices = op.get_attr('_read_only_resource_inputs')
  except ValueError:
    return False
  return all(
    op.inputs[i] is not handle
    for i in range(len(op.inputs))
    if i not in indices
  )


def _called_functions(op: tf.Operation) -> list[str]:
  """Names of the functions of the graph that an op calls."""
  return [
    function.name
    for attribute in op.node_def.attr
    if attribute in _BODIES
    for function in _functions(op.node_def.attr[attribute])
  ]


def _functions(attribute: Any) -> list[Any]:
  """The functions that an attribute (an `AttrValue` message) names."""
  if attribute.HasField('func'):
    return [attribute.func]
  return list(attribute.list.func)


def _op_types(graph: tf.Graph) -> dict[str, set[str]]:
  """Name of each function of a graph to the types of the ops that it runs."""
  library = graph.as_graph_def().library.function
  types = {f.signature.name: {n.op for n in f.node_def} for f in library}
  calls = {
    f.signature.name: {
      function.name
      for node in f.node_def
      for value in node.attr.values()
      for function in _functions(value)
    }
    for f in library
  }
  # Each round adds the ops of functions one call further down, until none is
  # new; calls cannot be nested deeper than there are functions.
  for _ in library:
    grown = {
      name: types[name].union(*(types.get(c, set()) for c in calls[name]))
      for name in types
    }
    if grown == types:
      break
    types = grown
  return types
