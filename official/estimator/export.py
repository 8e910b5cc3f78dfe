"""SavedModel export: serving input receivers and signatures."""

import contextlib
import logging
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from official.estimator import (
  checkpoints,
  export_directory,
  freezing,
  frozen_graphs,
)
from official.estimator.spec import DEFAULT_SERVING_SIGNATURE, ModeKeys
from official.estimator.variables import VariableStore

ReceiverFn = Callable[[], 'ServingInputReceiver']


class ServingInputReceiver:
  """The inputs of a signature and the features made of them.

  Args:
    features: what the model_fn gets: a dict of tensors, or one tensor, which
      is wrapped as `{'feature': tensor}`.
    receiver_tensors: placeholders by input name, or one, which is named
      `input`.
    receiver_tensors_alternatives: more such dicts of tensors that can be fed
      in place of the receiver tensors, by name.

  Raises:
    ValueError: a key is not a string or a value is not a tensor.
  """

  def __init__(
    self,
    features: Any,
    receiver_tensors: Any,
    receiver_tensors_alternatives: Mapping[str, Any] | None = None,
  ):
    self.features = _checked(features, 'feature')
    self.receiver_tensors = _checked(receiver_tensors, 'input')
    self.receiver_tensors_alternatives = {
      name: _checked(tensors, 'input')
      for name, tensors in (receiver_tensors_alternatives or {}).items()
    }


class TensorServingInputReceiver(ServingInputReceiver):
  """As `ServingInputReceiver`, but one tensor reaches the model_fn as it is.

  Raises:
    ValueError: `features` is a dict.
  """

  def __init__(
    self,
    features: tf.Tensor,
    receiver_tensors: Any,
    receiver_tensors_alternatives: Mapping[str, Any] | None = None,
  ):
    if isinstance(features, Mapping):
      raise ValueError('features must be one tensor, given a dict.')
    super().__init__(features, receiver_tensors, receiver_tensors_alternatives)
    self.features = features


def build_raw_serving_input_receiver_fn(
  features: Mapping[str, Any], default_batch_size: int | None = None
) -> ReceiverFn:
  """A receiver of the features themselves.

  Args:
    features: name to a tensor, or `tf.TensorSpec`, of the dtype and shape, the
      batch dimension included.
    default_batch_size: batch size of the placeholders; None for any.
  """

  def receiver_fn():
    placeholders = {
      name: tf.compat.v1.placeholder(
        spec.dtype, [default_batch_size, *spec.shape[1:]], name=name
      )
      for name, spec in features.items()
    }
    return ServingInputReceiver(dict(placeholders), placeholders)

  return receiver_fn


def build_tensor_serving_input_receiver_fn(
  shape: Any, dtype: tf.DType = tf.float32, batch_size: int | None = None
) -> ReceiverFn:
  """A receiver of one tensor [batch_size, *shape], input name `input`.

  Args:
    shape: of one example.
    dtype: of the tensor.
    batch_size: None for any (the original fixed it).
  """

  def receiver_fn():
    tensor = tf.compat.v1.placeholder(
      dtype, [batch_size, *shape], name='input_tensor'
    )
    return TensorServingInputReceiver(tensor, tensor)

  return receiver_fn


def build_parsing_serving_input_receiver_fn(
  feature_spec: Mapping[str, Any], default_batch_size: int | None = None
) -> ReceiverFn:
  """A receiver of serialized `tf.Example`s, string [N], named `examples`.

  Args:
    feature_spec: as for `tf.io.parse_example`.
    default_batch_size: batch size of the placeholder; None for any.
  """

  def receiver_fn():
    serialized = tf.compat.v1.placeholder(
      tf.string, [default_batch_size], name='input_example_tensor'
    )
    features = tf.io.parse_example(serialized, feature_spec)
    return ServingInputReceiver(features, {'examples': serialized})

  return receiver_fn


def export_saved_model(
  export_dir_base: str,
  model_fn: Callable[..., Any],
  receiver_fns: Any,
  checkpoint: str,
  assets_extra: Mapping[str, str],
  frozen: bool,
  finish_fn: Callable[[str], None] | None,
) -> str:
  """See `Estimator.export_saved_model`."""
  if not isinstance(receiver_fns, Mapping):
    receiver_fns = {'': receiver_fns}
  cores = _Cores(model_fn, frozen)
  for receiver_fn in receiver_fns.values():
    cores.trace(_features_of(receiver_fn))
  with cores.restored(checkpoint):
    cores.finish()
    module = tf.Module()
    if not frozen:
      # Under their names, so that a warm start finds them in the export.
      module.variables_by_name = cores.variables
    signatures = {}
    for name, receiver_fn in receiver_fns.items():
      found = _signatures(receiver_fn, cores)
      if name:
        found = {name: found[DEFAULT_SERVING_SIGNATURE]}
      signatures |= found
    with export_directory.new(export_dir_base) as directory:
      _save(
        module,
        directory.temporary,
        signatures,
        # What is frozen is not trained any further.
        tf.saved_model.SaveOptions(experimental_custom_gradients=not frozen),
      )
      for target, source in assets_extra.items():
        path = os.path.join(directory.temporary, 'assets.extra', target)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        shutil.copyfile(source, path)
      if finish_fn is not None:
        finish_fn(directory.temporary)
    return directory.final


