"""Gradient descent with momentum."""

import tensorflow as tf

from official.optimizers.optimizer import Optimizer, slot


class MomentumOptimizer(Optimizer):
  """Gradient descent with momentum, as TensorFlow 1 defines it.

  `accumulator = momentum * accumulator + gradient` and then
  `variable -= learning_rate * accumulator`. The rate stays outside of the
  accumulator, so a drop of the rate takes effect at once. (Keras' SGD has the
  rate inside, so steps with the old rate go on for a while.)

  Args:
    learning_rate: A number, or a tensor of shape [].
    momentum: Share of the accumulator kept at each step.
    use_nesterov: Whether to step by `gradient + momentum * accumulator`, which
      is Nesterov's form (Sutskever et al. 2013, section 2).
  """

  def __init__(
    self,
    learning_rate: float | tf.Tensor,
    momentum: float,
    use_nesterov: bool = False,
  ):
    super().__init__(learning_rate)
    self._momentum = momentum
    self._use_nesterov = use_nesterov

  def _apply(
    self,
    gradient: tf.Tensor,
    variable: tf.Variable,
    rate: tf.Tensor,
    shared: dict[str, tf.Variable],
  ) -> tf.Operation:
    return tf.raw_ops.ResourceApplyMomentum(
      var=variable.handle,
      accum=slot(variable, 'Momentum').handle,
      lr=rate,
      grad=gradient,
      momentum=self._momentum,
      use_nesterov=self._use_nesterov,
    )
