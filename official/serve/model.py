"""A SavedModel as a server sees it: signatures, and what they answer."""

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
_STATUS = '__saved_model_init_op'


class Signature:
  """One of the functions of a SavedModel.

  Attributes:
    name: of the signature.
    inputs: by name.
    can_batch: whether requests can be answered together: the first dimension
      of all inputs and outputs is any number of examples.
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
    """Computes the outputs.

    Raises:
      BadRequestError: the model cannot use these inputs.
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
  """A SavedModel.

  Args:
    export_dir: its folder; the number that is its name is the version, else 1.
    name: under which it is served.

  Attributes:
    name: the same.
    version: a whole number, as a string.
    signatures: by name.
    class_names: one a class; empty where the export does not tell.
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
    """By its name; the default one without.

    Raises:
      BadRequestError: there is none.
    """
    name = name or _DEFAULT
    if name not in self.signatures:
      raise BadRequestError(
        f'there is no signature {name!r:.80}, only '
        f'{", ".join(sorted(self.signatures))}'
      )
    return self.signatures[name]

  def warm_up(self) -> None:
    """Runs what takes numbers once, so that the first request is not slow."""
    for signature in self.signatures.values():
      inputs = signature.inputs.values()
      if all(one.dtype != object for one in inputs):
        shapes = {one.name: [n or 1 for n in one.shape] for one in inputs}
        signature({
          one.name: np.zeros(shapes[one.name], one.dtype) for one in inputs
        })

  def pixels(self) -> tuple[str, list[int]] | None:
    """The signature that takes uint8 images, and their height, width, channels.

    None where there is none.
    """
    for name in sorted(self.signatures, key=lambda key: key != _DEFAULT):
      inputs = list(self.signatures[name].inputs.values())
      one = inputs[0]
      if len(inputs) == 1 and one.dtype == np.uint8 and len(one.shape) == 4:
        return name, list(one.shape[1:])
    return None

  def encoded(self) -> str | None:
    """The signature that takes encoded images; None where there is none."""
    for name, signature in self.signatures.items():
      if set(signature.inputs) == {'image_bytes'}:
        return name
    return None

  def status(self) -> dict[str, Any]:
    """As TensorFlow Serving tells it."""
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
    """As TensorFlow Serving tells it."""
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
    if key != _STATUS
  }
