"""`ImageDataset`: what the run loop needs to know of a data set."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

InputFn = Callable[..., tf.data.Dataset]


@dataclasses.dataclass(frozen=True)
class ImageDataset:
  """A set of images, each in one class.

  Attributes:
    name: for people, such as `'MNIST'`.
    image_shape: height, width and channels of what `preprocess` takes.
    num_classes: labels are 0 to `num_classes - 1`.
    num_images: of `'train'` and of `'test'`.
    input_fn: `(is_training, batch_size, *, start_step, input_context)` to a
      `tf.data.Dataset` of images float32 [batch_size, H, W, C] and labels
      int32 [batch_size]. `batch_size` is that of one replica; training never
      ends and starts at global step `start_step`.
    preprocess: images uint8 [N, H, W, C] to what the network gets, float32
      [N, H, W, C]. It travels inside an exported model.
    class_names: one a class.
    decode: an encoded image, string [], to what `preprocess` takes, less N;
      None for `image_decoding.decode_and_resize`.
    check: raises `DataError` with the names of the examples that cannot be
      used; None where `input_fn` cannot fail. It may take long.
  """

  name: str
  image_shape: tuple[int, int, int]
  num_classes: int
  num_images: Mapping[str, int]
  input_fn: InputFn
  preprocess: Callable[[tf.Tensor], tf.Tensor]
  class_names: tuple[str, ...]
  decode: Callable[[tf.Tensor], tf.Tensor] | None = None
  check: Callable[[], object] | None = None
