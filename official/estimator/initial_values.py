"""Initial values of variables, which depend only on a seed and a name."""

import concurrent.futures
import functools
import zlib
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import tensorflow as tf

from official.estimator import random_seeds

_Result = TypeVar('_Result')


class InitialValues:
  """Gives variables their initial values, when they are made and later.

  A value does not depend on the order in which variables are made, so every
  mode and every worker gets the same values.

  Args:
    seed: Seed of the values; None keeps TensorFlow's own random numbers.
  """

  def __init__(self, seed: int | None):
    self._seed = seed
    self._functions: dict[str, Callable[[], Any]] = {}
    # Names of variables that still have their initial value.
    self._unchanged: set[str] = set()
    self._initializers: list[Callable[[], object]] = []
    # A fresh thread carries no graph, device, name scope or replica, so what
    # is made there is made eagerly in the strategy's own cross-replica scope.
    self._thread = concurrent.futures.ThreadPoolExecutor(1, 'variables')

  def add(self, name: str, function: Callable[[], Any]) -> None:
    """Stores the function that returns the initial value of a variable."""
    self._functions[name] = function

  def create(
    self, name: str, create: Callable[[Callable[[], Any]], tf.Variable]
  ) -> tf.Variable:
    """Creates a variable outside all graphs.

    Args:
      name: The full name of the variable; `add` has been called for it.
      create: Function that makes the variable, given a function that returns
        its initial value.
    """
    variable = self._outside_graphs(
      lambda: create(lambda: self._seeded_value(name))
    )
    self._unchanged.add(name)
    return variable

  def assign(self, variables: Mapping[str, tf.Variable]) -> None:
    """Gives variables of the model their initial values again."""
    changed = variables.keys() - self._unchanged
    for name in changed:
      self._assign(variables[name], functools.partial(self._seeded_value, name))
    self.note_changes()
    for initialize in self._initializers:
      initialize()

  def reset(self, variables: Mapping[str, tf.Variable]) -> None:
    """Gives variables of metrics their initial values again.

    They begin at zero, without a seed: beginning a seed again would change the
    numbers that random ops draw between two evaluations.
    """
    for name, variable in variables.items():
      self._assign(variable, self._functions[name])

  def add_initializer(self, function: Callable[[], object]) -> None:
    """Adds a function to call whenever variables get their initial values."""
    self._initializers.append(function)

  def note_changes(self) -> None:
    """Notes that variables may not have their initial values any more."""
    self._unchanged = set()

  def _seeded_value(self, name: str) -> Any:
    if self._seed is None:
      return self._functions[name]()
    # Python's numbers too: initializers of tf_keras draw their seeds from them.
    with random_seeds.of_all(zlib.crc32(f'{self._seed}/{name}'.encode())):
      return self._functions[name]()

  def _assign(self, variable: tf.Variable, value: Callable[[], Any]) -> None:
    self._outside_graphs(lambda: variable.assign(value()))

  def _outside_graphs(self, function: Callable[[], _Result]) -> _Result:
    return self._thread.submit(function).result()
