"""The name-keyed store: the same name is the same variable in every trace.

A `model_fn` is traced once a mode, and once a replica. Each trace asks for its
variables by name and gets the ones that exist; a checkpoint stores them by
name. See `VariableStore`.
"""

import concurrent.futures
import contextlib
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from official.estimator import (
  classic_collections,
  made_outside,
  random_seeds,
)

GLOBAL_STEP = 'global_step'

_LOCAL = tf.compat.v1.GraphKeys.LOCAL_VARIABLES


class VariableStore:
  """Gets or creates variables by full name.

  Inside `with store.trace(), store.scope():` every variable that is made, by
  `tf.Variable` or `tf.compat.v1.get_variable`, is looked up under its name
  scope and name; a name used twice in one trace becomes `name_1`, as in
  TensorFlow 1. Initial values depend on the seed and the name alone, not on
  the order of creation.

  Args:
    strategy: the `tf.distribute.Strategy` whose variables are made.
    seed: seed of the initial values; None leaves TensorFlow's own.

  Attributes:
    variables: name to variable, all that a checkpoint holds.
    metric_variables: name to variable, those of the collection
      `LOCAL_VARIABLES`: accumulators that are reset and never saved.
    use: of variables that were made outside model_fn.
  """

  def __init__(
    self,
    strategy: tf.distribute.Strategy | None = None,
    seed: int | None = None,
  ):
    self.strategy = strategy or tf.distribute.get_strategy()
    self.variables: dict[str, tf.Variable] = {}
    self.metric_variables: dict[str, tf.Variable] = {}
    self._initial_values: dict[str, Callable[[], Any]] = {}
    self._seed = seed
    self._initializers: list[Callable[[], Any]] = []
    # Names of variables that TensorFlow 1's functions made, and of those that
    # still have the initial value that they were made with.
    self._classic: set[str] = set()
    self._untouched: set[str] = set()
    self.use = made_outside.Use()
    # Names of variables that Keras metrics made in the graph of model_fn.
    self._of_metrics: set[str] = set()
    # Variables made in tf.init_scope in the last call of model_fn.
    self._escaped: dict[str, tf.Variable] = {}
    # A fresh thread carries no graph, device, name scope or replica, so what
    # is made there is made eagerly in the strategy's own cross-replica scope.
    self._thread = concurrent.futures.ThreadPoolExecutor(1, 'variables')
    self.global_step = self._create(
      GLOBAL_STEP,
      self.variables,
      initial_value=lambda: tf.zeros([], tf.int64),
      trainable=False,
      aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )

  @contextlib.contextmanager
  def trace(self) -> Iterator[None]:
    """Wraps the trace of a mode, outside its loops and replicas.

    Within it TensorFlow 1's `get_global_step`, `global_variables`,
    `local_variables` and `trainable_variables` know the variables of this
    trace, and so do optimizers written for it.
    """
    with classic_collections.of_trace(self.global_step):
      yield

  @contextlib.contextmanager
  def scope(self) -> Iterator[None]:
    """Within it the variables of one call of model_fn come from the store."""
    graph = tf.compat.v1.get_default_graph()
    base = graph.get_name_scope()
    # Replicas share a graph; the losses of one are not those of another.
    graph.get_collection_ref(tf.compat.v1.GraphKeys.LOSSES).clear()
    used: set[str] = set()
    self._escaped = {}

    def get_or_create(next_creator, **kwargs):
      del next_creator
      name = _full_name(kwargs['name'] or 'Variable', base)
      if name == GLOBAL_STEP:
        return self.global_step
      # TensorFlow 1's optimizers lift their slots too, under names that are
      # the same in every trace; they are told by `collections`.
      escapes = tf.executing_eagerly() and 'collections' not in kwargs
      name = _unique(name, used)
      if not escapes:
        return self._get_or_create(name, kwargs)
      # A Keras metric does so too; see `settle_metrics`.
      kwargs = kwargs | {'collections': [_LOCAL]}
      self._escaped[name] = self._get_or_create(name, kwargs)
      return self._escaped[name]

    with tf.variable_creator_scope(get_or_create):
      yield

  def settle_metrics(self, metric_objects: Iterable[Any]) -> None:
    """Tells variables of Keras metrics from those of the model.

    Args:
      metric_objects: the Keras metrics of a spec that model_fn returned.

    Raises:
      ValueError: model_fn has made another variable outside its graph.
    """
    of_metrics = {id(v) for m in metric_objects for v in variables_of(m)}
    for name, variable in list(self.variables.items()):
      if id(variable) in of_metrics and name not in self.use.names:
        self.metric_variables[name] = self.variables.pop(name)
        self._of_metrics.add(name)
    for name, variable in self._escaped.items():
      if id(variable) not in of_metrics:
        del self.metric_variables[name]
        raise ValueError(_ESCAPED.format(name=name))

  def adopt(
    self, variables: Iterable[tf.Variable], metric_objects: Iterable[Any] = ()
  ) -> None:
    """Takes in variables that a trace used but did not ask the store for.

    Args:
      variables: all that the trace used.
      metric_objects: the Keras metrics among their owners; these are reset.

    Raises:
      ValueError: another variable has the same name.
    """
    of_metrics = [v for metric in metric_objects for v in variables_of(metric)]
    for metric in metric_objects:
      metric.reset_state()
    known = {
      id(part) for v in self._all().values() for part in (v, *self.parts(v))
    }
    others = sorted(variables, key=lambda v: v.name)
    for index, variable in enumerate([*of_metrics, *others]):
      if id(variable) in known:
        continue
      known |= {id(part) for part in self.parts(variable)}
      name = variable.name.split(':')[0]
      is_metric = index < len(of_metrics)
      if is_metric:
        name = _unique(name, set(self._all()))
      elif name in self._all():
        raise ValueError(
          f'Two variables are named {name!r}: one made inside model_fn or by '
          'another layer, one made outside. Give the layer or model its own '
          'name, so that a checkpoint can tell them apart.'
        )
      target = self.metric_variables if is_metric else self.variables
      target[name] = variable
      value = self.use.take(name, variable)
      self._initial_values[name] = lambda value=value: value

  def parts(self, variable: tf.Variable) -> tuple[tf.Variable, ...]:
    """The variables of the replicas of this process."""
    return self.strategy.experimental_local_results(variable)

  def handles_made_outside(self, graph: tf.Graph) -> list[tf.Tensor]:
    """Handles of what a graph uses, less those of variables of model_fn."""
    ours = self._handles(self._all().keys() - self.use.names)
    return [
      handle
      for handle, _ in graph.captures
      if handle.dtype == tf.resource and id(handle) not in ours
    ]

  def handles_of_layers(self, graph: tf.Graph) -> list[tf.Tensor]:
    """Handles of variables of model_fn that TensorFlow 2's programs write.

    Their writes take effect by being called, as those of a Keras layer do;
    nothing waits for them. TensorFlow 1's functions make the others, except
    moving statistics of tf_keras.
    """
    all_variables = self._all()
    names = {
      name
      for name, variable in all_variables.items()
      if name not in self._classic or _is_statistic(variable)
    }
    layers = self._handles(names - self.use.names - {GLOBAL_STEP})
    return [handle for handle, _ in graph.captures if id(handle) in layers]

  def _handles(self, names: Iterable[str]) -> set[int]:
    all_variables = self._all()
    return {
      id(part.handle)
      for name in names
      for part in self.parts(all_variables[name])
    }

  def add_initializer(self, function: Callable[[], Any]) -> None:
    """Calls a function whenever variables have got their initial values."""
    self._initializers.append(function)

  def initialize(self) -> None:
    """Gives every variable its initial value again."""
    changed = self.variables.keys() - self._untouched
    self._assign_initial_values({n: self.variables[n] for n in changed})
    self.note_changes()
    for function in self._initializers:
      function()

  def note_changes(self) -> None:
    """Notes that variables may not have their initial values any more."""
    self._untouched = set()

  def reset_metrics(self) -> None:
    """Gives every metric variable its initial value again."""
    self._assign_initial_values(self.metric_variables)

  def gather_metrics(self) -> None:
    """Adds up what replicas have of the metrics in the first of each process.

    Every worker must call it.
    """
    if self.strategy.num_replicas_in_sync == 1:
      return
    for variable in self.metric_variables.values():
      if variable.synchronization == tf.VariableSynchronization.ON_READ:
        total = variable.read_value()
        self.parts(variable)[0].assign(total)

  def values(self) -> dict[str, tf.Tensor]:
    """Name to current value of all that a checkpoint holds."""
    return {name: self._value(v) for name, v in self.variables.items()}

  def average_statistics(self) -> list[Any]:
    """Gives every replica the mean of what replicas follow on their own.

    For the end of a step, in the replicas: moving statistics then have one
    value, the same in a checkpoint and in every replica that loads it.
    """
    context = tf.distribute.get_replica_context()
    if context.num_replicas_in_sync == 1:
      return []
    followed = [v for v in self.variables.values() if _is_statistic(v)]
    if not followed:
      return []
    flat = tf.concat([tf.reshape(v, [-1]) for v in followed], axis=0)
    flat = context.all_reduce(tf.distribute.ReduceOp.MEAN, flat)
    sizes = [v.shape.num_elements() for v in followed]
    return [
      variable.assign(tf.reshape(mean, variable.shape))
      for variable, mean in zip(followed, tf.split(flat, sizes), strict=True)
    ]

  def _value(self, variable: tf.Variable) -> tf.Tensor:
    if _is_statistic(variable):  # The same in all replicas.
      (first, *_) = self.parts(variable)
      return first.read_value()
    return variable.read_value()

  def _all(self) -> dict[str, tf.Variable]:
    return self.variables | self.metric_variables

  def _assign_initial_values(self, variables: dict[str, tf.Variable]) -> None:
    for name, variable in variables.items():
      self._thread.submit(
        lambda name=name, variable=variable: variable.assign(
          self._initial_value(name)
        )
      ).result()

  def _initial_value(self, name: str) -> Any:
    function = self._initial_values[name]
    # Metrics begin at zero, and an evaluation must not begin a seed again.
    if self._seed is None or name in self.metric_variables:
      return function()
    # Python's numbers too: initializers of tf_keras take their seeds there.
    with random_seeds.of_all(zlib.crc32(f'{self._seed}/{name}'.encode())):
      return function()

  def _get_or_create(self, name: str, kwargs: dict[str, Any]) -> tf.Variable:
    collections = kwargs.get('collections') or ()
    local = _LOCAL in collections or name in self._of_metrics
    variables = self.metric_variables if local else self.variables
    if 'collections' in kwargs and name not in self._escaped:
      self._classic.add(name)
    if name not in variables:
      if name in self._all():
        raise ValueError(
          f'Variable {name!r} is a metric in one place and a part of the '
          'model in another: give one of them another name.'
        )
      self._create(name, variables, **_supported(name, kwargs))
    classic_collections.collect(variables[name], collections)
    return variables[name]

  def _create(
    self,
    name: str,
    variables: dict[str, tf.Variable],
    initial_value: Callable[[], Any],
    **kwargs: Any,
  ) -> tf.Variable:
    self._initial_values[name] = initial_value

    def create():
      with self.strategy.scope():
        return tf.Variable(
          lambda: self._initial_value(name), name=name, **kwargs
        )

    variables[name] = self._thread.submit(create).result()
    self._untouched.add(name)
    return variables[name]


