"""A mode of a `model_fn`, traced once into a graph that runs many batches."""

import dataclasses
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

import tensorflow as tf

from official.estimator import graphs, inputs, keras_objects
from official.estimator.annotations import DatasetIterator, Nest
from official.estimator.spec import EstimatorSpec, ModeKeys
from official.estimator.variables import VariableStore

_TABLES = tf.compat.v1.GraphKeys.TABLE_INITIALIZERS

#: Function of features, labels and mode.
ModelFn: TypeAlias = Callable[[Nest, Nest, str], EstimatorSpec]


@dataclasses.dataclass(frozen=True)
class ModelCall:
  """One call of `model_fn`.

  Attributes:
    graph: The graph in which `model_fn` made its ops.
    spec: What `model_fn` returned.
  """

  graph: tf.Graph
  spec: EstimatorSpec


class Program:
  """Runs batches of an iterator through one mode of a `model_fn`.

  A program is traced once, for iterators of one type, so that its graph, its
  spec and the names of its results always belong together. The subclasses
  define what happens to a batch: `TrainProgram.train`, `EvalProgram.update` and
  `PredictProgram.predict`.

  Args:
    mode: One of `ModeKeys`.
    model_fn: Function `(features, labels, mode) -> EstimatorSpec`.
    store: The variables that `model_fn` gets.
    jit_compile: Whether to compile the step with XLA.
  """

  #: Specs of the arguments that a run takes after the iterator.
  _ARGUMENTS: ClassVar[tuple[tf.TensorSpec, ...]] = ()

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
    self._jit_compile = jit_compile
    # Every replica of this process calls model_fn once.
    self._calls: list[ModelCall] = []
    # The tables of the graph must be filled before it first runs.
    self._table_initializers: list[Callable[[], object]] = []
    self._iterator_spec: tf.TypeSpec | None = None
    self._function: tf.types.experimental.ConcreteFunction | None = None

  @property
  def graph(self) -> tf.Graph:
    """The graph of `model_fn`; there is one only after `trace`."""
    return self._calls[-1].graph

  @property
  def spec(self) -> EstimatorSpec:
    """What `model_fn` returned; there is one only after `trace`."""
    return self._calls[-1].spec

  def is_for(self, iterator: DatasetIterator) -> bool:
    """Whether this program can run the batches of an iterator."""
    return tf.type_spec_from_value(iterator) == self._iterator_spec

  def trace(self, iterator: DatasetIterator) -> None:
    """Calls `model_fn`, builds the graph and creates its variables.

    Raises:
      ValueError: `model_fn` breaks the contract; the message says how.
    """
    function = tf.function(self._build, autograph=False)
    self._function = function.get_concrete_function(iterator, *self._ARGUMENTS)
    self._iterator_spec = tf.type_spec_from_value(iterator)
    self._store.adopt_metrics(_metric_objects(self.spec))
    self._store.adopt(self._function.graph.variables)
    for initialize in self._table_initializers:
      initialize()

  def _run(self, iterator: DatasetIterator, *arguments: tf.Tensor) -> Nest:
    """Runs the graph that `_build` has built.

    Raises:
      tf.errors.OutOfRangeError: The iterator has ended.
    """
    if self._function is None:
      raise RuntimeError('A program must be traced before it runs.')
    return self._function(iterator, *arguments)

  def _build(self, iterator: DatasetIterator, *arguments: tf.Tensor) -> Nest:
    """Makes the ops of a run, inside the graph that is being traced."""
    raise NotImplementedError

  def _trace_part(
    self, function: Callable[[Nest], Nest], element: Nest
  ) -> graphs.Traced:
    """Traces a function that calls model_fn; the store has its variables."""

    def within_the_store(element: Nest) -> Nest:
      with self._store.trace():
        return function(element)

    try:
      traced = graphs.Traced(within_the_store, element)
    except (AssertionError, AttributeError, RuntimeError) as e:
      # TensorFlow's messages when replicas cannot wait for each other here; its
      # assertion has no message at all.
      message = str(e) or 'cross-replica'
      replicas = self._store.strategy.num_replicas_in_sync
      if replicas == 1 or not any(word in message for word in _SYNCHRONIZES):
        raise
      raise ValueError(
        f'model_fn synchronizes replicas in mode {self._mode!r}, as a train_op '
        'does. With several replicas it must build its train_op '
        f'only in mode {ModeKeys.TRAIN!r}.'
      ) from e
    if tables := self._table_ops(traced):
      self._table_initializers.append(traced.without_element(tables))
    return traced

  def _table_ops(self, traced: graphs.Traced) -> list[tf.Operation]:
    """The ops that initialize lookup tables."""
    return [
      op  # Tables made eagerly are initialized at once and leave None here.
      for op in traced.graph.get_collection(_TABLES)
      if op is not None and op.graph is traced.graph
    ]

  def _call_model_fn(
    self, element: Nest, escaped: dict[str, tf.Variable]
  ) -> EstimatorSpec:
    """Calls model_fn in the current graph and takes in its variables.

    Args:
      element: Features, or `(features, labels)`, as symbolic tensors.
      escaped: See `VariableStore.settle_metrics`.
    """
    features, labels = inputs.split(element)
    graph = tf.compat.v1.get_default_graph()
    spec = self._model_fn(features, labels, self._mode)
    self._calls.append(ModelCall(graph, spec))
    self._store.settle_metrics(_metric_objects(spec), escaped)
    return spec

  def _compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
    if self._jit_compile:
      return tf.function(function, autograph=False, jit_compile=True)
    return function


class PredictProgram(Program):
  """Predicts, one batch at a time.

  Args:
    model_fn: See `Program`.
    store: See `Program`.
  """

  def __init__(self, model_fn: ModelFn, store: VariableStore):
    super().__init__(ModeKeys.PREDICT, model_fn, store)

  def predict(self, iterator: DatasetIterator) -> Nest:
    """The predictions for the next batch: a tensor, or a dict of tensors.

    Raises:
      tf.errors.OutOfRangeError: The iterator has ended.
    """
    return self._run(iterator)

  def _build(self, iterator: DatasetIterator, *arguments: tf.Tensor) -> Nest:
    def predict(features: Nest) -> Nest:
      with self._store.scope() as escaped:
        return self._call_model_fn((features, None), escaped).predictions

    features, _ = inputs.split(next(iterator))
    traced = self._trace_part(predict, features)
    reports = graphs.reporting_ops(traced.graph)
    predictions = traced.part(traced.result, reports)
    return predictions(*tf.nest.flatten(features, expand_composites=True))


# Words in TensorFlow's errors about ops that wait for other replicas.
_SYNCHRONIZES = ('merge_call', 'cross-replica')


def batch_size(element: Nest) -> tf.Tensor:
  """The number of examples in an element of a dataset, int32 []."""
  features, labels = inputs.split(element)
  for tensor in [*tf.nest.flatten(features), *tf.nest.flatten(labels)]:
    if isinstance(tensor, tf.SparseTensor):
      return tf.cast(tensor.dense_shape[0], tf.int32)
    if isinstance(tensor, tf.RaggedTensor):
      return tf.cast(tensor.nrows(), tf.int32)
    if tensor is not None and tensor.shape.rank != 0:
      return tf.shape(tensor)[0]
  return tf.constant(1)


def _metric_objects(spec: EstimatorSpec) -> list[keras_objects.Metric]:
  """The Keras metrics of a spec."""
  return [
    m for m in spec.eval_metric_ops.values() if keras_objects.is_metric(m)
  ]
