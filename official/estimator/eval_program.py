"""Evaluation: metrics that are updated by each batch and read at the end."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

from official.estimator import graphs, metrics, replica_values
from official.estimator.annotations import DatasetIterator, Nest
from official.estimator.keras_objects import is_metric, variables_of
from official.estimator.programs import ModelFn, Program, batch_size
from official.estimator.single_replica import alone
from official.estimator.spec import ModeKeys
from official.estimator.variables import VariableStore

# The value of a metric, and its update op or the Keras metric itself.
_Pair: TypeAlias = tuple[tf.Tensor, Any]

_RESERVED = ('loss', 'global_step')


@dataclasses.dataclass(frozen=True)
class Batch:
  """The part of the last batch that the values of metrics may need.

  Attributes:
    element: The flat tensors of the element, as the first replica had it.
    values: Values that only an update gives, by the name of the metric.
  """

  element: Sequence[tf.Tensor]
  values: Mapping[str, tf.Tensor]


class EvalProgram(Program):
  """Evaluates: every batch updates the metrics once.

  The values are read once, after the last update, so the result of an
  `update_op` is not used. A value that is computed from a batch is that of the
  last batch.

  Args:
    model_fn: See `Program`.
    store: See `Program`.
    jit_compile: See `Program`.
  """

  def __init__(
    self, model_fn: ModelFn, store: VariableStore, *, jit_compile: bool = False
  ):
    super().__init__(ModeKeys.EVAL, model_fn, store, jit_compile=jit_compile)
    # One function for each replica of this process, from an element to values.
    self._readers: list[Callable[..., dict[str, tf.Tensor]]] = []
    # Ids of the variables of each Keras metric. A replica that has made a
    # metric of its own is recognized by them.
    self._metric_ids: dict[str, list[int]] = {}

  def update(self, iterator: DatasetIterator) -> Batch:
    """Updates the metrics by the next batch; returns what values need of it.

    Raises:
      tf.errors.OutOfRangeError: The iterator has ended.
    """
    return Batch(*self._run(iterator))

  def results(self, last: Batch) -> dict[str, Any]:
    """The metrics over all batches since they were reset, as NumPy values.

    Args:
      last: The result of `update` for the last batch.
    """
    replica_values.gather_sums(
      self._store.metric_variables.values(), self._store.strategy
    )
    # Replicas have the same metrics, and the first one has the sums over all.
    read = self._readers[0]
    values = {**read(*last.element), **last.values}
    return {name: value.numpy() for name, value in values.items()}

  def _build(
    self, iterator: DatasetIterator, *arguments: tf.Tensor
  ) -> tuple[list[tf.Tensor], dict[str, tf.Tensor]]:
    element = next(iterator)
    strategy = self._store.strategy
    values = strategy.run(self._compiled(self._update_replica), args=(element,))
    element, values = tf.nest.map_structure(
      lambda value: strategy.experimental_local_results(value)[0],
      (element, values),
    )
    return tf.nest.flatten(element, expand_composites=True), values

  def _update_replica(self, element: Nest) -> dict[str, tf.Tensor]:
    """Updates the metrics; returns values that only an update gives."""
    update = self._update_of(element)
    flat = tf.nest.flatten(element, expand_composites=True)
    if self._store.strategy.num_replicas_in_sync == 1:
      return update(*flat)

    # A replica whose share of the data has ended gets empty batches, which some
    # ops of TensorFlow refuse.
    def update_by_examples() -> tf.Tensor:
      update(*flat)
      return tf.constant(0)

    tf.cond(batch_size(element) > 0, update_by_examples, lambda: tf.constant(0))
    return {}

  def _update_of(self, element: Nest) -> Callable[..., dict[str, tf.Tensor]]:
    """Traces model_fn; returns the function that updates the metrics."""
    context = alone(tf.distribute.get_replica_context())

    def metric_pairs(element: Nest) -> dict[str, _Pair]:
      with context, self._store.scope() as escaped:
        return self._metric_pairs(element, escaped)

    traced = self._trace_part(metric_pairs, element)
    pairs: dict[str, _Pair] = traced.result
    updates = [
      op
      for name, (_, update_op) in pairs.items()
      for op in self._update_ops(traced.graph, name, update_op)
    ]
    graphs.run_in_program_order(graphs.dependencies(updates), traced.graph)
    values = {name: value for name, (value, _) in pairs.items()}
    # A pair such as (update_op, update_op) has no value to be read later.
    handles = [h for h, _ in traced.graph.captures if h.dtype == tf.resource]
    writes = set(graphs.writing_ops(traced.graph, handles))
    updating = {
      name: value
      for name, value in values.items()
      if writes & graphs.dependencies([value])
    }
    self._check_values(traced, values, updating)
    later = {n: v for n, v in values.items() if n not in updating}
    self._readers.append(traced.part(later))
    return traced.part(
      updating, [*updates, *graphs.reporting_ops(traced.graph)]
    )

  def _metric_pairs(
    self, element: Nest, escaped: dict[str, tf.Variable]
  ) -> dict[str, _Pair]:
    """Calls model_fn; the value and the update op of each metric."""
    spec = self._call_model_fn(element, escaped)
    for name in _RESERVED:
      if name in spec.eval_metric_ops:
        raise ValueError(
          f'Metric with name "{name}" is not allowed, because Estimator '
          'already defines a default metric with the same name.'
        )
    loss = metrics.mean(spec.loss, batch_size(element), name='loss')
    pairs = {'loss': loss} | {
      name: (pair.result(), pair) if is_metric(pair) else pair
      for name, pair in spec.eval_metric_ops.items()
    }
    return {
      name: (tf.convert_to_tensor(value), update_op)
      for name, (value, update_op) in pairs.items()
    }

  def _check_values(
    self,
    traced: graphs.Traced,
    values: Mapping[str, tf.Tensor],
    updating: Mapping[str, tf.Tensor],
  ) -> None:
    """Checks that values can be read after the replicas' sums are added up."""
    of_batch = {n for n, v in values.items() if traced.is_of_element(v)}
    of_batch |= updating.keys()
    if of_batch and self._store.strategy.num_replicas_in_sync > 1:
      raise ValueError(
        f'The values of the metrics {sorted(of_batch)} are computed from one '
        'batch. With several replicas a value must be computed from what its '
        'update_op adds up, as in official.estimator.metrics.'
      )

  def _update_ops(
    self, graph: tf.Graph, name: str, update_op: Any
  ) -> list[tf.Operation | tf.Tensor]:
    """The ops that update a metric: its `update_op`, or its writes (Keras)."""
    if not is_metric(update_op):
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
    ops = graphs.writing_ops(
      graph, [p.handle for v in variables for p in self._store.parts(v)]
    )
    if not ops:
      raise ValueError(
        f'Metric {name!r} is a Keras metric without an update: call its '
        'update_state in model_fn.'
      )
    return ops
