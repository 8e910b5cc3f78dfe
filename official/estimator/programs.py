"""One mode of a `model_fn`, traced once into a `tf.function`."""

from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf

from official.estimator import inputs, metrics, summary
from official.estimator.spec import EstimatorSpec, ModeKeys
from official.estimator.variables import VariableStore

ModelFn = Callable[[Any, Any, str], EstimatorSpec]


class Program:
  """Runs batches of an iterator through one mode of a `model_fn`.

  Args:
    mode: one of `ModeKeys`.
    model_fn: `(features, labels, mode) -> EstimatorSpec`.
    store: where the variables come from.
    fetches: names of tensors of the model_fn to return with the scalars.
    in_graph_loop: training may run many steps a call.
    jit_compile: compile the step with XLA.

  Attributes:
    spec: what `model_fn` returned when it was last traced.
    graph: in which `model_fn` was last called; None before.
    names: of the scalars that training returns, in order.
    traces: how often the mode was traced.
  """

  def __init__(
    self,
    mode: str,
    model_fn: ModelFn,
    store: VariableStore,
    *,
    fetches: Iterable[str] = (),
    in_graph_loop: bool = False,
    jit_compile: bool = False,
  ):
    self._mode = mode
    self._model_fn = model_fn
    self._store = store
    self._fetches = tuple(fetches)
    self._in_graph_loop = in_graph_loop
    self._function = tf.function(self._trace, autograph=False)
    self._compile = jit_compile
    self.spec: EstimatorSpec | None = None
    self.graph: tf.Graph | None = None
    self.names: list[str] = []
    self.traces = 0

  def trace(self, *args: Any) -> None:
    """Builds the graph, and so the variables, for arguments like these."""
    traces = self.traces
    concrete = self._function.get_concrete_function(*args)
    if self.traces > traces:
      self._store.adopt(concrete.graph.variables)

  def __call__(self, *args: Any) -> Any:
    """Runs on the next element of an iterator.

    Training takes `(iterator, steps)` and returns the scalars float32
    [steps, len(names)]; evaluation takes `(iterator,)` and returns the value
    of each metric after this batch; prediction takes `(iterator,)` and
    returns the predictions.

    Raises:
      tf.errors.OutOfRangeError: the iterator has ended. Steps of the same
        call before it have had their effect.
    """
    return self._function(*args)

  def _trace(self, *args: Any) -> Any:
    self.traces += 1
    run = {
      ModeKeys.TRAIN: self._train,
      ModeKeys.EVAL: self._evaluate,
      ModeKeys.PREDICT: self._predict,
    }[self._mode]
    with self._store.trace():
      return run(*args)

  def _train(self, iterator: Any, steps: tf.Tensor) -> tf.Tensor:
    if not self._in_graph_loop:
      return self._train_step(iterator)[tf.newaxis]
    rows = tf.TensorArray(tf.float32, steps, infer_shape=False)

    def body(index, rows):
      return index + 1, rows.write(index, self._train_step(iterator))

    _, rows = tf.while_loop(
      lambda index, rows: index < steps, body, (tf.constant(0), rows)
    )
    return rows.stack()

  def _train_step(self, iterator: Any) -> tf.Tensor:
    strategy = self._store.strategy
    row = strategy.run(self._step(self._train_replica), args=(next(iterator),))
    return strategy.reduce(tf.distribute.ReduceOp.MEAN, row, axis=None)

  def _train_replica(self, element: Any) -> tf.Tensor:
    # Nothing of a step may happen, the step count least of all, before its
    # batch is there: the data may have ended.
    arrived = tf.control_dependencies(
      tf.nest.flatten(element, expand_composites=True)
    )
    with self._store.scope(), summary.record() as scalars, arrived:
      scope = tf.compat.v1.get_default_graph().get_name_scope()
      spec = self._call_model_fn(element)
      self._store.average_statistics()
      values = scalars | {'loss': tf.cast(spec.loss, tf.float32)}
      for name in self._fetches:
        if name not in values:
          values[name] = _scalar_by_name(name, scope, values)
    self.names = sorted(values)
    return tf.stack([values[name] for name in self.names])

  def _evaluate(self, iterator: Any) -> dict[str, Any]:
    return self._store.strategy.run(
      self._step(self._evaluate_replica), args=(next(iterator),)
    )

  def _evaluate_replica(self, element: Any) -> dict[str, Any]:
    run = self._only(element, self._metric_values)
    if self._store.strategy.num_replicas_in_sync == 1:
      return run()
    # A replica whose share of the data has ended gets batches of nothing, and
    # not every op of TensorFlow can take these.
    size = _batch_size(element)
    return {'loss': tf.cond(size > 0, lambda: run()['loss'], lambda: 0.0)}

  def _metric_values(self, element: Any) -> dict[str, Any]:
    spec = self._call_model_fn(element)
    loss = metrics.mean(spec.loss, _batch_size(element), name='loss')
    pairs = spec.eval_metric_ops
    for name in pairs:
      if name in ('loss', 'global_step'):
        raise ValueError(
          f'Metric with name "{name}" is not allowed, because Estimator '
          'already defines a default metric with the same name.'
        )
    self._pairs = {'loss': loss} | pairs
    # One value, whichever is fetched, brings about all updates.
    with tf.control_dependencies([
      update for _, update in self._pairs.values()
    ]):
      return {
        name: tf.identity(_freshest(value, update_op))
        for name, (value, update_op) in self._pairs.items()
      }

  def results(self, last_values: dict[str, Any]) -> dict[str, Any]:
    """The metrics over all batches since they were reset, as numpy values.

    Args:
      last_values: what the call for the last batch returned.

    Raises:
      ValueError: a metric that is a plain pair ran on several replicas.
    """
    results = {}
    for name, pair in self._pairs.items():
      if isinstance(pair, metrics.Metric):
        results[name] = pair.result().numpy()
      elif self._store.strategy.num_replicas_in_sync == 1:
        results[name] = last_values[name].numpy()
      else:
        raise ValueError(
          f'Metric {name!r} is a plain pair, which cannot be combined over '
          'replicas. Use official.estimator.metrics.'
        )
    return results

  def _predict(self, iterator: Any) -> Any:
    features, _ = inputs.split(next(iterator))
    return self._only(
      features,
      lambda features: self._call_model_fn((features, None)).predictions,
    )()

  def _only(
    self, element: Any, fetch: Callable[[Any], Any]
  ) -> Callable[[], Any]:
    """A function to the tensors of `fetch(element)`, with no other effect.

    A function that is traced the usual way runs all its side effects; here,
    as in tf.estimator, a train_op that model_fn built all the same does not
    run in evaluation or prediction.
    """
    flat = tf.nest.flatten(element, expand_composites=True)
    fetched: list[Any] = []

    def build(*arguments):
      arguments = list(arguments)
      packed = tf.nest.pack_sequence_as(element, arguments, True)
      with self._store.trace(), self._store.scope():
        fetched.extend([arguments, fetch(packed)])

    specs = [tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in flat]
    try:
      graph = tf.compat.v1.wrap_function(build, specs)
    except RuntimeError as e:
      if 'merge_call' not in str(e):
        raise
      raise ValueError(_SYNCHRONIZED.format(mode=self._mode)) from e
    pruned = graph.prune(*fetched)
    return lambda: pruned(*flat)

  def _call_model_fn(self, element: Any) -> EstimatorSpec:
    features, labels = inputs.split(element)
    self.graph = tf.compat.v1.get_default_graph()
    self.spec = self._model_fn(features, labels, self._mode)
    return self.spec

  def _step(self, function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    if self._compile:
      return tf.function(function, autograph=False, jit_compile=True)
    return function


_SYNCHRONIZED = (
  'model_fn synchronizes replicas in mode {mode!r}, as a train_op does. With '
  'several replicas it must build its train_op in mode {train!r} alone.'
).replace('{train!r}', repr(ModeKeys.TRAIN))


def _batch_size(element: Any) -> tf.Tensor:
  features, _ = inputs.split(element)
  first = tf.nest.flatten(features, expand_composites=True)[0]
  return tf.shape(first)[0] if first.shape.rank != 0 else tf.constant(1)


def _freshest(value: Any, update_op: Any) -> Any:
  """What the metric is after this batch.

  An `update_op` of the classic metrics is the value after the update, while
  their `value` may be read before it.
  """
  if (
    tf.is_tensor(update_op)
    and update_op.dtype == value.dtype
    and update_op.shape == value.shape
  ):
    return update_op
  return value


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
