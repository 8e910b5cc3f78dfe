"""Serialized examples of ImageNet to an image, its label and its boxes."""

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from official.datasets import imagenet_preprocessing
from official.datasets.decoding import images
from official.errors import DataError

_EDGES = ('ymin', 'xmin', 'ymax', 'xmax')
_IMAGE, _LABEL = 'image/encoded', 'image/class/label'
_FEATURES = {
  _IMAGE: tf.io.FixedLenFeature([], tf.string),
  _LABEL: tf.io.FixedLenFeature([], tf.int64),
} | {
  f'image/object/bbox/{edge}': tf.io.VarLenFeature(tf.float32)
  for edge in _EDGES
}
_CLASSES = 1000  # without the background


@dataclasses.dataclass(frozen=True)
class Labels:
  """How the labels in the records, 1 to 1000, number the classes.

  Attributes:
    background_class: Whether label 0 is a class, though no image has it. If
      not, labels are one less than in the records.
  """

  background_class: bool

  @property
  def first(self) -> int:
    """The label in the records that is class 0."""
    return 0 if self.background_class else 1

  @property
  def num_classes(self) -> int:
    """1001 with the background, otherwise 1000."""
    return _CLASSES + 1 - self.first

  @property
  def class_names(self) -> tuple[str, ...]:
    """The label in the records for each class."""
    labels = range(self.first, self.first + self.num_classes)
    return tuple(map(str, labels))

  def class_of(self, label: tf.Tensor) -> tf.Tensor:
    """A label in a record, int32 [] -> its class, int32 [].

    Raises:
      tf.errors.InvalidArgumentError: No class has this label.
    """
    number = label - self.first
    check = tf.debugging.Assert(
      (number >= 0) & (number < self.num_classes),
      [f'a label is not 0 to {self.num_classes - 1}:', number],
    )
    with tf.control_dependencies([check]):
      return tf.identity(number)


def parse_example_proto(
  record: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
  """A serialized tf.train.Example, string [] -> image, label, boxes.

  Returns:
    The encoded image, string []; its label, int32 []; the boxes of its
    objects, float32 [1, n, 4] (ymin, xmin, ymax, xmax), 0 to 1.
  """
  parsed = tf.io.parse_single_example(record, _FEATURES)
  edges = [
    tf.sparse.to_dense(parsed[f'image/object/bbox/{edge}']) for edge in _EDGES
  ]
  label = tf.cast(parsed[_LABEL], tf.int32)
  boxes = tf.stack(edges, axis=-1)[tf.newaxis]
  return parsed[_IMAGE], label, boxes


def trial(labels: Labels) -> Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]:
  """Returns a function that raises where a record, string [], is unusable."""

  @tf.function
  def use(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    encoded, label, _ = parse_example_proto(record)
    image = images.decode(encoded, imagenet_preprocessing.NUM_CHANNELS)
    return tf.size(image), labels.class_of(label)

  return use


def check_first_record(path: str) -> None:
  """Checks that the first record of a file is an image with a label.

  Raises:
    DataError: The first record is something else, or there is no record.
  """
  try:
    record = next(iter(tf.data.TFRecordDataset(path).take(1)), None)
    if record is None:
      raise DataError(f'{path} holds no records')
    tf.io.parse_single_example(record, _FEATURES)
  except tf.errors.OpError as e:
    raise DataError(
      f'{path}: the first record is not an image ({_IMAGE} and {_LABEL}): '
      f'{e.message}'
    ) from e
