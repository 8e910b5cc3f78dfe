"""The name-keyed store: the same name is the same variable in every trace.

A `model_fn` is traced once for each mode, and once for each replica. Each trace
asks for its variables by name and gets the ones that exist; a checkpoint stores
them by name. See `VariableStore`.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf

from official.estimator import (
  classic_collections,
  made_outside,
  replica_values,
  variable_creation,
)
from official.estimator.initial_values import InitialValues
from official.estimator.keras_objects import Metric, variables_of

GLOBAL_STEP = 'global_step'

_LOCAL = tf.compat.v1.GraphKeys.LOCAL_VARIABLES


class VariableStore:
  """Gets or creates variables by full name.

  Inside `with store.trace(), store.scope():` every variable that is made, by
  `tf.Variable` or `tf.compat.v1.get_variable`, is looked up under its name
  scope and name; a name used twice in one trace becomes `name_1`, as in
  TensorFlow 1. Initial values depend only on the seed and the name, not on
  the order of creation.

  Args:
    strategy: The `tf.distribute.Strategy` that the variables belong to; None
      for the current one.
    seed: Seed of the initial values; None for TensorFlow's random numbers.

  Attributes:
    strategy: The given strategy, or the current one.
    variables: Name to variable, for all that a checkpoint holds.
    metric_variables: Name to variable, for those of the collection
      `LOCAL_VARIABLES`: sums that are reset and never saved.
    global_step: The variable of that name.
    use: The use of the variables made outside model_fn.
  """

  def __init__(
    self,
    strategy: tf.distribute.Strategy | None = None,
    seed: int | None = None,
  ):
    self.strategy = strategy or tf.distribute.get_strategy()
    self.variables: dict[str, tf.Variable] = {}
    self.metric_variables: dict[str, tf.Variable] = {}
    self.use = made_outside.Use()
    self._initial_values = InitialValues(seed)
    # Names of variables that TensorFlow 1's functions made: their writes run
    # where they are fetched, see `handles_of_layers`.
    self._classic: set[str] = set()
    # Names of variables that Keras metrics made in the graph of model_fn.
    self._of_metrics: set[str] = set()
    self.global_step = self._create(
      GLOBAL_STEP,
      self.variables,
      lambda: tf.zeros([], tf.int64),
      trainable=False,
      aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )

  @contextlib.contextmanager
  def trace(self) -> Iterator[None]:
    """Wraps the trace of a mode, outside its loops and replicas.

    Within it TensorFlow 1's `get_global_step`, `global_variables`,
    `local_variables` and `trainable_variables`, and optimizers written for it,
    know the variables of this trace.
    """
    with classic_collections.of_trace(self.global_step):
      yield

  @contextlib.contextmanager
  def scope(self) -> Iterator[dict[str, tf.Variable]]:
    """Within it the variables of one call of model_fn come from the store.

    Yields:
      A dict of name to variable that grows: the variables that model_fn makes
      outside its graph, for `settle_metrics`.
    """
    graph = tf.compat.v1.get_default_graph()
    base = graph.get_name_scope()
    # Replicas share a graph, but the losses of one are not those of another.
    graph.get_collection_ref(tf.compat.v1.GraphKeys.LOSSES).clear()
    used: set[str] = set()
    escaped: dict[str, tf.Variable] = {}

    def get_or_create(
      next_creator: Callable[..., tf.Variable], **kwargs: Any
    ) -> tf.Variable:
      del next_creator
      name = variable_creation.full_name(kwargs['name'] or 'Variable', base)
      if name == GLOBAL_STEP:
        return self.global_step
      name = variable_creation.unique_name(name, used)
      # TensorFlow 1's optimizers make their slots in tf.init_scope too, but
      # under names that are the same in every trace. Their variables, unlike
      # those of TensorFlow 2, come with `collections`.
      if not tf.executing_eagerly() or 'collections' in kwargs:
        return self._get_or_create(name, kwargs)
      # A metric of Keras 3, or a mistake: `settle_metrics` decides.
      kwargs = kwargs | {'collections': [_LOCAL]}
      escaped[name] = self._get_or_create(name, kwargs)
      return escaped[name]

    with tf.variable_creator_scope(get_or_create):
      yield escaped

  def settle_metrics(
    self, metric_objects: Iterable[Metric], escaped: dict[str, tf.Variable]
  ) -> None:
    """Separates the variables of Keras metrics from those of the model.

    Args:
      metric_objects: The Keras metrics of a spec that model_fn returned.
      escaped: The dict that `scope` yielded around this call of model_fn.

    Raises:
      ValueError: model_fn has made another variable outside its graph.
    """
    metric_ids = {id(v) for m in metric_objects for v in variables_of(m)}
    for name, variable in list(self.variables.items()):
      if id(variable) in metric_ids and name not in self.use.names:
        self.metric_variables[name] = self.variables.pop(name)
        self._of_metrics.add(name)
    for name, variable in escaped.items():
      if id(variable) not in metric_ids:
        del self.metric_variables[name]
        raise ValueError(
          f'Variable {name!r} was made inside model_fn but outside its graph '
          '(in tf.init_scope, as a tf.random.Generator does). Each mode would '
          'silently get a copy of its own. Make it once, outside model_fn, or '
          'by tf.Variable.'
        )

  def adopt_metrics(self, metric_objects: Iterable[Metric]) -> None:
    """Takes in and resets the variables of Keras metrics made outside."""
    for metric in metric_objects:
      metric.reset_state()
      known_ids = self._known_ids()
      for variable in variables_of(metric):
        if id(variable) not in known_ids:
          name = _name_of(variable)
          name = variable_creation.unique_name(name, set(self._all()))
          self._take(name, variable, self.metric_variables)

  def adopt(self, variables: Iterable[tf.Variable]) -> None:
    """Takes in variables that a trace used without asking the store for them.

    Args:
      variables: All variables that the trace used, also those of the store.

    Raises:
      ValueError: Another variable has the same name.
    """
    known_ids = self._known_ids()
    for variable in sorted(variables, key=lambda v: v.name):
      if id(variable) in known_ids:
        continue
      known_ids |= {id(part) for part in self.parts(variable)}
      name = _name_of(variable)
      if name in self._all():
        raise ValueError(
          f'Two variables are named {name!r}: one made inside model_fn or by '
          'another layer, one made outside. Give the layer or model its own '
          'name, so that a checkpoint can tell them apart.'
        )
      self._take(name, variable, self.variables)

  def parts(self, variable: tf.Variable) -> tuple[tf.Variable, ...]:
    """The variables of the replicas of this process."""
    return replica_values.parts(variable, self.strategy)

  def handles_made_outside(self, graph: tf.Graph) -> list[tf.Tensor]:
    """Handles that a graph uses, except those of variables of model_fn."""
    ours = self._handles(self._all().keys() - self.use.names)
    return [
      handle
      for handle, _ in graph.captures
      if handle.dtype == tf.resource and id(handle) not in ours
    ]

  def handles_of_layers(self, graph: tf.Graph) -> list[tf.Tensor]:
    """Handles of variables of model_fn that TensorFlow 2's programs write.

    A write of a Keras layer takes effect by being called; nothing fetches it.
    Variables that TensorFlow 1's functions made are written where something
    fetches it, except moving statistics, which layers of tf_keras write.
    """
    layers = {
      name
      for name, variable in self._all().items()
      if name not in self._classic or replica_values.is_statistic(variable)
    }
    ids = self._handles(layers - self.use.names - {GLOBAL_STEP})
    return [handle for handle, _ in graph.captures if id(handle) in ids]

  def add_initializer(self, function: Callable[[], object]) -> None:
    """Adds a function to call whenever variables get their initial values."""
    self._initial_values.add_initializer(function)

  def initialize(self) -> None:
    """Gives every variable its initial value again."""
    self._initial_values.assign(self.variables)

  def note_changes(self) -> None:
    """Notes that variables may not have their initial values any more."""
    self._initial_values.note_changes()

  def reset_metrics(self) -> None:
    """Gives every metric variable its initial value again."""
    self._initial_values.reset(self.metric_variables)

  def values(self) -> dict[str, tf.Tensor]:
    """Name to current value of all variables that a checkpoint holds."""
    return {
      name: replica_values.value(variable, self.strategy)
      for name, variable in self.variables.items()
    }

  def _all(self) -> dict[str, tf.Variable]:
    return self.variables | self.metric_variables

  def _known_ids(self) -> set[int]:
    """Ids of all variables of the store, and of their parts."""
    return {
      id(part) for v in self._all().values() for part in (v, *self.parts(v))
    }

  def _handles(self, names: Iterable[str]) -> set[int]:
    """Ids of the handles of variables by name."""
    all_variables = self._all()
    return {
      id(part.handle)
      for name in names
      for part in self.parts(all_variables[name])
    }

  def _get_or_create(self, name: str, kwargs: dict[str, Any]) -> tf.Variable:
    collections = kwargs.get('collections') or ()
    is_metric = _LOCAL in collections or name in self._of_metrics
    variables = self.metric_variables if is_metric else self.variables
    if 'collections' in kwargs:
      self._classic.add(name)
    if name not in variables:
      if name in self._all():
        raise ValueError(
          f'Variable {name!r} is a metric in one place and a part of the '
          'model in another: give one of them another name.'
        )
      self._create(
        name,
        variables,
        variable_creation.initial_value(name, kwargs),
        **variable_creation.variable_arguments(kwargs),
      )
    classic_collections.collect(variables[name], collections)
    return variables[name]

  def _create(
    self,
    name: str,
    variables: dict[str, tf.Variable],
    initial_value: Callable[[], Any],
    **kwargs: Any,
  ) -> tf.Variable:
    def create(seeded_value: Callable[[], Any]) -> tf.Variable:
      with self.strategy.scope():
        return tf.Variable(seeded_value, name=name, **kwargs)

    self._initial_values.add(name, initial_value)
    variables[name] = self._initial_values.create(name, create)
    return variables[name]

  def _take(
    self, name: str, variable: tf.Variable, variables: dict[str, tf.Variable]
  ) -> None:
    """Takes in a variable that was made outside model_fn."""
    variables[name] = variable
    value = self.use.take(name, variable)
    self._initial_values.add(name, lambda: value)


def _name_of(variable: tf.Variable) -> str:
  return variable.name.split(':')[0]
