"""A SavedModel that is served: its signatures, status and metadata."""

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.protobuf import saved_model_pb2

from official import tensorflow_errors
from official.export import folders as export_folders
from official.serve.tensors import BadRequestError, Input

_DEFAULT = 'serving_default'
_INITIALIZER = '__saved_model_init_op'  # a signature that is not a function


class Signature:
  """One of the functions of a SavedModel.

  Args:
    name: The name of the signature.
    function: The function that TensorFlow has loaded.

  Attributes:
    name: The name of the signature.
    inputs: The inputs by their names.
    can_batch: Whether several requests can be computed together, because the
      first dimension of all inputs and outputs is any number of examples.
  """

  def __init__(self, name: str, function: Any):
    self.name = name
    self._function = function
    specs = function.structured_input_signature[1]
    self.inputs = {
      key: Input(key, spec.shape.as_list(), _dtype(spec.dtype))
      for key, spec in specs.items()
    }
    shapes = [spec.shape for spec in specs.values()]
    shapes += [tensor.shape for tensor in function.structured_outputs.values()]
    self.can_batch = all(shape.rank and shape[0] is None for shape in shapes)

  def __call__(self, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Computes the outputs by their names.

    Args:
      arrays: The inputs by their names, as `Input.array` makes them.

    Raises:
      BadRequestError: The model cannot use these inputs.
    """
    try:
      outputs = self._function(**{
        key: tf.constant(array, tf.string)
        if array.dtype == object
        else tf.constant(array)
        for key, array in arrays.items()
      })
    except tf.errors.InvalidArgumentError as e:
      raise BadRequestError(
        f'the model cannot use it: {tensorflow_errors.reason(e)}'
      ) from e
    return {key: tensor.numpy() for key, tensor in outputs.items()}


class ServedModel:
  """A SavedModel that is served.

  Args:
    export_dir: The folder of the SavedModel. If its name is a number, this is
      the version; otherwise the version is 1.
    name: The name under which it is served.

  Attributes:
    name: The given name.
    version: A whole number, as a string.
    signatures: The signatures by their names.
    class_names: The names of the classes; empty where the export has none.
  """

  def __init__(self, export_dir: str, name: str):
    self.name = name
    base = os.path.basename(os.path.abspath(export_dir))
    self.version = base if base.isdecimal() else '1'
    self._loaded = export_folders.load(export_dir)
    self.signatures = {
      key: Signature(key, function)
      for key, function in self._loaded.signatures.items()
    }
    self._definitions = _definitions(export_dir)
    self.class_names = export_folders.class_names(export_dir)

  def signature(self, name: str | None) -> Signature:
    """The signature with this name; the default one for None or ''.

    Raises:
      BadRequestError: There is no such signature.
    """
    name = name or _DEFAULT
    if name not in self.signatures:
      raise BadRequestError(
        f'there is no signature {name!r:.80}, only '
        f'{", ".join(sorted(self.signatures))}'
      )
    return self.signatures[name]

  def warm_up(self) -> None:
    """Runs each signature of numbers once, so the first request is not slow.

    Signatures of encoded images are left out, because zeros are not an image.
    """
    for signature in self.signatures.values():
      inputs = signature.inputs.values()
      if all(spec.dtype != object for spec in inputs):
        signature({
          spec.name: np.zeros([size or 1 for size in spec.shape], spec.dtype)
          for spec in inputs
        })

  def pixels(self) -> tuple[str, list[int | None]] | None:
    """The signature that takes uint8 images, with height, width and channels.

    A size is None where any size is accepted; the result is None without such a
    signature.
    """
    for name in sorted(self.signatures, key=lambda key: key != _DEFAULT):
      inputs = list(self.signatures[name].inputs.values())
      spec = inputs[0]
      if len(inputs) == 1 and spec.dtype == np.uint8 and len(spec.shape) == 4:
        return name, list(spec.shape[1:])
    return None

  def encoded(self) -> str | None:
    """The signature that takes encoded images; None where there is none."""
    for name, signature in self.signatures.items():
      if set(signature.inputs) == {'image_bytes'}:
        return name
    return None

  def status(self) -> dict[str, Any]:
    """The status of the model, as TensorFlow Serving reports it."""
    return {
      'model_version_status': [
        {
          'version': self.version,
          'state': 'AVAILABLE',
          'status': {'error_code': 'OK', 'error_message': ''},
        }
      ]
    }

  def metadata(self) -> dict[str, Any]:
    """The signatures of the model, as TensorFlow Serving reports them."""
    return {
      'model_spec': {
        'name': self.name,
        'signature_name': '',
        'version': self.version,
      },
      'metadata': {'signature_def': {'signature_def': self._definitions}},
    }


def _dtype(dtype: tf.DType) -> Any:
  return object if dtype == tf.string else dtype.as_numpy_dtype


def _definitions(export_dir: str) -> dict[str, Any]:
  """The `SignatureDef`s of a SavedModel, as JSON."""
  content = saved_model_pb2.SavedModel()
  with open(os.path.join(export_dir, 'saved_model.pb'), 'rb') as f:
    content.ParseFromString(f.read())
  return {
    key: json_format.MessageToDict(
      definition,
      preserving_proto_field_name=True,
      always_print_fields_with_no_presence=True,
    )
    for key, definition in content.meta_graphs[0].signature_def.items()
    if key != _INITIALIZER
  }
