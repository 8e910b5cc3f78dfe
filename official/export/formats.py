"""TFLite and ONNX files beside a SavedModel, each checked against it."""

import importlib.util
import math
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from official import cli
from official.errors import UsageError
from official.estimator import files
from official.export import folders as export_folders

_REQUIREMENTS = 'requirements-export.txt'
_TOLERANCE = 1e-4  # The greatest difference of a probability.
_BATCH_SIZES = (1, 4)  # The check predicts one image, and several.
_OPSET = 18  # ONNX's version of 2023, which its runtimes know.

# uint8 [N, H, W, C] -> the outputs by name.
Predict = Callable[[np.ndarray], dict[str, np.ndarray]]


def check_installed(formats: Sequence[str]) -> None:
  """Checks that the packages of each format are installed, before any work.

  Raises:
    UsageError: A package is missing.
  """
  for name in formats:
    _, packages = _FORMATS[name]
    missing = [p for p in packages if importlib.util.find_spec(p) is None]
    if missing:
      raise UsageError(
        f'--export_formats {name} needs the package {missing[0]}: '
        f'pip install -r {_REQUIREMENTS}'
      )


def add(
  export_dir: str, formats: Sequence[str], image_shape: Sequence[int]
) -> None:
  """Writes `assets.extra/model.tflite` and `assets.extra/model.onnx`.

  Both take `input`, uint8 [N, H, W, C] for any N, and return `classes`,
  int64 [N], and `probabilities`, float32 [N, num_classes].

  Args:
    export_dir: A SavedModel with a signature that takes pixels.
    formats: Some of `'tflite'` and `'onnx'`; none does nothing.
    image_shape: Height, width and channels of the images.

  Raises:
    UsageError: A conversion fails, or its result predicts other probabilities.
  """
  if not formats:
    return
  signatures = export_folders.load(export_dir).signatures
  key = next(k for k in signatures if k in ('predict', 'pixels'))

  def serve(images: np.ndarray) -> dict[str, np.ndarray]:
    outputs = signatures[key](input=tf.constant(images))
    return {name: tensor.numpy() for name, tensor in outputs.items()}

  folder = os.path.join(export_dir, 'assets.extra')
  os.makedirs(folder, exist_ok=True)
  for name in formats:
    with cli.quiet_stderr():  # The converters print a lot.
      content, predict = _convert(name, export_dir, key, image_shape)
      difference = _largest_difference(predict, serve, image_shape)
    if not difference <= _TOLERANCE:
      raise UsageError(
        f'--export_formats {name}: a probability differs by {difference:.2g} '
        f'from that of the SavedModel; at most {_TOLERANCE:g} is allowed'
      )
    with open(os.path.join(folder, f'model.{name}'), 'wb') as f:
      f.write(content)


def _convert(
  name: str, export_dir: str, key: str, image_shape: Sequence[int]
) -> tuple[bytes, Predict]:
  convert, _ = _FORMATS[name]
  try:
    return convert(export_dir, key, image_shape)
  except Exception as e:  # Converters raise exceptions of all kinds.
    reason = str(e).strip().splitlines() or [type(e).__name__]
    raise UsageError(f'--export_formats {name} failed: {reason[0]}') from e


def _largest_difference(
  predict: Predict, serve: Predict, image_shape: Sequence[int]
) -> float:
  """The largest difference of a probability, for random images.

  It is infinite where the classes have another shape.
  """
  random = np.random.RandomState(0)
  differences = []
  for batch_size in _BATCH_SIZES:
    images = random.randint(0, 256, [batch_size, *image_shape]).astype(np.uint8)
    outputs, expected = predict(images), serve(images)
    if outputs['classes'].shape != expected['classes'].shape:
      return math.inf
    gap = np.abs(outputs['probabilities'] - expected['probabilities'])
    differences.append(float(gap.max()))
  return max(differences)


def _tflite(
  export_dir: str, key: str, image_shape: Sequence[int]
) -> tuple[bytes, Predict]:
  from ai_edge_litert import interpreter

  del image_shape
  with files.plainly_named(export_dir) as directory:
    content = tf.lite.TFLiteConverter.from_saved_model(
      directory, signature_keys=[key]
    ).convert()
  model = interpreter.Interpreter(model_content=content)
  runner = model.get_signature_runner(key)
  return content, lambda images: runner(input=images)


def _onnx(
  export_dir: str, key: str, image_shape: Sequence[int]
) -> tuple[bytes, Predict]:
  import onnxruntime
  import tf2onnx

  signature = export_folders.load(export_dir).signatures[key]
  model, _ = tf2onnx.convert.from_function(
    tf.function(lambda input: signature(input=input), autograph=False),
    [tf.TensorSpec([None, *image_shape], tf.uint8, 'input')],
    opset=_OPSET,
  )
  content = model.SerializeToString()
  session = onnxruntime.InferenceSession(content)
  names = [output.name for output in session.get_outputs()]

  def predict(images: np.ndarray) -> dict[str, np.ndarray]:
    return dict(zip(names, session.run(names, {'input': images}), strict=True))

  return content, predict


# Name -> the function that converts, and the packages that it needs.
_FORMATS = {
  'tflite': (_tflite, ['ai_edge_litert']),
  'onnx': (_onnx, ['tf2onnx', 'onnxruntime']),
}
