"""Arrays as images that a person can look at."""

import numpy as np


def to_uint8(image: np.ndarray) -> np.ndarray:
  """Scales numbers of any range to uint8, in the same shape.

  Args:
    image: Numbers of any dtype and shape.

  Returns:
    uint8 of the same shape; the least number is black, the largest is white.
  """
  low, high = image.min(), image.max()
  return np.round(255 * (image - low) / max(high - low, 1e-9)).astype(np.uint8)


def filter_images(kernel: np.ndarray) -> np.ndarray:
  """The filters of a convolution as images.

  Args:
    kernel: Float [k, k, C, F], the weights of F filters over C channels.

  Returns:
    Float [F, k, k, 1 or 3]. Filters over 1 or 3 channels stay unchanged,
    because they can be read as grey levels or colours; all others become the
    mean over their channels.
  """
  images = np.moveaxis(kernel, 3, 0)
  if images.shape[-1] not in (1, 3):
    images = images.mean(axis=-1, keepdims=True)
  return images
