"""Calls layers of a network once, for tests of their values."""

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from official import layers
from official.estimator.variables import VariableStore


def call(
  build: Callable[[layers.Network, tf.Tensor], tf.Tensor],
  inputs: np.ndarray,
  *,
  training: bool = False,
  network: dict[str, Any] | None = None,
  step: int = 0,
) -> tuple[np.ndarray, np.ndarray | None, dict[str, np.ndarray]]:
  """Builds layers around a store and runs them once.

  Args:
    build: Function from a network named `net` and the inputs to the outputs.
    inputs: The inputs.
    training: The mode of the network.
    network: More arguments of `layers.Network`.
    step: The global step.

  Returns:
    The outputs; the gradient of their sum by the inputs, None if they do not
    depend on these; the values of all variables by name.
  """
  store = VariableStore(seed=3)
  inputs = tf.constant(inputs)

  @tf.function(autograph=False)
  def function(x):
    with store.trace(), store.scope():
      nn = layers.Network('net', training=training, **(network or {}))
      y = build(nn, x)
      return y, tf.gradients(y, [x])[0]

  function.get_concrete_function(inputs)
  store.global_step.assign(step)
  outputs, gradient = function(inputs)
  values = {name: v.numpy() for name, v in store.variables.items()}
  gradient = None if gradient is None else gradient.numpy()
  return outputs.numpy(), gradient, values


def normal(*shape: int, seed: int = 0) -> np.ndarray:
  """Random numbers of mean 0 and variance 1, float32 of the shape."""
  return np.random.RandomState(seed).randn(*shape).astype(np.float32)
