"""Folding of batch norm into the convolution before it.

Outside training batch norm is x * scale + shift for each channel, and a
convolution is linear in its kernel, so

    conv(x, kernel) * scale + shift = conv(x, kernel * scale) + shift

with the kernel [k, k, C, F] scaled along its output channels F (Jacob et al.
2018, https://arxiv.org/abs/1712.05877, section 3.2, equation 14). What is left
of the two layers is one convolution with a bias.

Only a graph whose variables become constants gains by this: there
`kernel * scale` is a constant, computed once. In any other graph it would be
computed at every call, for more than it saves.
"""

from collections.abc import Callable

import tensorflow as tf

from official.layers import layouts

Convolve = Callable[[tf.Tensor], tf.Tensor]


class Folding:
  """The convolutions of a network that a batch norm may yet be folded into.

  A network calls its layers one after the other, so when a convolution is
  built it is not known what will follow. If batch norm does, the convolution
  is built again with the scaled kernel; the first one then leads nowhere, and
  is not in the export.
  """

  def __init__(self) -> None:
    # By the reference of the outputs: a tensor itself cannot be a key.
    self._by_outputs: dict[object, tuple[Convolve, tf.Tensor]] = {}

  def remember(
    self, outputs: tf.Tensor, convolve: Convolve, kernel: tf.Tensor
  ) -> None:
    """Notes a convolution without a bias.

    Args:
      outputs: The feature map that it gave, `convolve(kernel)`.
      convolve: Makes the convolution again with another kernel.
      kernel: [k, k, C, F].
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

    The scale goes into the kernel of the convolution that gave the map, if
    one did. Scale and shift are cast to the dtype of the map.
    """
    scale, shift = (tf.cast(v, inputs.dtype) for v in (scale, shift))
    if inputs.ref() in self._by_outputs:
      convolve, kernel = self._by_outputs[inputs.ref()]
      outputs = convolve(kernel * scale)
    else:
      outputs = inputs * layout.broadcast(scale)
    return tf.nn.bias_add(outputs, shift, layout.tensorflow_name)
