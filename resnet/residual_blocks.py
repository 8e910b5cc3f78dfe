"""The residual block: a plan of convolutions in an order of operations.

The original spells out four blocks: two versions of two shapes. Here the plan
(`block_plan`) is the shape, and the order of batch norm and ReLU around the
convolutions (`Order`) is the version.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from official import layers


class PlannedConvolution(NamedTuple):
  """A convolution of a residual block.

  Attributes:
    filters: Number of output channels.
    kernel_size: Height and width of the kernel.
    strided: Whether this convolution has the strides of the block; all others
      have strides 1.
  """

  filters: int
  kernel_size: int
  strided: bool


def block_plan(filters: int, bottleneck: bool) -> list[PlannedConvolution]:
  """The convolutions of a residual block: He et al. 2015, figure 5.

  Args:
    filters: Number of filters of the 3x3 convolutions.
    bottleneck: Whether the block is a bottleneck, whose last 1x1 convolution
      has 4 times as many filters.
  """
  if bottleneck:
    return [
      PlannedConvolution(filters, 1, strided=False),
      PlannedConvolution(filters, 3, strided=True),
      PlannedConvolution(4 * filters, 1, strided=False),
    ]
  return [
    PlannedConvolution(filters, 3, strided=True),
    PlannedConvolution(filters, 3, strided=False),
  ]


@dataclasses.dataclass(frozen=True)
class Order:
  """The places of batch norm (BN) and ReLU in a residual block.

  He et al. 2016, figure 1: (a) is version 1, (b) is version 2.

  Attributes:
    pre_activation: The function on the input of a block, before any
      convolution, and on the output of the last block.
    after_convolution: The function on the output of each convolution, including
      the projection of the shortcut.
    between_convolutions: The function between two convolutions of a block.
    after_addition: The function on the sum of the shortcut and the last
      convolution.
  """

  pre_activation: Callable[[tf.Tensor], tf.Tensor]
  after_convolution: Callable[[tf.Tensor], tf.Tensor]
  between_convolutions: Callable[[tf.Tensor], tf.Tensor]
  after_addition: Callable[[tf.Tensor], tf.Tensor]


def order_of_version(nn: layers.Network, resnet_version: int) -> Order:
  """The order of operations of version 1 or 2, with a network's layers."""

  def batch_norm_relu(x: tf.Tensor) -> tf.Tensor:
    return tf.nn.relu(nn.batch_norm(x))

  if resnet_version == 1:
    return Order(
      pre_activation=tf.identity,
      after_convolution=nn.batch_norm,
      between_convolutions=tf.nn.relu,
      after_addition=tf.nn.relu,
    )
  return Order(
    pre_activation=batch_norm_relu,
    after_convolution=tf.identity,
    between_convolutions=batch_norm_relu,
    after_addition=tf.identity,
  )


def block(
  nn: layers.Network,
  order: Order,
  inputs: tf.Tensor,
  plan: Sequence[PlannedConvolution],
  strides: int,
  *,
  project: bool,
) -> tf.Tensor:
  """Feature map -> feature map: a shortcut plus a plan of convolutions.

  The first block of every group projects its shortcut by a 1x1 convolution,
  even where the shape stays (the original did; the paper did not).

  Args:
    nn: The layers of the network.
    order: The operations around the convolutions.
    inputs: A feature map.
    plan: The convolutions.
    strides: Strides of the block, and of the projection.
    project: Whether the block projects its shortcut.
  """
  x = order.pre_activation(inputs)
  shortcut = inputs
  if project:
    shortcut = convolve(nn, x, plan[-1].filters, kernel_size=1, strides=strides)
    shortcut = order.after_convolution(shortcut)
  for index, (filters, kernel_size, strided) in enumerate(plan):
    if index > 0:
      x = order.between_convolutions(x)
    x = convolve(nn, x, filters, kernel_size, strides if strided else 1)
    x = order.after_convolution(x)
  return order.after_addition(x + shortcut)


def convolve(
  nn: layers.Network,
  inputs: tf.Tensor,
  filters: int,
  kernel_size: int,
  strides: int,
) -> tf.Tensor:
  """Feature map -> feature map: a convolution without bias.

  Batch norm, which always follows, has the bias. With strides the padding
  depends only on the kernel, as in the original: kernels see an image at the
  same offset whatever the image's size.
  """
  padding = 'SAME' if strides == 1 else 'FIXED'
  return nn.conv2d(inputs, filters, kernel_size, strides, padding=padding)
