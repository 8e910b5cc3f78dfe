"""Freezing: what of a graph depends on no input is computed once, for good."""

from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def freeze(
  graph: Any, inputs: Sequence[tf.Tensor], outputs: Sequence[tf.Tensor]
) -> Any:
  """A function without variables that computes `outputs` from `inputs`.

  The current values of the variables, and all that is computed from these and
  from constants alone (a kernel times a scale, say), become constants.

  Args:
    graph: a function of `tf.compat.v1.wrap_function`.
    inputs: tensors of its graph.
    outputs: tensors of its graph.

  Returns:
    A concrete function; its arguments and results are in the given order.

  Raises:
    ValueError: a variable is used where its value cannot be put, as inside a
      `tf.while_loop`.
  """
  known = _Constants()
  boundary = [
    tensor
    for op in graph.graph.get_operations()
    if known.holds(op) and op.type != 'Const'
    for tensor in op.outputs
    if tensor.dtype != tf.resource
    and not all(map(known.holds, tensor.consumers()))
  ]
  values = [value.numpy() for value in graph.prune([], boundary)()]
  definition = graph.graph.as_graph_def()

  def build():
    constants = map(tf.constant, values)
    names = [tensor.name for tensor in boundary]
    tf.import_graph_def(
      definition, dict(zip(names, constants, strict=True)), name=''
    )

  frozen = tf.compat.v1.wrap_function(build, [])
  find = frozen.graph.get_tensor_by_name
  outputs = [find(tensor.name) for tensor in outputs]
  _check_no_variable(outputs)
  return frozen.prune([find(tensor.name) for tensor in inputs], outputs)


def _check_no_variable(outputs: Sequence[tf.Tensor]) -> None:
  """Raises if a handle of a variable is still needed."""
  seen, todo = set(), [tensor.op for tensor in outputs]
  while todo:
    op = todo.pop()
    if op in seen:
      continue
    seen.add(op)
    todo += [tensor.op for tensor in op.inputs] + op.control_inputs
    if op.type == 'Placeholder' and op.outputs[0].dtype == tf.resource:
      (user, *_) = op.outputs[0].consumers()
      raise ValueError(
        f'The model cannot be frozen: {user.name} reads a variable inside a '
        'loop or condition. Read it before, or export with frozen=False.'
      )


class _Constants:
  """Tells the ops whose results are the same at every call."""

  def __init__(self):
    self._known: dict[tf.Operation, bool] = {}

  def holds(self, op: tf.Operation) -> bool:
    """Whether the op depends on constants and variables alone."""
    # Ops come in the order of their making, so recursion stays shallow.
    if op not in self._known:
      self._known[op] = op.type in ('Const', 'ReadVariableOp') or (
        bool(op.inputs)
        and not op.control_inputs
        and not op.op_def.is_stateful
        and all(self.holds(tensor.op) for tensor in op.inputs)
      )
    return self._known[op]