_ESCAPED = (
  'Variable {name!r} was made inside model_fn but outside its graph (in '
  'tf.init_scope, as a tf.random.Generator does). Each mode would silently get '
  'a copy of its own. Make it once, outside model_fn, or by tf.Variable.'
)


def variables_of(keras_object: Any) -> list[tf.Variable]:
  """The variables of a layer or metric of any version of Keras."""
  return [
    v if isinstance(v, tf.Variable) else v.value for v in keras_object.variables
  ]


def _is_statistic(variable: tf.Variable) -> bool:
  """Whether replicas follow it on their own and its value is their mean."""
  return (
    variable.synchronization == tf.VariableSynchronization.ON_READ
    and variable.aggregation == tf.VariableAggregation.MEAN
    and variable.dtype.is_floating
  )


def _full_name(name: str, base: str) -> str:
  """The name under the current name scope, less what was there at the start."""
  scope = tf.compat.v1.get_default_graph().get_name_scope()
  if base and (scope == base or scope.startswith(base + '/')):
    scope = scope[len(base) + 1 :]
  # TensorFlow 1's slots come with a scope's ending slash.
  return (f'{scope}/{name}' if scope else name).rstrip('/')


def _unique(name: str, used: set[str]) -> str:
  unique, count = name, 0
  while unique in used:
    count += 1
    unique = f'{name}_{count}'
  used.add(unique)
  return unique


def _supported(name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
  initial_value = kwargs['initial_value']
  if tf.is_tensor(initial_value) and tf.is_symbolic_tensor(initial_value):
    raise ValueError(
      f'The initial value of variable {name!r} is a tensor of the graph that '
      'is being traced. Give a function instead: '
      'tf.Variable(lambda: tf.zeros([3])).'
    )
  if not callable(initial_value):
    value = initial_value
    kwargs = kwargs | {'initial_value': lambda: value}
  trainable = kwargs.get('trainable')
  wanted = (
    'initial_value',
    'dtype',
    'shape',
    'constraint',
    'synchronization',
    'aggregation',
  )
  supported = {
    key: kwargs[key] for key in wanted if kwargs.get(key) is not None
  }
  supported['trainable'] = trainable is None or trainable
  return supported
