"""Which ops of a traced `model_fn` run, and in what order.

TensorFlow 1 ran what a session fetched and nothing else. A `tf.function` runs
every op with a side effect, in the order of the program. Here the fetches
decide, as they did; what is kept runs in the order of the program, as it does
in a `tf.function`, so that no result depends on chance.
"""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

# They tell something and change nothing, so nobody means to switch them off.
_TELLS = {
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
_READS = {'ReadVariableOp', 'ResourceGather', 'ResourceGatherNd'}
_READS |= {'VariableShape', 'VarIsInitializedOp'}
_TRAINS = ('ResourceApply', 'ResourceSparseApply')
# Attributes of ops that call functions.
_BODIES = ('f', 'body', 'cond', 'then_branch', 'else_branch', 'branches')


class Traced:
  """A function traced into a graph, of which any part can be run.

  Args:
    function: gets an element like `element`, of symbolic tensors. None of the
      ops that it makes runs before the whole element is there.
    element: a nest of tensors, or of their specs.

  Attributes:
    graph: the graph.
    result: what `function` returned.
  """

  def __init__(self, function: Callable[[Any], Any], element: Any):
    flat = tf.nest.flatten(element, expand_composites=True)
    self._arguments: list[tf.Tensor] = []
    self.result: Any = None

    def build(*arguments):
      self._arguments = list(arguments)
      packed = tf.nest.pack_sequence_as(element, self._arguments, True)
      # Branches and loop bodies run whole, as in a tf.function: only here can
      # a Keras layer inside one be heard of. There is no public way.
      tf.compat.v1.get_default_graph()._add_control_dependencies = True
      with tf.control_dependencies(self._arguments):
        self.result = function(packed)

    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in flat]
    self._function = tf.compat.v1.wrap_function(build, specs)
    self.graph: Any = self._function.graph

  def part(self, fetches: Any, ops: Iterable[Any] = ()) -> Callable[..., Any]:
    """A function of the flat tensors of an element to `fetches`.

    It runs these, the ops, what they need, and nothing else.

    Args:
      fetches: a nest of tensors of the graph.
      ops: ops and tensors of the graph.
    """
    flat = tf.nest.flatten(fetches, expand_composites=True)
    # The fetches are among the ops: who waits for the part waits for them.
    unique = list(dict.fromkeys(map(_op_of, [*flat, *ops])))
    feeds = [*self._arguments, *self.graph.deferred_internal_captures]
    function = self._function.prune(feeds, [fetches, unique])
    late = None if tf.executing_eagerly() else self._late()

    def run(*flat):
      values = self._late() if tf.executing_eagerly() else late
      return function(*flat, *values)[0]

    return run

  def on_nothing(self, ops: Iterable[Any]) -> Callable[[], Any]:
    """A function that runs ops which do not depend on the element."""
    part = self.part([], ops)
    arguments = [
      (
        [n or 0 for n in tensor.shape] if tensor.shape.rank else [],
        tensor.dtype,
      )
      for tensor in self._arguments
    ]
    return lambda: part(*(tf.zeros(*argument) for argument in arguments))

  def is_of_element(self, tensor: tf.Tensor) -> bool:
    """Whether a tensor is computed from the element."""
    arguments = {argument.op for argument in self._arguments}
    return not arguments.isdisjoint(needs([tensor], with_control=False))

  def _late(self) -> list[Any]:
    """What the graph wants anew at each call: keys of collective ops."""
    captures = [value() for value in self.graph.deferred_external_captures]
    return tf.nest.flatten(captures)


def needs(
  fetches: Iterable[Any], with_control: bool = True
) -> set[tf.Operation]:
  """The ops that run when tensors or ops of a graph are fetched.

  Args:
    fetches: tensors and ops.
    with_control: also what they wait for without using its result.
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


def tells(graph: tf.Graph) -> list[tf.Operation]:
  """The ops that print, assert or write summaries, inside functions too."""
  bodies: dict[str, set[str]] = {}
  return [op for op in graph.get_operations() if _tells(op, graph, bodies)]


def writes(
  graph: tf.Graph, handles: Iterable[tf.Tensor], except_training: bool = False
) -> list[tf.Operation]:
  """The ops that change variables.

  Args:
    graph: a graph of `Traced`.
    handles: of the variables, as they are outside the graph.
    except_training: leave out the training ops of optimizers.
  """
  wanted = {id(handle) for handle in handles}
  inside = [
    internal for handle, internal in graph.captures if id(handle) in wanted
  ]
  return [
    op
    for handle in inside
    for op in handle.consumers()
    if not _only_reads(op, handle)
    and not (except_training and op.type.startswith(_TRAINS))
  ]


def order(ops: Iterable[tf.Operation], graph: tf.Graph) -> None:
  """Makes ops that use the same variable run in the order of the program."""
  kept = set(ops)
  last_write: dict[Any, tf.Operation] = {}
  reads: dict[Any, list[tf.Operation]] = {}
  for op in graph.get_operations():
    if op not in kept:
      continue
    before: list[tf.Operation] = []
    for handle in {t.ref() for t in op.inputs if t.dtype == tf.resource}:
      if handle in last_write:
        before.append(last_write[handle])
      if _only_reads(op, handle.deref()):
        reads.setdefault(handle, []).append(op)
      else:
        before += reads.pop(handle, [])
        last_write[handle] = op
    # The order is known only when the graph is there, which is too late for
    # tf.control_dependencies.
    before = [other for other in before if other is not op]
    if before:
      op._add_control_inputs(before)


def _op_of(fetch: Any) -> tf.Operation:
  return fetch if isinstance(fetch, tf.Operation) else fetch.op


def _only_reads(op: tf.Operation, handle: tf.Tensor) -> bool:
  if op.type in _READS:
    return True
  try:
    indices = op.get_attr('_read_only_resource_inputs')
  except ValueError:
    return False
  return all(
    op.inputs[i] is not handle
    for i in range(len(op.inputs))
    if i not in indices
  )


def _tells(
  op: tf.Operation, graph: tf.Graph, bodies: dict[str, set[str]]
) -> bool:
  if op.type in _TELLS:
    return True
  names = [
    function.name
    for attribute in op.node_def.attr
    if attribute in _BODIES
    for function in _functions(op.node_def.attr[attribute])
  ]
  if names and not bodies:
    bodies |= _op_types(graph)
  return any(bodies.get(name, set()) & _TELLS for name in names)


def _functions(attribute: Any) -> list[Any]:
  if attribute.HasField('func'):
    return [attribute.func]
  return list(attribute.list.func)


def _op_types(graph: tf.Graph) -> dict[str, set[str]]:
  """Name of each function of a graph to the types of the ops in it."""
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
  for _ in library:  # As deep as calls can be nested.
    grown = {
      name: types[name].union(*(types.get(c, set()) for c in calls[name]))
      for name in types
    }
    if grown == types:
      break
    types = grown
  return types
