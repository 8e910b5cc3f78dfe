"""`ImageDataset`: what the run loop needs to know of a data set."""

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

# See `ImageDataset.input_fn`. `Callable` cannot name its keyword arguments, and
# an input_fn may take only some of them, so dots stand for all arguments.
InputFn = Callable[..., tf.data.Dataset]


@dataclasses.dataclass(frozen=True)
class ImageDataset:
  """A set of images, each in one class.

  Attributes:
    name: The name of the set, for people, such as `'MNIST'`.
    image_shape: Height, width and channels of the input of `preprocess`.
    num_classes: Number of classes; labels are 0 to `num_classes - 1`.
    num_images: `'train'` and `'test'` to the number of images.
    input_fn: Function `(is_training, batch_size, *, start_step, input_context)`
      to a `tf.data.Dataset` of images float32 [batch_size, H, W, C] and labels
      int32 [batch_size]. `batch_size` is that of one replica; training never
      ends and starts at global step `start_step`.
    preprocess: Function from images uint8 [N, H, W, C] to the input of the
      network, float32 [N, H, W, C]. It becomes a part of an exported model.
    class_names: The name of each class.
    decode: Function from an encoded image, string [], to the input of
      `preprocess`, without N; None for `decoding.resizing.decode_and_resize`.
    check: Function that raises a `DataError` with the names of the examples
      that cannot be used, which may take as long as an epoch; None where
      `input_fn` cannot fail.
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
