"""Encoded images to images like those of a data set.

An image gets the shape of the set's images and, where it is grey, their paper.
Grey drawings come as dark ink on white paper or as light ink on black, and a
network knows only one of the two: MNIST has light digits on black paper. An
image whose edge has the opposite colour is inverted.
"""

from collections.abc import Sequence

import tensorflow as tf

from official.datasets.decoding import images

_BLACK, _WHITE = 0, 255
_MIDDLE = 127
# The share of the pixels of an edge, and of the images of a set, that must have
# the same colour. Drawings seldom touch the edge; photographs have no such
# edge.
_AGREEMENT = 0.9


def decode_and_resize(
  image_shape: Sequence[int], encoded: tf.Tensor, paper: int | None = None
) -> tf.Tensor:
  """An encoded image, string [] -> uint8 [H, W, C], stretched to fit.

  Args:
    image_shape: Height, width and channels.
    encoded: The image; see `images.decode`.
    paper: The colour, 0 or 255, on which the grey images that a network knows
      are drawn: an image on the opposite paper is inverted. None inverts none.

  Raises:
    tf.errors.InvalidArgumentError: See `images.decode`.
  """
  height, width, channels = image_shape
  image = images.decode(encoded, channels)
  image = tf.image.resize(image, [height, width], antialias=True)
  image = tf.cast(tf.round(image), tf.uint8)
  if paper is None:
    return image
  is_opposite = _edge_agreement(image, _WHITE - paper) >= _AGREEMENT
  return tf.where(is_opposite, _WHITE - image, image)


def paper_of(pixels: tf.Tensor) -> int | None:
  """Grey images, uint8 [N, H, W, 1] -> the colour that they are drawn on.

  Returns:
    0 or 255; None where they have no paper in common, as photographs have none.
  """
  for paper in (_BLACK, _WHITE):
    is_paper = (
      _edge_agreement(tf.convert_to_tensor(pixels), paper) >= _AGREEMENT
    )
    if tf.reduce_mean(tf.cast(is_paper, tf.float32)) >= _AGREEMENT:
      return paper
  return None


def _edge_agreement(pixels: tf.Tensor, paper: int) -> tf.Tensor:
  """[..., H, W, 1] -> [...]: the part of the edge that is nearer to `paper`."""
  edge = tf.concat(
    [
      pixels[..., 0, :, 0],
      pixels[..., -1, :, 0],
      pixels[..., 1:-1, 0, 0],
      pixels[..., 1:-1, -1, 0],
    ],
    -1,
  )
  light = tf.reduce_mean(tf.cast(edge > _MIDDLE, tf.float32), -1)
  return light if paper else 1 - light
