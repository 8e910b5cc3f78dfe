"""Serving input receivers of image models, which take pixels or files."""

import functools
from collections.abc import Callable, Sequence

import tensorflow as tf

from official import estimator as estimator_lib
from official.datasets import imagenet_preprocessing
from official.datasets.decoding import resizing

Preprocess = Callable[[tf.Tensor], tf.Tensor]


def image_serving_input_fn(
  image_shape: Sequence[int], preprocess_fn: Preprocess
) -> estimator_lib.TensorServingInputReceiver:
  """A receiver of pixels: `input`, uint8 [N, H, W, C] for any N.

  Args:
    image_shape: Height, width and channels of the images.
    preprocess_fn: Function from uint8 [N, H, W, C] to float32 [N, H, W, C], the
      input of the network. It becomes a part of the exported model.
  """
  pixels = tf.compat.v1.placeholder(
    tf.uint8, [None, *image_shape], name='input_tensor'
  )
  return estimator_lib.TensorServingInputReceiver(
    preprocess_fn(pixels), {'input': pixels}
  )


def image_bytes_serving_input_fn(
  image_shape: Sequence[int], dtype: tf.DType = tf.float32
) -> estimator_lib.TensorServingInputReceiver:
  """The original's receiver of photographs: `image_bytes`, string [N].

  Each photograph is resized so that its shorter side has 256 pixels, whatever
  `image_shape` is. Its central part is cut out, and the mean colour of ImageNet
  is subtracted. Besides JPEG it takes what `decoding.images.decode` does.

  Args:
    image_shape: Height and width of the network's input, at most 256, and 3
      channels.
    dtype: Dtype of the network's input.

  Raises:
    ValueError: There are not 3 channels, or the height or width is too large.
  """
  height, width, channels = image_shape
  means = imagenet_preprocessing.CHANNEL_MEANS
  if channels != len(means):
    raise ValueError(
      f'image_shape must have {len(means)} channels, whose means are known; '
      f'given: {list(image_shape)}'
    )
  shorter = imagenet_preprocessing.RESIZE_MIN
  if max(height, width) > shorter:
    raise ValueError(
      f'image_shape must be at most {shorter} high and wide; given: '
      f'{list(image_shape)}'
    )
  return encoded_image_serving_input_fn(
    image_shape,
    imagenet_preprocessing.preprocess,
    lambda encoded: imagenet_preprocessing.central_image(
      encoded, height, width, shorter
    ),
    dtype,
  )


def encoded_image_serving_input_fn(
  image_shape: Sequence[int],
  preprocess_fn: Preprocess,
  decode_fn: Callable[[tf.Tensor], tf.Tensor] | None = None,
  dtype: tf.DType = tf.float32,
) -> estimator_lib.TensorServingInputReceiver:
  """A receiver of encoded images: `image_bytes`, string [N] for any N.

  Args:
    image_shape: Height, width and channels of the network's input.
    preprocess_fn: Function from float32 [N, H, W, C], 0 to 255, to
      [N, H, W, C], the input of the network. It becomes a part of the exported
      model.
    decode_fn: Function from an encoded image, string [], to [H, W, C], 0 to
      255. None decodes to this many channels and resizes to this height and
      width.
    dtype: Dtype of the network's input.
  """
  decode = decode_fn or functools.partial(
    resizing.decode_and_resize, image_shape
  )
  encoded = tf.compat.v1.placeholder(tf.string, [None], name='input_tensor')
  pixels = tf.map_fn(
    lambda image: tf.cast(decode(image), tf.float32),
    encoded,
    fn_output_signature=tf.TensorSpec(image_shape, tf.float32),
  )
  return estimator_lib.TensorServingInputReceiver(
    tf.cast(preprocess_fn(pixels), dtype), {'image_bytes': encoded}
  )
