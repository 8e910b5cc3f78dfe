"""Training: one step of a `model_fn`, run many times in a graph."""

from collections.abc import Callable, Iterable
from typing import ClassVar

import tensorflow as tf

from official.estimator import graphs, replica_values, summary
from official.estimator.annotations import DatasetIterator, Nest
from official.estimator.programs import ModelFn, Program, batch_size
from official.estimator.spec import ModeKeys
from official.estimator.variables import VariableStore

_KEYS = tf.compat.v1.GraphKeys
_UNEVEN = 'A replica has no example of this step.'


class TrainProgram(Program):
  """Trains, any number of steps in one run.

  A step runs the ops that `train_op` needs, as tf.estimator did, and those that
  would be lost otherwise: the update ops of the graph (moving statistics),
  writes of a Keras layer or of `tf.Variable.assign` of TensorFlow 2, and ops
  that only report (tf.print, assertions).

  Args:
    model_fn: See `Program`.
    store: See `Program`.
    fetches: Names of tensors of the model_fn to return with the scalars.
    in_graph_loop: Whether a run may have more than one step.
    jit_compile: See `Program`.

  Attributes:
    fetches: As given.
    names: The names of the scalars that a step returns, in order; empty before
      `trace`.
  """

  _ARGUMENTS: ClassVar[tuple[tf.TensorSpec, ...]] = (
    tf.TensorSpec([], tf.int32, 'steps'),
  )

  def __init__(
    self,
    model_fn: ModelFn,
    store: VariableStore,
    *,
    fetches: Iterable[str] = (),
    in_graph_loop: bool = False,
    jit_compile: bool = False,
  ):
    super().__init__(ModeKeys.TRAIN, model_fn, store, jit_compile=jit_compile)
    self.fetches = frozenset(fetches)
    self.names: list[str] = []
    self._in_graph_loop = in_graph_loop

  def train(self, iterator: DatasetIterator, steps: int) -> tf.Tensor:
    """Runs steps on the next batches of the iterator.

    Args:
      iterator: An iterator of the type that was traced.
      steps: Number of steps; 1 unless the program has a loop in its graph.

    Returns:
      The scalars of each step, float32 [steps, len(names)].

    Raises:
      tf.errors.OutOfRangeError: The iterator has ended; steps before the end
        have had their effect.
    """
    return self._run(iterator, tf.constant(steps))

  def _build(
    self, iterator: DatasetIterator, *arguments: tf.Tensor
  ) -> tf.Tensor:
    (steps,) = arguments
    step = self._step(iterator.element_spec)
    if not self._in_graph_loop:
      return step(iterator)[tf.newaxis]
    rows = tf.TensorArray(tf.float32, steps, infer_shape=False)

    def body(
      index: tf.Tensor, rows: tf.TensorArray
    ) -> tuple[tf.Tensor, tf.TensorArray]:
      return index + 1, rows.write(index, step(iterator))

    _, rows = tf.while_loop(
      lambda index, rows: index < steps, body, (tf.constant(0), rows)
    )
    return rows.stack()

  def _step(self, element: Nest) -> Callable[[DatasetIterator], tf.Tensor]:
    """A function that trains on the next element of an iterator."""
    traced = self._trace_part(self._train_replicas, element)
    row = traced.result
    outside = self._store.handles_made_outside(traced.graph)
    layers = self._store.handles_of_layers(traced.graph)
    # Tables are filled once, before the first step, and not in every step.
    tables = self._table_ops(traced)
    unfetched = [
      *graphs.reporting_ops(traced.graph),
      *graphs.writing_ops(traced.graph, layers, except_training=True),
      *(
        op
        for op in graphs.writing_ops(traced.graph, outside)
        if op not in tables
      ),
    ]
    kept = graphs.dependencies([row, *unfetched])
    self._note_restores(traced, kept)
    graphs.run_in_program_order(kept, traced.graph)
    part = self._compiled(traced.part(row, unfetched))

    def step(iterator: DatasetIterator) -> tf.Tensor:
      element = next(iterator)
      flat = tf.nest.flatten(element, expand_composites=True)
      with tf.control_dependencies(self._no_replica_is_empty(element)):
        flat = [tf.identity(tensor) for tensor in flat]
      return part(*flat)

    return step

  def _train_replicas(self, element: Nest) -> tf.Tensor:
    """The scalars of a step, means over the replicas, float32 [names]."""
    strategy = self._store.strategy
    row = strategy.run(self._train_replica, args=(element,))
    return strategy.reduce(tf.distribute.ReduceOp.MEAN, row, axis=None)

  def _train_replica(self, element: Nest) -> tf.Tensor:
    # Without this context optimizers of TensorFlow 1 add up the gradients of
    # replicas, where tf.estimator made them take the mean.
    scaled = self._store.strategy._scale_loss_for_estimator_enabled()
    with (
      scaled,
      self._store.scope() as escaped,
      summary.record() as scalars,
    ):
      scope = tf.compat.v1.get_default_graph().get_name_scope()
      spec = self._call_model_fn(element, escaped)
      update_ops = tf.compat.v1.get_collection(_KEYS.UPDATE_OPS)
      variables = self._store.variables.values()
      averages = replica_values.average_statistics(variables)
      scalars = summary.classic_scalars() | scalars
      values = scalars | {'loss': tf.cast(spec.loss, tf.float32)}
      for name in self.fetches:
        if name not in values:
          values[name] = _scalar_by_name(name, scope, values)
    self.names = sorted(values)
    with tf.control_dependencies([spec.train_op, *update_ops, *averages]):
      return tf.stack([values[name] for name in self.names])

  def _no_replica_is_empty(self, element: Nest) -> list[tf.Operation]:
    """An assertion that each replica has an example, which may fail at the end.

    The mean loss of no examples is NaN, and the run would end with the wrong
    reason.
    """
    strategy = self._store.strategy
    if strategy.num_replicas_in_sync == 1:
      return []
    sizes = strategy.run(batch_size, args=(element,))
    sizes = strategy.experimental_local_results(sizes)
    return [tf.debugging.Assert(tf.reduce_min(sizes) > 0, [_UNEVEN])]

  def _note_restores(
    self, traced: graphs.Traced, kept: set[tf.Operation]
  ) -> None:
    """Finds assignments that TensorFlow 1 ran once, with initial values.

    They assign values that are restored from a checkpoint, as
    `tf.compat.v1.train.init_from_checkpoint` arranges.
    """
    restores = [
      op
      for op in traced.graph.get_operations()
      if op.type == 'AssignVariableOp'
      and op not in kept
      and any(other.type == 'RestoreV2' for other in graphs.dependencies([op]))
    ]
    if restores:
      self._store.add_initializer(traced.without_element(restores))


def is_uneven(error: tf.errors.InvalidArgumentError) -> bool:
  """Whether the data ended before every replica had its part of a step."""
  return _UNEVEN in error.message


def _scalar_by_name(
  name: str, scope: str, scalars: dict[str, tf.Tensor]
) -> tf.Tensor:
  graph = tf.compat.v1.get_default_graph()
  path = f'{scope}/{name}' if scope else name
  try:
    tensor = graph.get_tensor_by_name(f'{path}:0')
  except KeyError:
    raise ValueError(
      f'A hook asks for tensor {name!r}, which model_fn has not made; it '
      f'recorded {sorted(scalars)}. Use summary.scalar or '
      'tf.identity(x, name=...).'
    ) from None
  return tf.cast(tf.reshape(tensor, []), tf.float32)
