"""SavedModel export: a checkpoint with its signatures, in a new directory."""

import logging
import os
import shutil
from collections.abc import Callable, Mapping

import tensorflow as tf

from official.estimator import export_directory
from official.estimator.annotations import Nest
from official.estimator.exported_model import ExportedModel, Outputs
from official.estimator.programs import ModelFn
from official.estimator.receivers import (
  ReceiverFn,
  ReceiverFns,
  ServingInputReceiver,
)
from official.estimator.spec import DEFAULT_SERVING_SIGNATURE


def export_saved_model(
  export_dir_base: str,
  model_fn: ModelFn,
  receiver_fns: ReceiverFns,
  checkpoint: str,
  assets_extra: Mapping[str, str],
  frozen: bool,
  finish_fn: Callable[[str], None] | None,
) -> str:
  """See `Estimator.export_saved_model`."""
  if not isinstance(receiver_fns, Mapping):
    receiver_fns = {'': receiver_fns}
  features = [_features_of(receiver) for receiver in receiver_fns.values()]
  model = ExportedModel(model_fn, features, frozen)
  with model.restored(checkpoint):
    function = model.functions()
    signatures = _signatures_of_all(receiver_fns, function)
    module = tf.Module()
    if not frozen:
      # The variables are stored under their names, so that a warm start finds
      # them in the export.
      module.variables_by_name = model.variables
    with export_directory.new(export_dir_base) as directory:
      # A frozen model is not trained any further, so it needs no gradients.
      options = tf.saved_model.SaveOptions(
        experimental_custom_gradients=not frozen
      )
      _save(module, directory.temporary, signatures, options)
      _copy_assets(assets_extra, directory.temporary)
      if finish_fn is not None:
        finish_fn(directory.temporary)
    return directory.final


def _save(
  module: tf.Module,
  directory: str,
  signatures: Mapping[str, tf.types.experimental.ConcreteFunction],
  options: tf.saved_model.SaveOptions,
) -> None:
  # TensorFlow also changes the logging of the process, which is restored.
  root, absl = logging.getLogger(), logging.getLogger('absl')
  handlers, level = root.handlers[:], absl.level
  try:
    tf.saved_model.save(module, directory, signatures, options)
  except AssertionError as e:
    if 'untracked' not in str(e):
      raise
    raise ValueError(
      'model_fn uses a resource that is not a variable, such as a lookup '
      'table, which cannot be exported. Look the values up in the input_fn, or '
      'in the program that calls the exported model.'
    ) from e
  finally:
    root.handlers[:] = handlers
    absl.setLevel(level)


def _copy_assets(assets_extra: Mapping[str, str], directory: str) -> None:
  for target, source in assets_extra.items():
    path = os.path.join(directory, 'assets.extra', target)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copyfile(source, path)


def _features_of(receiver_fn: ReceiverFn) -> Nest:
  with tf.Graph().as_default():
    return receiver_fn().features


def _signatures_of_all(
  receiver_fns: Mapping[str, ReceiverFn], model: Callable[[Nest], Outputs]
) -> dict[str, tf.types.experimental.ConcreteFunction]:
  """The signatures of all receivers, by name.

  The receiver named `''` has one signature for each export output. Any other
  receiver has one signature, under its own name, with the default output.
  """
  signatures: dict[str, tf.types.experimental.ConcreteFunction] = {}
  for name, receiver_fn in receiver_fns.items():
    of_receiver = _signatures(receiver_fn, model)
    if name:
      signatures[name] = of_receiver[DEFAULT_SERVING_SIGNATURE]
    else:
      signatures |= of_receiver
  return signatures


def _signatures(
  receiver_fn: ReceiverFn, model: Callable[[Nest], Outputs]
) -> dict[str, tf.types.experimental.ConcreteFunction]:
  """The signatures of one receiver: for each set of inputs and each output."""
  receivers: list[ServingInputReceiver] = []
  outputs: Outputs = {}

  def build() -> None:
    receiver = receiver_fn()
    receivers.append(receiver)
    outputs.update(model(receiver.features))

  graph = tf.compat.v1.wrap_function(build, [])
  (receiver,) = receivers
  inputs = {'': receiver.receiver_tensors}
  inputs |= receiver.receiver_tensors_alternatives
  return {
    f'{alternative}:{name}' if alternative else name: _signature(
      graph, tensors, of_name
    )
    for alternative, tensors in inputs.items()
    for name, of_name in outputs.items()
  }


def _signature(
  graph: tf.types.experimental.ConcreteFunction,
  inputs: Mapping[str, tf.Tensor],
  outputs: Mapping[str, tf.Tensor],
) -> tf.types.experimental.ConcreteFunction:
  """A function from named tensors to the outputs computed from them.

  Args:
    graph: The `wrap_function` whose graph has all these tensors.
    inputs: The tensors to feed, by name.
    outputs: The tensors to return, by name.
  """
  names = sorted(inputs)
  pruned = graph.prune([inputs[name] for name in names], outputs)

  def serve(**kwargs: tf.Tensor) -> dict[str, tf.Tensor]:
    return pruned(*(kwargs[name] for name in names))

  specs = {
    name: tf.TensorSpec(inputs[name].shape, inputs[name].dtype, name)
    for name in names
  }
  function = tf.function(serve, autograph=False)
  return function.get_concrete_function(**specs)
