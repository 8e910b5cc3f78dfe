"""3x3 convolutions on small maps with few multiplications.

Minimal filtering (Winograd 1980; Lavin and Gray 2016,
https://arxiv.org/abs/1509.09308): inputs and kernel are transformed so that
the convolution becomes one product for each of a few points, and the products
are transformed back. Here a whole map is one tile, so what only ever meets
padding is never computed.
"""

import dataclasses
import functools
from collections.abc import Sequence
from fractions import Fraction

import numpy as np
import tensorflow as tf

KERNEL_SIZE = 3

# Points where the polynomials are evaluated, besides infinity, by the size of
# the map. With these the largest error on a 4x4 map is a fifth of that with
# the usual 0, 1, -1, 2 and -2.
_POINTS = {
  4: (0, Fraction(3, 4), Fraction(-3, 4), Fraction(3, 2), Fraction(-3, 2))
}
SIZES = (2, *_POINTS)


def fits(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  strides: int,
  pads: Sequence[Sequence[int]],
) -> bool:
  """Whether `conv2d` can compute such a convolution, and exactly enough.

  On a 4x4 map of float32 the largest error is about 1e-5 of the outputs'
  standard deviation, twice that of a sum of products; in 16 bits it would be
  too much.
  """
  return (
    inputs.dtype == tf.float32
    and strides == 1
    and kernel.shape[:2] == [KERNEL_SIZE, KERNEL_SIZE]
    and all(size in SIZES for size in inputs.shape[1:3])
    and all(list(pad) == [KERNEL_SIZE // 2] * 2 for pad in pads)
  )


def conv2d(inputs: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
  """[N, H, W, C], [3, 3, C, F] -> [N, H, W, F], as `tf.nn.conv2d`, SAME.

  9 products in place of 36 on a 2x2 map, 36 in place of 144 on 4x4; each is
  [N, C] by [C, F]. H and W must be among `SIZES`.
  """
  height, width, channels = inputs.shape[1:]
  filters = kernel.shape[3]
  rows, columns = _algorithm(height), _algorithm(width)

  def transform(name, flat):
    """[positions, ...] -> [points, ...], or back."""
    matrices = [getattr(axis, name) for axis in (rows, columns)]
    return tf.linalg.matmul(tf.constant(np.kron(*matrices), flat.dtype), flat)

  flat = tf.reshape(inputs, [-1, height * width, channels])
  flat = tf.transpose(flat, [1, 0, 2])
  seen = transform('inputs', tf.reshape(flat, [height * width, -1]))
  taps = transform('taps', tf.reshape(kernel, [KERNEL_SIZE**2, -1]))
  points = seen.shape[0]
  products = tf.linalg.matmul(
    tf.reshape(seen, [points, -1, channels]),
    tf.reshape(taps, [points, channels, filters]),
  )
  outputs = transform('outputs', tf.reshape(products, [points, -1]))
  outputs = tf.reshape(outputs, [height * width, -1, filters])
  return tf.reshape(
    tf.transpose(outputs, [1, 0, 2]), [-1, height, width, filters]
  )


@dataclasses.dataclass(frozen=True)
class _Algorithm:
  """A convolution along one axis: `outputs @ ((taps @ k) * (inputs @ x))`.

  Attributes:
    inputs: [points, n].
    taps: [points, 3].
    outputs: [n, points].
  """

  inputs: np.ndarray
  taps: np.ndarray
  outputs: np.ndarray


@functools.cache
def _algorithm(size: int) -> _Algorithm:
  if size == 2:
    # y0 = k1 x0 + k2 x1 and y1 = k0 x0 + k1 x1 share k1 (x0 + x1).
    return _Algorithm(
      inputs=np.array([[1, 0], [1, 1], [0, 1]]),
      taps=np.array([[1, -1, 0], [0, 1, 0], [0, -1, 1]]),
      outputs=np.array([[0, 1, 1], [1, 1, 0]]),
    )
  return _interpolation(size, _POINTS[size])


def _interpolation(size: int, points: Sequence[Fraction]) -> _Algorithm:
  """Toom and Cook's algorithm: products of polynomials at points.

  In exact fractions, as the matrices' own errors would add to the result's.
  """
  inputs, taps = [], []
  for point in points:
    others = [other for other in points if other != point]
    scale = np.prod([Fraction(point - other) for other in others])
    inputs.append([*_with_roots(others), 0])
    taps.append([Fraction(point) ** i / scale for i in range(KERNEL_SIZE)])
  inputs.append(_with_roots(points))
  taps.append([0] * (KERNEL_SIZE - 1) + [1])
  outputs = [
    [*(Fraction(point) ** i for point in points), int(i == size - 1)]
    for i in range(size)
  ]
  inputs, taps, outputs = (
    np.array(matrix, np.float64) for matrix in (inputs, taps, outputs)
  )
  before = KERNEL_SIZE // 2  # What comes in from there is padding, and 0.
  return _Algorithm(inputs[:, before : before + size], taps, outputs)


def _with_roots(roots: Sequence[Fraction]) -> list[Fraction]:
  """Coefficients, the constant one first, of the product of all (x - root)."""
  coefficients = [Fraction(1)]
  for root in roots:
    shifted = [Fraction(0), *coefficients]
    scaled = [*(root * c for c in coefficients), Fraction(0)]
    coefficients = [a - b for a, b in zip(shifted, scaled, strict=True)]
  return coefficients
