"""Optimizers: each variable's step is one fused TensorFlow training op.

`minimize` returns the `train_op` of an `EstimatorSpec`. Under a
`tf.distribute` strategy the gradient is that of the mean loss over replicas,
whatever their number. Slots are variables named as TensorFlow 1 named them, so
that its checkpoints go on training.
"""

from collections.abc import Callable, Iterable, Sequence

import tensorflow as tf

GradsAndVars = list[tuple[tf.Tensor, tf.Variable]]


class Optimizer:
  """What all optimizers share.

  Args:
    learning_rate: a number or a scalar tensor.
  """

  def __init__(self, learning_rate: float | tf.Tensor):
    self._learning_rate = learning_rate

  def minimize(
    self,
    loss: tf.Tensor,
    global_step: tf.Variable | None = None,
    var_list: Sequence[tf.Variable] | None = None,
  ) -> tf.Operation:
    """The op of one step that lowers `loss`: gradients, then their use."""
    return self.apply_gradients(
      self.compute_gradients(loss, var_list), global_step
    )

  def compute_gradients(
    self, loss: tf.Tensor, var_list: Sequence[tf.Variable] | None = None
  ) -> GradsAndVars:
    """Pairs of the mean gradient over replicas and the variable.

    Args:
      loss: the mean over this replica's batch, shape [].
      var_list: the variables; None for all trainable ones that the model_fn
        asked for. Those of a Keras model made outside must be given.

    Raises:
      ValueError: there are no variables, or the loss depends on none.
    """
    if var_list is None:
      var_list = tf.compat.v1.trainable_variables()
    variables = [v if isinstance(v, tf.Variable) else v.value for v in var_list]
    if not variables:
      raise ValueError(
        'No variables to optimize. Variables made outside model_fn must be '
        'given: minimize(loss, var_list=model.trainable_variables).'
      )
    context = tf.distribute.get_replica_context()
    replicas = context.num_replicas_in_sync
    # Gradients of a part each, summed: the sum is the gradient of the mean.
    gradients = tf.gradients(loss / replicas, variables)
    pairs = [
      (gradient, variable)
      for gradient, variable in zip(gradients, variables, strict=True)
      if gradient is not None
    ]
    if not pairs:
      raise ValueError(
        'No gradients provided for any variable: the loss depends on none of '
        f'{[v.name for v in variables]}.'
      )
    if replicas == 1:
      return pairs
    gradients, variables = zip(*pairs, strict=True)
    gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, list(gradients))
    return list(zip(gradients, variables, strict=True))

  def apply_gradients(
    self,
    grads_and_vars: Iterable[tuple[tf.Tensor | None, tf.Variable]],
    global_step: tf.Variable | None = None,
  ) -> tf.Operation:
    """The op that steps each variable and adds 1 to the global step.

    Args:
      grads_and_vars: as from `compute_gradients`; a gradient of None leaves
        its variable alone.
      global_step: None for the graph's own.
    """
    if global_step is None:
      global_step = tf.compat.v1.train.get_global_step()
    step = [] if global_step is None else [global_step.assign_add(1)]
    return tf.group(self.update(grads_and_vars), *step)

  def update(
    self, grads_and_vars: Iterable[tuple[tf.Tensor | None, tf.Variable]]
  ) -> tf.Operation:
    """The op that steps each variable; see `apply_gradients`."""
    rate = tf.cast(self._learning_rate, tf.float32)
    self._begin()
    ops = [
      self._apply(tf.convert_to_tensor(gradient), variable, rate)
      for gradient, variable in grads_and_vars
      if gradient is not None
    ]
    ops.append(self._finish())
    return tf.group(*(op for op in ops if op is not None))

  def _begin(self) -> None:
    """What precedes the first variable."""

  def _apply(
    self, gradient: tf.Tensor, variable: tf.Variable, rate: tf.Tensor
  ) -> tf.Operation:
    raise NotImplementedError

  def _finish(self) -> tf.Operation | None:
    """What follows the last variable."""
    return None


