"""3x3 convolutions on small maps with few multiplications.

Winograd's minimal filtering, as Lavin and Gray 2016 apply it to convolutional
networks (https://arxiv.org/abs/1509.09308, section 4). In their notation the
algorithm F(m, r) computes m neighbouring outputs y of a filter g of r taps on
a piece d of m + r - 1 inputs:

    y = A^T [(G g) * (B^T d)]        along one axis
    Y = A^T [(G g G^T) * (B^T d B)] A    along both

where `*` multiplies element by element and A, B and G are small constant
matrices. It takes m + r - 1 multiplications in place of m r, because it is a
product of polynomials: the transforms evaluate both factors at m + r - 1
points, multiply there, and interpolate (the method of Toom and Cook).

With C channels in and F out each element of (G g G^T) * (B^T d B) becomes a
product of [N, C] by [C, F], one for each point: dense work at which BLAS is
fast, while the transforms only add a little.

The differences from the paper are:

- A whole map is one tile, and the zeros around it are known. Their columns of
  B^T are left out, so no product with padding is computed. On a 2x2 map this
  leaves 3 multiplications for each axis, where F(2, 3) takes 4.
- The points for a 4x4 map are not the usual 0, 1, -1, 2, -2 (`_POINTS`).
- A^T, B^T and G act along both axes at once, as Kronecker products: one
  matrix product on [positions, the rest] in place of two with a transposition.

It pays only for batches. On a 4x4 map it saves 108 C F multiply-adds for each
image, and the transform of the kernel takes 9 * 36 C F once, which is what 3
images save.

Gradients are TensorFlow's own, through the same few products.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import tensorflow as tf

KERNEL_SIZE = 3

# Points at which the polynomials are evaluated, besides infinity, by the size
# of the map. Powers of large points make large numbers that cancel: with these
# the largest error on a 4x4 map is a fifth of that with the usual points.
_POINTS = {
  4: (0, Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2), Fraction(-3, 2))
}
SIZES = (2, *_POINTS)


def fits(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  strides: int,
  zeros: Sequence[Sequence[int]],
) -> bool:
  """Whether `conv2d` can compute this convolution with a small enough error.

  On a 4x4 map of float32 the largest error is about 1e-5 of the outputs'
  standard deviation, twice that of a sum of products. In 16 bits it would be
  too large.

  Args:
    inputs: A map [N, H, W, C], of static height and width.
    kernel: A kernel [k, k, C, F].
    strides: Step of the kernel along height and width.
    zeros: Numbers of zeros [before, after] for height and for width.
  """
  return (
    inputs.dtype == tf.float32
    and strides == 1
    and kernel.shape[:2] == [KERNEL_SIZE, KERNEL_SIZE]
    and all(size in SIZES for size in inputs.shape[1:3])
    and all(list(pad) == [KERNEL_SIZE // 2] * 2 for pad in zeros)
  )


def conv2d(inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """[N, H, W, C], [3, 3, C, F] -> [N, H, W, F], as `tf.nn.conv2d` with 'SAME'.

  On a 2x2 map it takes 9 products in place of 36, on 4x4 it takes 36 in place
  of 144; each is [N, C] by [C, F].

  Args:
    inputs: float32 [N, H, W, C], of static height and width among `SIZES`.
    kernel: float32 [3, 3, C, F], of static shape.
  """
  height, width, channels = inputs.shape[1:]
  filters = kernel.shape[3]
  positions = height * width
  rows, columns = _algorithm(height), _algorithm(width)

  def transform(
    along_y: np.ndarray, along_x: np.ndarray, flat: tf.Tensor
  ) -> tf.Tensor:
    """[positions, ...] -> [points, ...], or back."""
    matrix = tf.constant(np.kron(along_y, along_x), flat.dtype)
    return tf.linalg.matmul(matrix, flat)

  flat = tf.reshape(inputs, [-1, positions, channels])
  flat = tf.transpose(flat, [1, 0, 2])
  data = transform(
    rows.of_data, columns.of_data, tf.reshape(flat, [positions, -1])
  )
  filter_ = transform(
    rows.of_filter,
    columns.of_filter,
    tf.reshape(kernel, [KERNEL_SIZE**2, -1]),
  )
  points = data.shape[0]
  products = tf.linalg.matmul(  # [points, N, C] by [points, C, F].
    tf.reshape(data, [points, -1, channels]),
    tf.reshape(filter_, [points, channels, filters]),
  )
  outputs = transform(
    rows.to_outputs, columns.to_outputs, tf.reshape(products, [points, -1])
  )
  outputs = tf.reshape(outputs, [positions, -1, filters])
  return tf.reshape(
    tf.transpose(outputs, [1, 0, 2]), [-1, height, width, filters]
  )


@dataclasses.dataclass(frozen=True)
class _Algorithm:
  """F(n, 3) on a map of n positions with one zero on either side, on one axis.

  `y = to_outputs @ ((of_filter @ g) * (of_data @ d))`.

  Attributes:
    of_data: The paper's B^T without the columns that meet zeros, [points, n].
    of_filter: The paper's G, [points, 3].
    to_outputs: The paper's A^T, [n, points].
  """

  of_data: np.ndarray
  of_filter: np.ndarray
  to_outputs: np.ndarray


@functools.cache
def _algorithm(size: int) -> _Algorithm:
  """The algorithm for a map of this many positions along an axis."""
  if size == 2:
    # y0 = g1 d0 + g2 d1 and y1 = g0 d0 + g1 d1 share g1 (d0 + d1).
    return _Algorithm(
      of_data=np.array([[1, 0], [1, 1], [0, 1]]),
      of_filter=np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]]),
      to_outputs=np.array([[0, 1, 1], [1, 1, 0]]),
    )
  return _interpolation(size, _POINTS[size])


def _interpolation(size: int, points: Sequence[Fraction | int]) -> _Algorithm:
  """The algorithm of Toom and Cook for a choice of points.

  The filter is evaluated at each point (rows of Vandermonde's matrix) and at
  infinity (its last coefficient). The data go through the transpose of the
  interpolation: a correlation is the transpose of a product of polynomials.
  Row i of it holds the coefficients of the polynomial that is 0 at all other
  points, whose value at point i, the scale, is divided out of the filter.

  The matrices are computed in exact fractions, since rounding errors in them
  would add to those of the result.

  Args:
    size: Number of positions of the map along the axis.
    points: The points, `size` + 1 different numbers.
  """
  of_data: list[Sequence[Fraction | int]] = []
  of_filter: list[Sequence[Fraction | int]] = []
  for point in points:
    others = [other for other in points if other != point]
    scale = math.prod(Fraction(point - other) for other in others)
    of_data.append([*_with_roots(others), 0])
    of_filter.append([
      Fraction(point) ** power / scale for power in range(KERNEL_SIZE)
    ])
  of_data.append(_with_roots(points))
  of_filter.append([0] * (KERNEL_SIZE - 1) + [1])
  to_outputs = [
    [*(Fraction(point) ** power for point in points), int(power == size - 1)]
    for power in range(size)
  ]
  data_matrix, filter_matrix, output_matrix = (
    np.array(matrix, np.float64) for matrix in (of_data, of_filter, to_outputs)
  )
  first = KERNEL_SIZE // 2  # The columns before and after the map meet zeros.
  return _Algorithm(
    data_matrix[:, first : first + size], filter_matrix, output_matrix
  )


def _with_roots(roots: Sequence[Fraction | int]) -> list[Fraction]:
  """Coefficients, the constant one first, of the product of all (x - root)."""
  coefficients = [Fraction(1)]
  for root in roots:
    shifted = [Fraction(0), *coefficients]
    scaled = [*(root * c for c in coefficients), Fraction(0)]
    coefficients = [a - b for a, b in zip(shifted, scaled, strict=True)]
  return coefficients
