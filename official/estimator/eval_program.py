"""Evaluation: metrics that are updated by each batch and read at the end."""

import contextlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from official.estimator import graphs, metrics
from official.estimator.programs import ModelFn, Program, batch_size
from official.estimator.spec import ModeKeys, is_metric_object
from official.estimator.variables import VariableStore, variables_of

_RESERVED = ('loss', 'global_step')


class EvalProgram(Program):
  """Evaluates: `program(iterator)` updates the metrics by an element.

  It returns what `results` needs after the last element. An element updates
  the metrics once; no element, no update. The values are read after the last
  update, so it does not matter what `update_op` returns. A value that is
  computed from a batch is that of the last one.

  Args:
    model_fn: see `Program`.
    store: see `Program`.
    jit_compile: see `Program`.
  """

  def __init__(
    self, model_fn: ModelFn, store: VariableStore, *, jit_compile: bool = False
  ):
    super().__init__(ModeKeys.EVAL, model_fn, store, jit_compile=jit_compile)
    # Reads the metrics in the first replica of this process.
    self._read: Callable[..., Any] | None = None
    # Of each Keras metric, to know it again in another replica.
    self._metric_ids: dict[str, list[int]] = {}

  def _build(self, iterator: Any) -> Any:
    self._read = None
    element = next(iterator)
    strategy = self._store.strategy
    values = strategy.run(self._compiled(self._update_replica), args=(element,))
    first = tf.nest.map_structure(
      lambda value: strategy.experimental_local_results(value)[0],
      (element, values),
    )
    element, values = first
    return tf.nest.flatten(element, expand_composites=True), values

  def _update_replica(self, element: Any) -> dict[str, tf.Tensor]:
    """Updates the metrics; returns values that only an update gives."""
    update = self._metrics_of(element)
    flat = tf.nest.flatten(element, expand_composites=True)
    if self._store.strategy.num_replicas_in_sync == 1:
      return update(*flat)
    # A replica whose share of the data has ended gets batches of nothing, and
    # not every op of TensorFlow can take these.

    def update_by_examples():
      update(*flat)
      return tf.constant(0)

    tf.cond(batch_size(element) > 0, update_by_examples, lambda: tf.constant(0))
    return {}

  def _metrics_of(self, element: Any) -> Callable[..., dict[str, tf.Tensor]]:
    """Traces model_fn; returns the function that updates the metrics."""
    context = _alone(tf.distribute.get_replica_context())

    def pairs(element):
      with context, self._store.scope():
        return self._pairs(element)

    traced = self._trace_part(pairs, element)
    results: dict[str, tuple] = traced.result
    updates = [
      op
      for name, (_, update_op) in results.items()
      for op in self._ops_of(traced.graph, name, update_op)
    ]
    needed = graphs.needs(updates)
    graphs.order(needed, traced.graph)
    # A pair such as (update_op, update_op) has no value to be read later.
    written = set(graphs.writes(traced.graph, _resources(traced.graph)))
    values = {name: value for name, (value, _) in results.items()}
    updating = {
      name: value
      for name, value in values.items()
      if written & graphs.needs([value])
    }
    wrong = {n for n, v in values.items() if traced.is_of_element(v)}
    wrong |= updating.keys()
    if wrong and self._store.strategy.num_replicas_in_sync > 1:
      raise ValueError(
        f'The values of the metrics {sorted(wrong)} are computed from one '
        'batch. With several replicas a value must be computed from what its '
        'update_op adds up, as in official.estimator.metrics.'
      )
    if self._read is None:
      later = {n: v for n, v in values.items() if n not in updating}
      self._read = traced.part(later)
    return traced.part(updating, [*updates, *graphs.tells(traced.graph)])

  def _pairs(self, element: Any) -> dict[str, tuple[tf.Tensor, Any]]:
    """Calls model_fn; the value and the update op of each metric."""
    spec = self._call_model_fn(element)
    for name in _RESERVED:
      if name in spec.eval_metric_ops:
        raise ValueError(
          f'Metric with name "{name}" is not allowed, because Estimator '
          'already defines a default metric with the same name.'
        )
    loss = metrics.mean(spec.loss, batch_size(element), name='loss')
    pairs = {'loss': loss} | {
      name: (pair.result(), pair) if is_metric_object(pair) else pair
      for name, pair in spec.eval_metric_ops.items()
    }
    return {
      name: (tf.convert_to_tensor(value), update_op)
      for name, (value, update_op) in pairs.items()
    }

  def _ops_of(self, graph: tf.Graph, name: str, update_op: Any) -> list[Any]:
    if not is_metric_object(update_op):
      return [update_op]
    variables = variables_of(update_op)
    replicas = self._store.strategy.num_replicas_in_sync
    if replicas > 1 and any(
      v.synchronization != tf.VariableSynchronization.ON_READ
      or len(self._store.parts(v)) == 1
      for v in variables
    ):
      raise ValueError(
        f'Metric {name!r} is a Keras metric that {replicas} replicas would '
        'write at the same time. Make it in model_fn, or in '
        'strategy.scope().'
      )
    ids = [id(variable) for variable in variables]
    if self._metric_ids.setdefault(name, ids) != ids:
      raise ValueError(
        f'Metric {name!r} is another Keras metric in each replica. Give it a '
        'name, such as keras.metrics.Mean(name=...), or make it outside '
        'model_fn, in strategy.scope().'
      )
    ops = graphs.writes(
      graph, [p.handle for v in variables for p in self._store.parts(v)]
    )
    if not ops:
      raise ValueError(
        f'Metric {name!r} is a Keras metric without an update: call its '
        'update_state in model_fn.'
      )
    return ops

  def results(self, last: Any) -> dict[str, Any]:
    """The metrics over all elements since they were reset, as numpy values.

    Args:
      last: what the call for the last element returned.
    """
    element, updating = last
    self._store.gather_metrics()
    values = self._read(*element) | updating
    return {name: value.numpy() for name, value in values.items()}


def _alone(
  context: tf.distribute.ReplicaContext,
) -> contextlib.AbstractContextManager[Any]:
  """Within it a replica computes metrics from what it has itself.

  The metrics of TensorFlow add up replicas whenever their value is read. Here
  `VariableStore.gather_metrics` does so once, before the values are read, which
  serves any value that is computed from variables.
  """
  if context.num_replicas_in_sync == 1:
    return contextlib.nullcontext()
  replica = tf.get_static_value(context.replica_id_in_sync_group)
  return _Alone(context.strategy, int(replica))


class _Alone(tf.distribute.ReplicaContext):
  """A replica that does not wait for the others."""

  def merge_call(self, merge_fn, args=(), kwargs=None):
    """See `tf.distribute.ReplicaContext`."""
    return merge_fn(_NoStrategy(), *args, **(kwargs or {}))


class _NoStrategy:
  """What the metrics of TensorFlow want of a strategy, for one replica."""

  @property
  def extended(self) -> '_NoStrategy':
    return self

  def read_var(self, variable: tf.Variable) -> tf.Tensor:
    return tf.identity(variable)

  def __getattr__(self, name: str):
    raise AttributeError(f'{name} needs all replicas: a merge_call')


def _resources(graph: tf.Graph) -> list[tf.Tensor]:
  return [handle for handle, _ in graph.captures if handle.dtype == tf.resource]