class MomentumOptimizer(Optimizer):
  """Gradient descent with momentum, as TensorFlow 1 defines it.

  `accumulator = momentum * accumulator + gradient` and then
  `variable -= learning_rate * accumulator`: the rate stays outside, so when it
  drops the velocity drops with it (Keras' SGD keeps the old velocity).

  Args:
    learning_rate: a number or a scalar tensor.
    momentum: share of the accumulator kept at each step.
    use_nesterov: look ahead, as Sutskever et al. 2013.
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

  def _apply(self, gradient, variable, rate):
    return tf.raw_ops.ResourceApplyMomentum(
      var=variable.handle,
      accum=_slot(variable, 'Momentum').handle,
      lr=rate,
      grad=gradient,
      momentum=self._momentum,
      use_nesterov=self._use_nesterov,
    )


class LARSOptimizer(MomentumOptimizer):
  """Momentum whose rate is scaled for each layer, for large batches.

  You et al. 2017 (https://arxiv.org/abs/1708.03888), algorithm 1: a layer's
  rate is multiplied by `eeta * |w| / (|g| + weight_decay * |w|)`, and
  `weight_decay * w` is added to its gradient.

  Args:
    learning_rate: a number or a scalar tensor.
    momentum: share of the accumulator kept at each step.
    weight_decay: of the layers that are not skipped.
    eeta: the trust coefficient.
    skip_list: variables with one of these in their name get plain momentum.
  """

  def __init__(
    self,
    learning_rate: float | tf.Tensor,
    momentum: float = 0.9,
    weight_decay: float = 1e-4,
    eeta: float = 0.001,
    skip_list: Sequence[str] = ('batch_normalization', 'bias'),
  ):
    super().__init__(learning_rate, momentum)
    self._weight_decay = weight_decay
    self._eeta = eeta
    self._skip_list = tuple(skip_list)

  def _apply(self, gradient, variable, rate):
    if not any(part in variable.name for part in self._skip_list):
      weight_norm = tf.norm(variable)
      gradient_norm = tf.norm(gradient)
      ratio = tf.math.divide_no_nan(
        self._eeta * weight_norm,
        gradient_norm + self._weight_decay * weight_norm,
      )
      usable = (weight_norm > 0) & (gradient_norm > 0)
      rate = rate * tf.where(usable, ratio, 1.0)
      gradient += self._weight_decay * variable
    return super()._apply(gradient, variable, rate)


class AdadeltaOptimizer(Optimizer):
  """Zeiler 2012 (https://arxiv.org/abs/1212.5701), algorithm 1.

  Args:
    learning_rate: factor of the step; 1 is the paper's.
    rho: share of the running averages kept at each step.
    epsilon: added under the square roots.
  """

  def __init__(
    self,
    learning_rate: float | tf.Tensor = 1.0,
    rho: float = 0.95,
    epsilon: float = 1e-6,
  ):
    super().__init__(learning_rate)
    self._rho, self._epsilon = rho, epsilon

  def _apply(self, gradient, variable, rate):
    return tf.raw_ops.ResourceApplyAdadelta(
      var=variable.handle,
      accum=_slot(variable, 'Adadelta').handle,
      accum_update=_slot(variable, 'Adadelta_1').handle,
      lr=rate,
      rho=self._rho,
      epsilon=self._epsilon,
      grad=gradient,
    )


class AdamOptimizer(Optimizer):
  """Kingma and Ba 2015 (https://arxiv.org/abs/1412.6980), end of section 2.

  Args:
    learning_rate: a number or a scalar tensor.
    beta1: share of the first moment kept at each step.
    beta2: share of the second moment kept at each step.
    epsilon: "epsilon hat" of the paper.
  """

  def __init__(
    self,
    learning_rate: float | tf.Tensor = 0.001,
    beta1: float = 0.9,
    beta2: float = 0.999,
    epsilon: float = 1e-8,
  ):
    super().__init__(learning_rate)
    self._betas = {'beta1_power': beta1, 'beta2_power': beta2}
    self._epsilon = epsilon

  def _apply(self, gradient, variable, rate):
    return tf.raw_ops.ResourceApplyAdam(
      var=variable.handle,
      m=_slot(variable, 'Adam').handle,
      v=_slot(variable, 'Adam_1').handle,
      beta1_power=self._powers['beta1_power'],
      beta2_power=self._powers['beta2_power'],
      lr=rate,
      beta1=self._betas['beta1_power'],
      beta2=self._betas['beta2_power'],
      epsilon=self._epsilon,
      grad=gradient,
    )

  def _begin(self):
    self._powers = {
      name: _variable(lambda beta=beta: tf.constant(beta), name)
      for name, beta in self._betas.items()
    }

  def _finish(self):
    return tf.group(
      *(
        variable.assign(variable * self._betas[name])
        for name, variable in self._powers.items()
      )
    )


def _slot(variable: tf.Variable, name: str) -> tf.Variable:
  shape = variable.shape
  path = variable.name.split(':')[0]
  return _variable(lambda: tf.zeros(shape), f'{path}/{name}')


def _variable(initial_value: Callable[[], tf.Tensor], name: str) -> tf.Variable:
  with tf.compat.v1.name_scope(None):  # Named by their variable alone.
    return tf.Variable(initial_value, name=name, trainable=False)
