"""Serving input receivers for image models: pixels, or encoded images."""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from official import estimator as estimator_lib
from official.datasets import image_decoding

Preprocess = Callable[[tf.Tensor], tf.Tensor]


def image_serving_input_fn(
  image_shape: Sequence[int], preprocess_fn: Preprocess
) -> estimator_lib.TensorServingInputReceiver:
  """A receiver of pixels: `input`, uint8 [N, H, W, C], any N.

  Args:
    image_shape: height, width and channels.
    preprocess_fn: uint8 images to what the network gets; it becomes a part of
      the exported model.
  """
  pixels = tf.compat.v1.placeholder(
    tf.uint8, [None, *image_shape], name='input_tensor'
  )
  return estimator_lib.TensorServingInputReceiver(
    preprocess_fn(pixels), {'input': pixels}
  )


def image_bytes_serving_input_fn(
  image_shape: Sequence[int],
  dtype: tf.DType = tf.float32,
  preprocess_fn: Preprocess | None = None,
  decode_fn: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> estimator_lib.TensorServingInputReceiver:
  """A receiver of encoded images: `image_bytes`, string [N], any N.

  PNG, JPEG, BMP and GIF (its first frame) of any size.

  Args:
    image_shape: height, width and channels.
    dtype: of what the network gets.
    preprocess_fn: images of 0 to 255 to what the network gets; None only
      casts.
    decode_fn: an encoded image, string [], to `image_shape`; None decodes it
      to uint8 of so many channels and resizes it to that height and width.
  """
  decode = decode_fn or functools.partial(decode_and_resize, image_shape)
  encoded = tf.compat.v1.placeholder(tf.string, [None], name='input_tensor')
  pixels = tf.map_fn(
    lambda image: tf.cast(decode(image), tf.float32),
    encoded,
    fn_output_signature=tf.TensorSpec(image_shape, tf.float32),
  )
  images = preprocess_fn(pixels) if preprocess_fn else pixels
  return estimator_lib.TensorServingInputReceiver(
    tf.cast(images, dtype), {'image_bytes': encoded}
  )


def decode_and_resize(
  image_shape: Sequence[int], encoded: tf.Tensor
) -> tf.Tensor:
  """An encoded image, string [] -> uint8 [H, W, C], stretched to fit."""
  height, width, channels = image_shape
  image = image_decoding.decode(encoded, channels)
  image = tf.image.resize(image, [height, width], antialias=True)
  return tf.cast(tf.round(image), tf.uint8)
