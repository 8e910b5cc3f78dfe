"""Encoded photographs to what an ImageNet network gets.

Training crops at random as Szegedy et al. 2015 (section 6) did; evaluation
takes the centre. The constants are the original's, and so is the resize:
TensorFlow 1's bilinear one, which has no half-pixel centres.
"""

import tensorflow as tf

from official.datasets.decoding import images as image_decoding

CHANNEL_MEANS = (123.68, 116.78, 103.94)  # red, green, blue; 0 to 255
NUM_CHANNELS = 3
RESIZE_MIN = 256  # pixels of the shorter side, for a crop of 224
_CROP = 224
_MAX_RATIO = 16  # of the longer side to the shorter; a photograph has 1 to 3

# Limits of the part of an image that training takes, as in the original.
_MIN_OBJECT_COVERED = 0.1
_ASPECT_RATIO_RANGE = (0.75, 1.33)
_AREA_RANGE = (0.05, 1.0)
_MAX_ATTEMPTS = 100


def preprocess(images: tf.Tensor) -> tf.Tensor:
  """[N, H, W, 3], 0 to 255 -> float32, with the channel means subtracted."""
  return tf.cast(images, tf.float32) - tf.constant(CHANNEL_MEANS)


def training_image(
  encoded: tf.Tensor, boxes: tf.Tensor, size: int, seed: tf.Tensor
) -> tf.Tensor:
  """Takes a random part of an image, resized, and mirrors it half the time.

  Args:
    encoded: The image, string []; see `decoding.images.decode`. Of a JPEG only
      the part is decoded.
    boxes: float32 [1, n, 4], boxes of objects (ymin, xmin, ymax, xmax), 0 to 1.
      The part covers at least a tenth of one of them; n may be 0.
    size: Height and width of the result.
    seed: int64 [2]; the same seed gives the same part.

  Returns:
    float32 [size, size, 3], 0 to 255.
  """
  encoded = image_decoding.checked(encoded)
  is_jpeg = tf.io.is_jpeg(encoded)
  shape = tf.cond(
    is_jpeg,
    lambda: tf.io.extract_jpeg_shape(encoded),
    lambda: tf.shape(image_decoding.decode(encoded, NUM_CHANNELS)),
  )
  begin, extent, _ = tf.image.stateless_sample_distorted_bounding_box(
    shape,
    boxes,
    tf.cast(seed, tf.int64),
    min_object_covered=_MIN_OBJECT_COVERED,
    aspect_ratio_range=_ASPECT_RATIO_RANGE,
    area_range=_AREA_RANGE,
    max_attempts=_MAX_ATTEMPTS,
    use_image_if_no_bounding_boxes=True,
  )
  window = tf.concat([begin[:2], extent[:2]], axis=0)
  image = tf.cond(
    is_jpeg,
    lambda: tf.image.decode_and_crop_jpeg(encoded, window, NUM_CHANNELS),
    lambda: tf.slice(
      image_decoding.decode(encoded, NUM_CHANNELS), begin, extent
    ),
  )
  image = tf.image.stateless_random_flip_left_right(image, seed)
  return _resize(image, [size, size])


def evaluation_image(encoded: tf.Tensor, size: int) -> tf.Tensor:
  """Takes the centre of an image, its shorter side resized to 8/7 of `size`.

  Args:
    encoded: The image, string []; see `decoding.images.decode`.
    size: Height and width of the result in pixels.

  Returns:
    float32 [size, size, 3], 0 to 255.
  """
  return central_image(encoded, size, size, size * RESIZE_MIN // _CROP)


def central_image(
  encoded: tf.Tensor, height: int, width: int, shorter: int
) -> tf.Tensor:
  """Takes the centre of an image that is resized with its ratio of sides.

  Args:
    encoded: The image, string []; see `decoding.images.decode`.
    height: Height of the result in pixels.
    width: Width of the result in pixels.
    shorter: Size in pixels to which the shorter side of the image is resized.

  Returns:
    float32 [height, width, 3], 0 to 255.
  """
  image = _not_too_long(image_decoding.decode(encoded, NUM_CHANNELS))
  shape = tf.cast(tf.shape(image)[:2], tf.float32)
  ratio = shorter / tf.reduce_min(shape)
  # float32 may round the shorter side down to less than the result needs.
  target = tf.maximum(tf.cast(shape * ratio, tf.int32), [height, width])
  image = _resize(image, target)
  top, left = tf.unstack((target - [height, width]) // 2)
  image = image[top : top + height, left : left + width]
  return tf.ensure_shape(image, [height, width, NUM_CHANNELS])


def _not_too_long(image: tf.Tensor) -> tf.Tensor:
  """Cuts the ends off an image so long that, resized, it would fill the memory.

  [H, W, C] -> [H', W', C], its middle.
  """
  shape = tf.shape(image)[:2]
  longest = _MAX_RATIO * tf.reduce_min(shape)
  begin = tf.maximum(shape - longest, 0) // 2
  end = begin + tf.minimum(shape, longest)
  return image[begin[0] : end[0], begin[1] : end[1]]


def _resize(image: tf.Tensor, size: tf.Tensor | list[int]) -> tf.Tensor:
  """[H, W, C] -> float32 [*size, C], as TensorFlow 1 resized."""
  return tf.raw_ops.ResizeBilinear(images=image[tf.newaxis], size=size)[0]