def _save(module: tf.Module, *arguments: Any) -> None:
  # TensorFlow sets up the logging of the process in passing.
  root, absl = logging.getLogger(), logging.getLogger('absl')
  handlers, level = root.handlers[:], absl.level
  try:
    tf.saved_model.save(module, *arguments)
  except AssertionError as e:
    if 'untracked' not in str(e):
      raise
    raise ValueError(
      'model_fn uses a resource that is no variable, such as a lookup table, '
      'which cannot be exported. Look the values up in the input_fn, or in the '
      'program that asks the export.'
    ) from e
  finally:
    root.handlers[:] = handlers
    absl.setLevel(level)


class _Cores:
  """The model_fn from features to outputs, once for each kind of features.

  All signatures call the same function, so that it is in the export once.

  Args:
    model_fn: `(features, labels, mode) -> EstimatorSpec`.
    frozen: whether the variables become constants.

  Attributes:
    variables: name to variable. They are of their own: plain ones, whatever
      strategy trained them, and any checkpoint may be exported in the middle
      of training.
  """

  def __init__(self, model_fn: Callable[..., Any], frozen: bool):
    self._model_fn = model_fn
    self._frozen = frozen
    self._store = VariableStore()
    self._traced: dict[str, tuple[Any, list, list]] = {}
    self._functions: dict[str, Any] = {}
    self._names: list[tuple[str, str]] = []  # Of an output and its tensor.

  @property
  def variables(self) -> dict[str, tf.Variable]:
    return self._store.variables

  def trace(self, features: Any) -> None:
    """Builds the function for features like these."""
    specs = _specs_of(features)
    if _key_of(specs) in self._traced:
      return
    built = []

    def build(*flat):
      if self._frozen:
        frozen_graphs.mark(tf.compat.v1.get_default_graph())
      features = tf.nest.pack_sequence_as(specs, flat, expand_composites=True)
      with self._store.trace(), self._store.scope():
        spec = self._model_fn(features, None, ModeKeys.PREDICT)
      outputs = {
        (name, key): tensor
        for name, output in spec.export_outputs.items()
        for key, tensor in output.outputs.items()
      }
      built.extend([flat, list(outputs.values())])
      self._names = list(outputs)

    flat = tf.nest.flatten(specs, expand_composites=True)
    graph = tf.compat.v1.wrap_function(build, flat)
    self._store.adopt(graph.graph.variables)
    self._traced[_key_of(specs)] = graph, *built

  @contextlib.contextmanager
  def restored(self, checkpoint: str) -> Iterator[None]:
    """Within it the variables have the values of a checkpoint.

    Those that were made outside model_fn have their own again afterwards.
    """
    outside = [self.variables[name] for name in self._store.use.names]
    theirs = [variable.numpy() for variable in outside]
    try:
      checkpoints.restore(checkpoint, self.variables)
      yield
    finally:
      for variable, value in zip(outside, theirs, strict=True):
        variable.assign(value)

  def finish(self) -> None:
    """After the variables have their values; then the cores can be called."""
    for key, traced in self._traced.items():
      graph, inputs, outputs = traced
      self._functions[key] = (
        freezing.freeze(*traced)
        if self._frozen
        else graph.prune(inputs, outputs)
      )

  def __call__(self, features: Any) -> dict[str, dict[str, tf.Tensor]]:
    """The tensors of each export output."""
    function = self._functions[_key_of(_specs_of(features))]
    flat = tf.nest.flatten(features, expand_composites=True)
    results: dict[str, dict[str, tf.Tensor]] = {}
    for (name, key), tensor in zip(self._names, function(*flat), strict=True):
      results.setdefault(name, {})[key] = tensor
    return results


def _features_of(receiver_fn: ReceiverFn) -> Any:
  with tf.Graph().as_default():
    return receiver_fn().features


def _specs_of(features: Any) -> Any:
  return tf.nest.map_structure(tf.type_spec_from_value, features)


def _key_of(specs: Any) -> str:
  return repr(specs)


def _signatures(receiver_fn: ReceiverFn, cores: _Cores) -> dict[str, Any]:
  """Signature name to concrete function, for one receiver."""
  traced: dict[str, Any] = {}

  def build():
    receiver = receiver_fn()
    traced.update(receiver=receiver, outputs=cores(receiver.features))

  graph = tf.compat.v1.wrap_function(build, [])
  receiver = traced['receiver']
  inputs = {'': receiver.receiver_tensors}
  inputs |= receiver.receiver_tensors_alternatives
  return {
    f'{receiver_name}:{name}' if receiver_name else name: _signature(
      graph, tensors, outputs
    )
    for receiver_name, tensors in inputs.items()
    for name, outputs in traced['outputs'].items()
  }


def _signature(graph: Any, tensors: Any, outputs: Any) -> Any:
  """A function of named tensors that computes the outputs from them."""
  names = sorted(tensors)
  pruned = graph.prune([tensors[name] for name in names], outputs)

  def serve(**kwargs):
    return pruned(*(kwargs[name] for name in names))

  specs = {
    name: tf.TensorSpec(tensors[name].shape, tensors[name].dtype, name)
    for name in names
  }
  function = tf.function(serve, autograph=False)
  return function.get_concrete_function(**specs)


def _checked(tensors: Any, default_name: str) -> dict[str, Any]:
  if not isinstance(tensors, Mapping):
    tensors = {default_name: tensors}
  for name, tensor in tensors.items():
    if not isinstance(name, str):
      raise ValueError(f'{default_name} keys must be strings: {name!r}.')
    if not tf.is_tensor(tensor):
      raise ValueError(f'{default_name} {name} must be a Tensor: {tensor!r}.')
  return dict(tensors)
