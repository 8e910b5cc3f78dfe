"""Optimizers that adapt the rate of each weight to its gradients."""

import tensorflow as tf

from official.optimizers.optimizer import Optimizer, slot, untrained_variable


class AdadeltaOptimizer(Optimizer):
  """Adadelta: Zeiler 2012 (https://arxiv.org/abs/1212.5701), algorithm 1.

  Args:
    learning_rate: Factor of the step, a number or a tensor of shape []; the
      paper has none, which is 1.
    rho: Share of the running averages kept at each step.
    epsilon: The number that is added under the square roots.
  """

  def __init__(
    self,
    learning_rate: float | tf.Tensor = 1.0,
    rho: float = 0.95,
    epsilon: float = 1e-6,
  ):
    super().__init__(learning_rate)
    self._rho = rho
    self._epsilon = epsilon

  def _apply(
    self,
    gradient: tf.Tensor,
    variable: tf.Variable,
    rate: tf.Tensor,
    shared: dict[str, tf.Variable],
  ) -> tf.Operation:
    return tf.raw_ops.ResourceApplyAdadelta(
      var=variable.handle,
      accum=slot(variable, 'Adadelta').handle,
      accum_update=slot(variable, 'Adadelta_1').handle,
      lr=rate,
      rho=self._rho,
      epsilon=self._epsilon,
      grad=gradient,
    )


class AdamOptimizer(Optimizer):
  """Adam: Kingma and Ba 2015 (https://arxiv.org/abs/1412.6980).

  It has the form at the end of section 2, where the correction of the bias is
  part of the rate. It needs the powers beta1 ** step and beta2 ** step, which
  are variables, so that a checkpoint holds them.

  Args:
    learning_rate: A number, or a tensor of shape [].
    beta1: Share of the first moment kept at each step.
    beta2: Share of the second moment kept at each step.
    epsilon: The number that is added to the square root, "epsilon hat" in the
      paper.
  """

  def __init__(
    self,
    learning_rate: float | tf.Tensor = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
  ):
    super().__init__(learning_rate)
    self._beta1 = beta1
    self._beta2 = beta2
    self._epsilon = epsilon

  def _make_shared_variables(self) -> dict[str, tf.Variable]:
    return {
      'beta1_power': untrained_variable(
        lambda: tf.constant(self._beta1), 'beta1_power'
      ),
      'beta2_power': untrained_variable(
        lambda: tf.constant(self._beta2), 'beta2_power'
      ),
    }

  def _apply(
    self,
    gradient: tf.Tensor,
    variable: tf.Variable,
    rate: tf.Tensor,
    shared: dict[str, tf.Variable],
  ) -> tf.Operation:
    return tf.raw_ops.ResourceApplyAdam(
      var=variable.handle,
      m=slot(variable, 'Adam').handle,
      v=slot(variable, 'Adam_1').handle,
      beta1_power=shared['beta1_power'],
      beta2_power=shared['beta2_power'],
      lr=rate,
      beta1=self._beta1,
      beta2=self._beta2,
      epsilon=self._epsilon,
      grad=gradient,
    )

  def _update_shared_variables(
    self, shared: dict[str, tf.Variable]
  ) -> list[tf.Operation]:
    beta1_power, beta2_power = shared['beta1_power'], shared['beta2_power']
    return [
      beta1_power.assign(beta1_power * self._beta1),
      beta2_power.assign(beta2_power * self._beta2),
    ]
