"""The name, value and arguments that a request for a variable asks for."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

# Arguments of variable creators that are passed on to `tf.Variable`.
_PASSED_ON = (
  'dtype',
  'shape',
  'constraint',
  'synchronization',
  'aggregation',
)


def full_name(name: str, base: str) -> str:
  """The name of a variable with the name scope it is made in.

  Args:
    name: The name as the variable creator gets it.
    base: The name scope of the trace, which is left out.
  """
  scope = tf.compat.v1.get_default_graph().get_name_scope()
  if base and (scope == base or scope.startswith(base + '/')):
    scope = scope[len(base) + 1 :]
  # TensorFlow 1's slots come with a scope's ending slash.
  return (f'{scope}/{name}' if scope else name).rstrip('/')


def unique_name(name: str, used: set[str]) -> str:
  """The name, or `name_1` and so on if it is used; adds it to `used`."""
  unique, count = name, 0
  while unique in used:
    count += 1
    unique = f'{name}_{count}'
  used.add(unique)
  return unique


def initial_value(name: str, kwargs: Mapping[str, Any]) -> Callable[[], Any]:
  """The function that returns the initial value of a variable.

  Args:
    name: The name of the variable, for the message.
    kwargs: The arguments of a variable creator.

  Raises:
    ValueError: The value is a tensor of the graph, which is gone when the
      variable is initialized.
  """
  value = kwargs['initial_value']
  if tf.is_tensor(value) and tf.is_symbolic_tensor(value):
    raise ValueError(
      f'The initial value of variable {name!r} is a tensor of the graph that '
      'is being traced. Give a function instead: '
      'tf.Variable(lambda: tf.zeros([3])).'
    )
  return value if callable(value) else lambda: value


def variable_arguments(kwargs: Mapping[str, Any]) -> dict[str, Any]:
  """The arguments of `tf.Variable` among those of a variable creator."""
  arguments = {
    key: kwargs[key] for key in _PASSED_ON if kwargs.get(key) is not None
  }
  trainable = kwargs.get('trainable')
  return arguments | {'trainable': trainable is None or trainable}
