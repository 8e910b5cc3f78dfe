"""Convolutions on maps of a few positions, as dense matrix products.

Take a 3x3 kernel on a 2x2 map with one row of zeros around it. Each of the 4
outputs sees all 4 inputs, but only through 4 of the 9 taps of the kernel; the
other 5 taps meet zeros. A library that convolves the padded 4x4 map multiplies
these zeros too: 36 products of [C] by [C, F] per image, of which 16 matter.
On a 1x1 map 1 of 9 matters. The last layers of a deep network on images of 28
to 32 pixels work on such maps, and they have most of its weights.

So here every output position is one dense product: the inputs that it sees,
as [N, window * C], times the taps that see them, as [window * C, F], where
`window` is the number of positions seen. Windows depend only on the sizes, so
the graph is fixed when it is built.

The gradients have code of their own. TensorFlow's gradient of taking several
windows from a kernel pads each window's gradient to the size of the kernel and
adds them all up, so it writes every weight many times. `_kernel_gradient`
computes the gradient of each tap directly and writes it once.
"""

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence

import tensorflow as tf

# The largest maps, as height times width, for which this was measured to be
# faster. Each output is one more product and one more window of the kernel.
MAX_OUTPUTS = 4
_MAX_INPUTS = 16


def fits(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  strides: int,
  zeros: Sequence[Sequence[int]],
  max_outputs: int = MAX_OUTPUTS,
) -> bool:
  """Whether `conv2d` here is faster than TensorFlow's for these sizes.

  Args:
    inputs: A map [N, H, W, C], of static height and width.
    kernel: A kernel [k, k, C, F].
    strides: Step of the kernel along height and width.
    zeros: Numbers of zeros [before, after] for height and for width.
    max_outputs: The largest number of output positions. With 1 each weight is
      also read at most once.
  """
  sizes = inputs.shape[1:3]
  kernel_size = kernel.shape[0]
  num_outputs = math.prod(
    _num_outputs(size, kernel_size, strides, pad)
    for size, pad in zip(sizes, zeros, strict=True)
  )
  # A window that lies entirely in the zeros would be an empty product.
  every_output_sees_an_input = all(max(pad) < kernel_size for pad in zeros)
  return (
    every_output_sees_an_input
    and num_outputs <= max_outputs
    and math.prod(sizes) <= _MAX_INPUTS
  )


