"""Counts the multiply-adds of the layers that are built."""

import contextlib
import contextvars
import math
from collections.abc import Iterator, Sequence

_counts: contextvars.ContextVar[dict[str, int] | None] = contextvars.ContextVar(
  'counts', default=None
)


@contextlib.contextmanager
def counted() -> Iterator[dict[str, int]]:
  """Within it the convolutions and dense layers that are built are counted.

  Yields:
    Name of a layer's kernel to its multiply-adds an image by the definition of
    the layer (padding included, as papers count), in the order of the layers.
  """
  token = _counts.set({})
  try:
    yield _counts.get()
  finally:
    _counts.reset(token)


def count(
  name: str, kernel_shape: Sequence[int], positions: Sequence[int | None] = ()
) -> None:
  """Notes a layer, if something counts.

  Args:
    name: of its kernel.
    kernel_shape: all weights that an output takes part in.
    positions: sizes of the map that the kernel is applied at; 0 for unknown.
  """
  counts = _counts.get()
  if counts is not None:
    sizes = [size or 0 for size in positions]
    counts[name] = math.prod(kernel_shape) * math.prod(sizes)
