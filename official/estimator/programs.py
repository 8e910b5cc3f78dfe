"""A mode of a `model_fn`, traced once into a `tf.function`."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from official.estimator import graphs, inputs
from official.estimator.spec import EstimatorSpec, ModeKeys, is_metric_object
from official.estimator.variables import VariableStore

_TABLES = tf.compat.v1.GraphKeys.TABLE_INITIALIZERS

ModelFn = Callable[[Any, Any, str], EstimatorSpec]


class Program:
  """Runs the elements of an iterator through one mode of a `model_fn`.

  A program is for iterators of one type: its graph, its spec and what it
  fetches belong together.

  Args:
    mode: one of `ModeKeys`.
    model_fn: `(features, labels, mode) -> EstimatorSpec`.
    store: where the variables come from.
    jit_compile: compile the step with XLA.

  Attributes:
    spec: what `model_fn` returned when it was last called.
    graph: in which `model_fn` was last called; None before.
    traces: how often the mode was traced.
  """

  def __init__(
    self,
    mode: str,
    model_fn: ModelFn,
    store: VariableStore,
    *,
    jit_compile: bool = False,
  ):
    self._mode = mode
    self._model_fn = model_fn
    self._store = store
    self._compile = jit_compile
    self._function = tf.function(self._traced, autograph=False)
    self.spec: EstimatorSpec | None = None
    self.graph: tf.Graph | None = None
    self.traces = 0
    # What makes the tables of the graph ready, before it first runs.
    self._table_initializers: list[Callable[[], Any]] = []

  def trace(self, *args: Any) -> None:
    """Builds the graph, and so the variables, for arguments like these."""
    traces = self.traces
    concrete = self._function.get_concrete_function(*args)
    if self.traces > traces:
      self._store.adopt(concrete.graph.variables, self._metric_objects())
      for function in self._table_initializers:
        function()

  def __call__(self, *args: Any) -> Any:
    """Runs the next element of an iterator; see the subclasses.

    Raises:
      tf.errors.OutOfRangeError: the iterator has ended.
    """
    return self._function(*args)

  def _traced(self, *args: Any) -> Any:
    self.traces += 1
    return self._build(*args)

  def _build(self, *args: Any) -> Any:
    raise NotImplementedError

  def _trace_part(
    self, function: Callable[[Any], Any], element: Any
  ) -> graphs.Traced:
    """Traces a function that calls model_fn; its variables are the store's."""

    def within_the_store(element):
      with self._store.trace():
        return function(element)

    try:
      traced = graphs.Traced(within_the_store, element)
    except (AssertionError, AttributeError, RuntimeError) as e:
      # TensorFlow's words for a synchronization that it cannot do here; an
      # assertion of it has none.
      words = str(e) or 'cross-replica'
      replicas = self._store.strategy.num_replicas_in_sync
      if replicas == 1 or not any(word in words for word in _SYNCHRONIZES):
        raise
      raise ValueError(_SYNCHRONIZED.format(mode=self._mode)) from e
    if tables := self.tables_of(traced):
      self._table_initializers.append(traced.on_nothing(tables))
    return traced

  def tables_of(self, traced: graphs.Traced) -> list[tf.Operation]:
    """The ops that initialize tables."""
    return [
      op  # Tables that are made eagerly are initialized at once, and give None.
      for op in traced.graph.get_collection(_TABLES)
      if op is not None and op.graph is traced.graph
    ]

  def _call_model_fn(self, element: Any) -> EstimatorSpec:
    features, labels = inputs.split(element)
    self.graph = tf.compat.v1.get_default_graph()
    self.spec = self._model_fn(features, labels, self._mode)
    self._store.settle_metrics(self._metric_objects())
    return self.spec

  def _metric_objects(self) -> list[Any]:
    return [
      m for m in self.spec.eval_metric_ops.values() if is_metric_object(m)
    ]

  def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
    if self._compile:
      return tf.function(function, autograph=False, jit_compile=True)
    return function


class PredictProgram(Program):
  """Predicts: `program(iterator)` returns the predictions of an element."""

  def _build(self, iterator: Any) -> Any:
    def predict(features):
      with self._store.scope():
        return self._call_model_fn((features, None)).predictions

    features, _ = inputs.split(next(iterator))
    traced = self._trace_part(predict, features)
    predictions = traced.part(traced.result, graphs.tells(traced.graph))
    return predictions(*tf.nest.flatten(features, expand_composites=True))


_SYNCHRONIZES = ('merge_call', 'cross-replica')
_SYNCHRONIZED = (
  'model_fn synchronizes replicas in mode {mode!r}, as a train_op does. With '
  'several replicas it must build its train_op in mode {train!r} alone.'
).replace('{train!r}', repr(ModeKeys.TRAIN))


def batch_size(element: Any) -> tf.Tensor:
  """How many examples an element holds, int32 []."""
  features, labels = inputs.split(element)
  for tensor in [*tf.nest.flatten(features), *tf.nest.flatten(labels)]:
    if isinstance(tensor, tf.SparseTensor):
      return tf.cast(tensor.dense_shape[0], tf.int32)
    if isinstance(tensor, tf.RaggedTensor):
      return tf.cast(tensor.nrows(), tf.int32)
    if tensor is not None and tensor.shape.rank != 0:
      return tf.shape(tensor)[0]
  return tf.constant(1)