def conv2d(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  strides: int,
  zeros: Sequence[Sequence[int]],
  *,
  training: bool,
) -> tf.Tensor:
  """[N, H, W, C], [k, k, C, F] -> [N, H', W', F], as `tf.nn.conv2d`.

  Args:
    inputs: A map of static height, width and channels.
    kernel: A kernel of static shape and of the dtype of the inputs.
    strides: Step of the kernel along height and width.
    zeros: Numbers of zeros [before, after] for height and for width.
    training: Whether to attach the fast gradient. For it TensorFlow ties
      inputs, kernel and outputs together in one op, so graphs that only run
      forward do without it.
  """
  rows, columns = (
    _windows(size, kernel.shape[0], strides, pad)
    for size, pad in zip(inputs.shape[1:3], zeros, strict=True)
  )

  def convolve(
    inputs: tf.Tensor, kernel: tf.Tensor
  ) -> tuple[tf.Tensor, Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]]:
    weights = [
      _weights(kernel, row, column)
      for row, column in itertools.product(rows, columns)
    ]

    def gradient(output_gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
      return (
        _input_gradient(inputs, weights, output_gradient, rows, columns),
        _kernel_gradient(inputs, kernel, output_gradient, rows, columns),
      )

    return _outputs(inputs, weights, rows, columns), gradient

  inputs, kernel = map(tf.convert_to_tensor, (inputs, kernel))
  if not training:
    outputs, _ = convolve(inputs, kernel)
    return outputs
  return tf.custom_gradient(convolve)(inputs, kernel)


@dataclasses.dataclass(frozen=True)
class _Window:
  """The inputs that one output sees along one axis, and the taps that see them.

  Attributes:
    inputs: Positions of the input that the output sees.
    taps: Positions of the kernel that see them.
    size: Number of positions of the input along the axis.
  """

  inputs: slice
  taps: slice
  size: int

  def __len__(self) -> int:
    return self.inputs.stop - self.inputs.start

  @property
  def unseen(self) -> list[int]:
    """Numbers of inputs [before, after] those that the output sees."""
    return [self.inputs.start, self.size - self.inputs.stop]


def _windows(
  size: int, kernel_size: int, strides: int, zeros: Sequence[int]
) -> list[_Window]:
  """The window of each output along one axis."""
  windows = []
  for output in range(_num_outputs(size, kernel_size, strides, zeros)):
    start = output * strides - zeros[0]  # Negative where it is in the zeros.
    first, last = max(start, 0), min(start + kernel_size, size)
    taps = slice(first - start, last - start)
    windows.append(_Window(slice(first, last), taps, size))
  return windows


def _num_outputs(
  size: int, kernel_size: int, strides: int, zeros: Sequence[int]
) -> int:
  return (size + sum(zeros) - kernel_size) // strides + 1


def _weights(kernel: tf.Tensor, row: _Window, column: _Window) -> tf.Tensor:
  """[k, k, C, F] -> [window * C, F], the taps that meet a position's window."""
  channels, filters = kernel.shape[2:]
  return tf.reshape(
    kernel[row.taps, column.taps], [len(row) * len(column) * channels, filters]
  )


def _outputs(
  inputs: tf.Tensor,
  weights: Sequence[tf.Tensor],
  rows: Sequence[_Window],
  columns: Sequence[_Window],
) -> tf.Tensor:
  """[N, H, W, C], weights [window * C, F] -> [N, H', W', F].

  Args:
    inputs: The map.
    weights: The weights of each output position, row by row.
    rows: The H' windows along the height.
    columns: The W' windows along the width.
  """
  outputs = [
    tf.linalg.matmul(
      tf.reshape(inputs[:, row.inputs, column.inputs], [-1, matrix.shape[0]]),
      matrix,
    )
    for (row, column), matrix in zip(
      itertools.product(rows, columns), weights, strict=True
    )
  ]
  stacked = outputs[0] if len(outputs) == 1 else tf.stack(outputs, 1)
  filters = weights[0].shape[1]
  return tf.reshape(stacked, [-1, len(rows), len(columns), filters])


def _input_gradient(
  inputs: tf.Tensor,
  weights: Sequence[tf.Tensor],
  output_gradient: tf.Tensor,
  rows: Sequence[_Window],
  columns: Sequence[_Window],
) -> tf.Tensor:
  """[N, H', W', F] -> [N, H, W, C], the sum of the gradients of each output.

  Args:
    inputs: The map [N, H, W, C], of which only the shape is used.
    weights: [window * C, F] for each output position, row by row.
    output_gradient: Gradient of the loss by the outputs.
    rows: The H' windows along the height.
    columns: The W' windows along the width.
  """
  positions = itertools.product(enumerate(rows), enumerate(columns))
  parts = []
  for ((y, row), (x, column)), matrix in zip(positions, weights, strict=True):
    part = tf.linalg.matmul(output_gradient[:, y, x], matrix, transpose_b=True)
    part = tf.reshape(part, [-1, len(row), len(column), inputs.shape[3]])
    unseen = [[0, 0], row.unseen, column.unseen, [0, 0]]
    parts.append(tf.pad(part, unseen) if any(map(any, unseen)) else part)
  total = parts[0] if len(parts) == 1 else tf.add_n(parts)
  return tf.reshape(total, tf.shape(inputs))


def _kernel_gradient(
  inputs: tf.Tensor,
  kernel: tf.Tensor,
  output_gradient: tf.Tensor,
  rows: Sequence[_Window],
  columns: Sequence[_Window],
) -> tf.Tensor:
  """[N, H, W, C], [N, H', W', F] -> [k, k, C, F], tap by tap.

  The gradient of a tap is the sum, over the images and over the pairs of an
  input and an output that the tap connects, of the input's outer product with
  the output's gradient. These pairs lie side by side on the batch axis, so the
  sum is one product, and each tap's gradient is written once.

  Args:
    inputs: The map.
    kernel: The kernel, of which only the shape and the dtype are used.
    output_gradient: Gradient of the loss by the outputs.
    rows: The H' windows along the height.
    columns: The W' windows along the width.
  """
  height, width, channels, filters = kernel.shape
  gradients = []
  for tap_y, tap_x in itertools.product(range(height), range(width)):
    pairs = [
      (inputs[:, input_y, input_x], output_gradient[:, output_y, output_x])
      for output_y, input_y in _connected(rows, tap_y)
      for output_x, input_x in _connected(columns, tap_x)
    ]
    if pairs:
      inputs_of_tap, gradients_of_outputs = (
        tensors[0] if len(tensors) == 1 else tf.concat(tensors, 0)
        for tensors in zip(*pairs, strict=True)
      )
      gradients.append(
        tf.linalg.matmul(inputs_of_tap, gradients_of_outputs, transpose_a=True)
      )
    else:  # The tap only ever meets zeros.
      gradients.append(tf.zeros([channels, filters], kernel.dtype))
  return tf.reshape(tf.stack(gradients), kernel.shape)


def _connected(windows: Sequence[_Window], tap: int) -> list[tuple[int, int]]:
  """Pairs (output, input) that a tap connects, as positions along one axis."""
  return [
    (output, window.inputs.start + tap - window.taps.start)
    for output, window in enumerate(windows)
    if window.taps.start <= tap < window.taps.stop
  ]
