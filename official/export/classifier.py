"""An exported model that classifies encoded images."""

import os
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from official import tensorflow_errors
from official.datasets import image_formats
from official.datasets.files import image_headers
from official.errors import UsageError
from official.export import folders


class Prediction(NamedTuple):
  """The prediction for one image.

  Attributes:
    class_name: The name of the most probable class; its number where the export
      does not have names.
    probability: The probability of this class.
  """

  class_name: str
  probability: float


class ImageClassifier:
  """An exported model that classifies encoded images.

  Args:
    export_dir: The folder of a SavedModel with a signature that takes
      `image_bytes`.

  Attributes:
    class_names: The names of the classes; empty where the export has none.

  Raises:
    UsageError: The SavedModel has no such signature.
    UserError: The SavedModel cannot be read.
  """

  def __init__(self, export_dir: str):
    # Imported here, so that a command that imports this module reports wrong
    # flags before it waits for TensorFlow.
    import tensorflow as tf

    self._tf = tf
    # The functions of a SavedModel need their variables, which it holds.
    self._loaded = folders.load(export_dir)
    signatures = [
      signature
      for signature in self._loaded.signatures.values()
      if 'image_bytes' in signature.structured_input_signature[1]
    ]
    if not signatures:
      raise UsageError(
        f'{export_dir} has no signature that takes encoded images '
        f'(image_bytes), only {", ".join(self._loaded.signatures)}'
      )
    self._signature = signatures[0]
    self.class_names = folders.class_names(export_dir)

  def predict(
    self, paths: Sequence[str], batch_size: int
  ) -> Iterator[tuple[str, Prediction | str]]:
    """Classifies files.

    Args:
      paths: The paths of the files.
      batch_size: Number of images to compute at a time.

    Yields:
      Each path, with its prediction or with what is wrong with the file.
    """
    for start in range(0, len(paths), batch_size):
      batch = paths[start : start + batch_size]
      try:
        contents = [_read(path) for path in batch]
        yield from zip(batch, self._predict(contents), strict=True)
      except (OSError, self._tf.errors.OpError):
        # The error does not name the file that caused it.
        for path in batch:
          yield path, self._predict_one(path)

  def _predict_one(self, path: str) -> Prediction | str:
    try:
      return self._predict([_read(path)])[0]
    except OSError as e:
      return e.strerror or str(e)
    except self._tf.errors.OpError as e:
      # The message of our own inspection also says what to do about the file.
      problem = image_headers.inspect(path).problem
      if problem:
        return problem
      reason = (
        f'is not an image that can be decoded: {tensorflow_errors.reason(e)}'
      )
      return reason.removesuffix(f': {image_formats.NOT_AN_IMAGE}')

  def _predict(self, contents: Sequence[bytes]) -> list[Prediction]:
    outputs = self._signature(image_bytes=self._tf.constant(contents))
    classes = outputs['classes'].numpy().tolist()
    probabilities = outputs['probabilities'].numpy()
    return [
      Prediction(
        self.class_names[index] if self.class_names else str(index),
        float(row[index]),
      )
      for index, row in zip(classes, probabilities, strict=True)
    ]


def _read(path: str) -> bytes:
  # Reading a pipe would wait for ever.
  if not os.path.isfile(path):
    raise OSError(image_headers.inspect(path).problem)
  with open(path, 'rb') as f:
    return f.read()
