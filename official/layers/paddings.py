"""Zeros around a feature map, as a convolution or a pool asks for them.

A window of k positions that moves by s along an axis of n positions, with
zeros before and after it, gives (n + before + after - k) // s + 1 outputs.
"""

from collections.abc import Sequence

PADDINGS = ('SAME', 'VALID', 'FIXED')


def zeros(
  size: int | None, window: int, strides: int, padding: str | int
) -> list[int]:
  """The numbers of zeros [before, after] the positions of one axis.

  `'SAME'` adds the fewest zeros that give ceil(size / strides) outputs, so with
  strides above 1 the number depends on the size. `'FIXED'` depends only on the
  window, so a strided convolution sees an image at the same offset whatever
  its size.

  Args:
    size: Number of positions along the axis; None if unknown, where `'SAME'` is
      computed for strides of 1.
    window: Size of the kernel along the axis.
    strides: Step of the window along the axis.
    padding: See `layers.Network.conv2d`.
  """
  if isinstance(padding, int):
    return [padding, padding]
  if padding == 'VALID':
    return [0, 0]
  if padding == 'FIXED' or size is None:
    total = window - 1
  else:
    num_outputs = -(-size // strides)
    total = max((num_outputs - 1) * strides + window - size, 0)
  return [total // 2, total - total // 2]


def check_window(
  kind: str,
  window: int,
  strides: int,
  sizes: Sequence[int | None],
  padding: str | int,
) -> None:
  """Checks that a square window fits at least once into a padded map.

  Args:
    kind: The name of the window in error messages, `'kernel'` or `'window'`.
    window: Height and width of the window.
    strides: Step of the window along height and width.
    sizes: Height and width of the map; None for an unknown size.
    padding: See `layers.Network.conv2d`.

  Raises:
    ValueError: The window does not fit, or the padding, the window or the
      strides are not valid in themselves.
  """
  if window < 1 or strides < 1:
    raise ValueError(
      f'the size and the strides of a {kind} must be 1 or more, given: '
      f'{window} and {strides}'
    )
  # Python counts True as the integer 1, which nobody means as a padding.
  if isinstance(padding, int) and not isinstance(padding, bool):
    is_valid = padding >= 0
  else:
    is_valid = padding in PADDINGS
  if not is_valid:
    raise ValueError(
      f'padding must be one of {PADDINGS} or a number of zeros, given: '
      f'{padding!r}'
    )
  if padding in ('SAME', 'FIXED'):
    return
  pad = padding if isinstance(padding, int) else 0
  if any(size is not None and size + 2 * pad < window for size in sizes):
    height, width = ('?' if size is None else size for size in sizes)
    around = 'without padding' if not pad else f'with {pad} zeros on each side'
    raise ValueError(
      'Computed output size would be negative: a '
      f'{window}x{window} {kind} does not fit into a {height}x{width} map '
      f"{around}. Use a larger map, a smaller {kind} or padding 'SAME'."
    )
