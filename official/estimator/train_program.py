"""Training: one step of a `model_fn`, run many times in a graph."""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from official.estimator import graphs, summary
from official.estimator.programs import ModelFn, Program, batch_size
from official.estimator.spec import ModeKeys
from official.estimator.variables import VariableStore

_KEYS = tf.compat.v1.GraphKeys
_UNEVEN = 'A replica has no example of this step.'


class TrainProgram(Program):
  """Trains: `program(iterator, steps)` returns the scalars of each step.

  The scalars are float32 [steps, len(names)]. A step runs what `train_op`
  needs, as tf.estimator did, and what would be lost otherwise: the update ops
  of the graph (moving statistics), what a Keras layer or `tf.Variable.assign`
  of TensorFlow 2 writes, and what only tells (tf.print, assertions).

  Args:
    model_fn: see `Program`.
    store: see `Program`.
    fetches: names of tensors of the model_fn to return with the scalars.
    in_graph_loop: many steps may run in a call.
    jit_compile: see `Program`.

  Attributes:
    names: of the scalars, in order.
  """

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
    self._fetches = tuple(fetches)
    self._in_graph_loop = in_graph_loop
    self.names: list[str] = []

  def _build(self, iterator: Any, steps: tf.Tensor) -> tf.Tensor:
    step = self._step(iterator.element_spec)
    if not self._in_graph_loop:
      return step(iterator)[tf.newaxis]
    rows = tf.TensorArray(tf.float32, steps, infer_shape=False)

    def body(index, rows):
      return index + 1, rows.write(index, step(iterator))

    _, rows = tf.while_loop(
      lambda index, rows: index < steps, body, (tf.constant(0), rows)
    )
    return rows.stack()

  def _step(self, element: Any) -> Callable[[Any], tf.Tensor]:
    """A function that trains by the next element of an iterator."""
    traced = self._trace_part(self._train, element)
    row = traced.result
    outside = self._store.handles_made_outside(traced.graph)
    layers = self._store.handles_of_layers(traced.graph)
    tables = self.tables_of(traced)  # They run once, before the first step.
    writes = graphs.writes(traced.graph, outside)
    others = [
      *graphs.tells(traced.graph),
      *graphs.writes(traced.graph, layers, except_training=True),
      *(op for op in writes if op not in tables),
    ]
    needed = graphs.needs([row, *others])
    self._note_restores(traced, needed)
    graphs.order(needed, traced.graph)
    part = self._compiled(traced.part(row, others))

    def step(iterator):
      element = next(iterator)
      flat = tf.nest.flatten(element, expand_composites=True)
      with tf.control_dependencies(self._no_replica_is_empty(element)):
        flat = [tf.identity(tensor) for tensor in flat]
      return part(*flat)

    return step

  def _train(self, element: Any) -> tf.Tensor:
    strategy = self._store.strategy
    row = strategy.run(self._train_replica, args=(element,))
    return strategy.reduce(tf.distribute.ReduceOp.MEAN, row, axis=None)

  def _train_replica(self, element: Any) -> tf.Tensor:
    # Else optimizers of TensorFlow 1 would add gradients up over replicas as
    # they are, where tf.estimator had them take the mean.
    scaled = self._store.strategy._scale_loss_for_estimator_enabled()
    with scaled, self._store.scope(), summary.record() as scalars:
      scope = tf.compat.v1.get_default_graph().get_name_scope()
      spec = self._call_model_fn(element)
      update_ops = tf.compat.v1.get_collection(_KEYS.UPDATE_OPS)
      averages = self._store.average_statistics()
      scalars = summary.classic_scalars() | scalars
      values = scalars | {'loss': tf.cast(spec.loss, tf.float32)}
      for name in self._fetches:
        if name not in values:
          values[name] = _scalar_by_name(name, scope, values)
    self.names = sorted(values)
    with tf.control_dependencies([spec.train_op, *update_ops, *averages]):
      return tf.stack([values[name] for name in self.names])

  def _no_replica_is_empty(self, element: Any) -> list[tf.Operation]:
    """At its end the data may not suffice for all replicas.

    The loss of no examples is no number, which would end the run with the
    wrong reason.
    """
    strategy = self._store.strategy
    if strategy.num_replicas_in_sync == 1:
      return []
    sizes = strategy.run(batch_size, args=(element,))
    sizes = strategy.experimental_local_results(sizes)
    return [tf.debugging.Assert(tf.reduce_min(sizes) > 0, [_UNEVEN])]

  def _note_restores(
    self, traced: graphs.Traced, needed: set[tf.Operation]
  ) -> None:
    """Finds what TensorFlow 1 ran once, when it gave initial values.

    These are assignments of what is restored from a checkpoint, which
    `tf.compat.v1.train.init_from_checkpoint` makes.
    """
    restores = [
      op
      for op in traced.graph.get_operations()
      if op.type == 'AssignVariableOp'
      and op not in needed
      and any(o.type == 'RestoreV2' for o in graphs.needs([op]))
    ]
    if restores:
      self._store.add_initializer(traced.on_nothing(restores))


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
