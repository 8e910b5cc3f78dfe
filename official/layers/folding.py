"""Folding of batch norm into the convolution before it.

Outside training batch norm is x * scale + shift for each channel, and a
convolution is linear in its kernel, so

    conv(x, kernel) * scale + shift = conv(x, kernel * scale) + shift

with the kernel [k, k, C, F] scaled along its output channels F (Jacob et al.
2018, https://arxiv.org/abs/1712.05877, section 3.2, equation 14). What is left
of the two layers is one convolution with a bias.

Only a graph whose variables become constants gains by this: there
`kernel * scale` is a constant, computed once. In any other graph it would be
computed at every call, which costs more than it saves.
"""

from collections.abc import Callable

import tensorflow as tf

from official.layers import layouts

Convolve = Callable[[tf.Tensor], tf.Tensor]


class Folding:
  """The convolutions of a network that a batch norm may yet be folded into.

  A network calls its layers one after the other, so when a convolution is
  built, the next layer is not known. If it is batch norm, the convolution is
  built again with the scaled kernel. Nothing then uses the first convolution,
  so it is not in the export.
  """

  def __init__(self) -> None:
    # Keyed by the reference of the outputs, because a tensor cannot be a key.
    self._by_outputs: dict[object, tuple[Convolve, tf.Tensor]] = {}

  def remember(
    self, outputs: tf.Tensor, convolve: Convolve, kernel: tf.Tensor
  ) -> None:
    """Notes a convolution without a bias.

    Args:
      outputs: The feature map that it returned, `convolve(kernel)`.
      convolve: Function from another kernel to the feature map.
      kernel: The kernel, [k, k, C, F].
    """
    self._by_outputs[outputs.ref()] = convolve, kernel

  def affine(
    self,
    inputs: tf.Tensor,
    scale: tf.Tensor,
    shift: tf.Tensor,
    layout: layouts.Layout,
  ) -> tf.Tensor:
    """Feature map, [C], [C] -> feature map * scale + shift.

    The scale goes into the kernel of the convolution that made the map, if one
    did. Scale and shift are cast to the dtype of the map.
    """
    scale, shift = (tf.cast(v, inputs.dtype) for v in (scale, shift))
    if inputs.ref() in self._by_outputs:
      convolve, kernel = self._by_outputs[inputs.ref()]
      outputs = convolve(kernel * scale)
    else:
      outputs = inputs * layout.broadcast(scale)
    return tf.nn.bias_add(outputs, shift, layout.tensorflow_name)
