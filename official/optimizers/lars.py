"""Layer-wise adaptive rate scaling (LARS), for large batches.

With large batches the rate must be large, and one rate for all layers then
fails: the ratio of the norm of a layer's weights to that of its gradient
differs by orders of magnitude from layer to layer, so a rate that one layer
needs makes another one diverge (You et al. 2017, section 4,
https://arxiv.org/abs/1708.03888). LARS gives each layer a local rate in
proportion to this ratio, so that every layer changes by about the same share
of its weights in one step, whatever the size of its gradient.
"""

from collections.abc import Sequence

import tensorflow as tf

from official.optimizers.momentum import MomentumOptimizer


class LARSOptimizer(MomentumOptimizer):
  """Momentum whose rate is scaled for each layer.

  You et al. 2017, algorithm 1: a layer's rate is multiplied by
  `eeta * |w| / (|g| + weight_decay * |w|)`, and `weight_decay * w` is added to
  its gradient. `|w|` and `|g|` are the Euclidean norms of the whole variable
  and of its gradient. The loss must then be without weight decay.

  Args:
    learning_rate: A number, or a tensor of shape []: the paper's global rate.
    momentum: Share of the accumulator kept at each step.
    weight_decay: The paper's beta, for the layers that are not skipped.
    eeta: The paper's trust coefficient eta.
    skip_list: Parts of names. A variable with one of these in its name gets
      plain momentum and no weight decay. The norms of batch norm's variables
      and of biases mean little: these are few numbers, and biases begin at 0.
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

  def _apply(
    self,
    gradient: tf.Tensor,
    variable: tf.Variable,
    rate: tf.Tensor,
    shared: dict[str, tf.Variable],
  ) -> tf.Operation:
    if not any(part in variable.name for part in self._skip_list):
      weight_norm = tf.norm(variable)
      gradient_norm = tf.norm(gradient)
      trust_ratio = tf.math.divide_no_nan(
        self._eeta * weight_norm,
        gradient_norm + self._weight_decay * weight_norm,
      )
      # Weights that are all zero have the ratio 0, so they would never change.
      has_ratio = (weight_norm > 0) & (gradient_norm > 0)
      rate = rate * tf.where(has_ratio, trust_ratio, 1.0)
      gradient += self._weight_decay * variable
    return super()._apply(gradient, variable, rate, shared)
