"""One step of the optimizer that the settings of a run ask for."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from official.optimizers import loss_scaling
from official.optimizers.adaptive import AdadeltaOptimizer, AdamOptimizer
from official.optimizers.lars import LARSOptimizer
from official.optimizers.momentum import MomentumOptimizer
from official.optimizers.optimizer import Optimizer

# Name to the function of rate, momentum and weight decay that makes it.
_OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {
  'momentum': lambda rate, momentum, _: MomentumOptimizer(rate, momentum),
  'adadelta': lambda rate, *_: AdadeltaOptimizer(rate),
  'adam': lambda rate, *_: AdamOptimizer(rate),
  'lars': LARSOptimizer,
}


def train_op(
  loss: tf.Tensor, rate: tf.Tensor, params: Mapping[str, Any]
) -> tf.Operation:
  """The op of a training step: gradients, and the optimizer's updates.

  Args:
    loss: The loss, a scalar.
    rate: The learning rate, a float32 scalar.
    params: The settings by name. These are read: `optimizer`, `momentum` and
      `weight_decay`; `enable_lars`, which takes LARS in place of the optimizer;
      `loss_scale`, which multiplies the loss and divides its gradient
      (`'dynamic'`: see `loss_scaling.dynamic_update`); `fine_tune`, which
      trains only the variables with `dense` in their names.
  """
  name = 'lars' if params['enable_lars'] else params['optimizer']
  optimizer = _OPTIMIZERS[name](
    rate, params['momentum'], params['weight_decay']
  )
  scale = params['loss_scale']

  def is_trained(name: str) -> bool:
    return not params['fine_tune'] or 'dense' in name

  if scale == 'dynamic':
    return loss_scaling.dynamic_update(optimizer, loss, is_trained)
  gradients = optimizer.compute_gradients(loss * scale)
  return optimizer.apply_gradients(
    (gradient / scale if scale != 1 else gradient, variable)
    for gradient, variable in gradients
    if is_trained(variable.name)
  )
