"""Freezing: the parts of a graph that depend on no input become constants."""

from collections.abc import Sequence

import tensorflow as tf

from official.estimator import graphs


def freeze(
  graph: tf.types.experimental.ConcreteFunction,
  inputs: Sequence[tf.Tensor],
  outputs: Sequence[tf.Tensor],
) -> tf.types.experimental.ConcreteFunction:
  """A function without variables that computes `outputs` from `inputs`.

  The current values of the variables become constants, and so does everything
  that is computed only from these and from constants, such as a kernel times a
  scale.

  Args:
    graph: A function made by `tf.compat.v1.wrap_function`.
    inputs: Tensors of its graph.
    outputs: Tensors of its graph.

  Returns:
    A concrete function; its arguments and results are in the given order.

  Raises:
    ValueError: A variable is read where no constant can take its place, as
      inside a `tf.while_loop`.
  """
  constant = _ConstantOps()
  # The results of constant ops that other ops use: these are computed now.
  boundary = [
    tensor
    for op in graph.graph.get_operations()
    if constant.has(op) and op.type != 'Const'
    for tensor in op.outputs
    if tensor.dtype != tf.resource
    and not all(map(constant.has, tensor.consumers()))
  ]
  values = [value.numpy() for value in graph.prune([], boundary)()]
  definition = graph.graph.as_graph_def()

  def build() -> None:
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
  """Checks that the outputs depend on no variable.

  Raises:
    ValueError: An output depends on a variable.
  """
  for op in graphs.dependencies(outputs):
    if op.type == 'Placeholder' and op.outputs[0].dtype == tf.resource:
      (user, *_) = op.outputs[0].consumers()
      raise ValueError(
        f'The model cannot be frozen: {user.name} reads a variable inside a '
        'loop or condition. Read it before, or export with frozen=False.'
      )


class _ConstantOps:
  """The ops that give the same results at every call."""

  def __init__(self) -> None:
    self._is_constant: dict[tf.Operation, bool] = {}

  def has(self, op: tf.Operation) -> bool:
    """Whether an op depends only on constants and variables."""
    # A graph lists ops in the order in which they were made, so the inputs of
    # an op were asked for before it, and the recursion stays shallow.
    if op not in self._is_constant:
      self._is_constant[op] = op.type in ('Const', 'ReadVariableOp') or (
        bool(op.inputs)
        and not op.control_inputs
        and not op.op_def.is_stateful
        and all(self.has(tensor.op) for tensor in op.inputs)
      )
    return self._is_constant[op]
