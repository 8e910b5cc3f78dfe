"""The model of an export: functions that all of its signatures share."""

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence

import tensorflow as tf

from official.estimator import checkpoints, freezing, frozen_graphs
from official.estimator.annotations import Nest
from official.estimator.programs import ModelFn
from official.estimator.spec import ModeKeys
from official.estimator.variables import VariableStore

# Tensors by the name of an export output and the name of the tensor in it.
Outputs = dict[str, dict[str, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class _TracedModel:
  """The model_fn, traced for one kind of features.

  Attributes:
    function: The `wrap_function` that holds the graph.
    inputs: The flat tensors of the features.
    outputs: The tensors of the export outputs.
    names: For each of these tensors, the name of its export output and its own.
  """

  function: tf.types.experimental.ConcreteFunction
  inputs: Sequence[tf.Tensor]
  outputs: Sequence[tf.Tensor]
  names: Sequence[tuple[str, str]]


class ExportedModel:
  """The model_fn, from features to outputs, traced once for each kind of them.

  Kinds of features differ in structure, dtypes or shapes. All signatures call
  the same functions, so that the export has the model only once.

  Args:
    model_fn: Function `(features, labels, mode) -> EstimatorSpec`.
    features: The features that each receiver makes of its inputs.
    frozen: Whether the values of the variables become constants.
  """

  def __init__(self, model_fn: ModelFn, features: Iterable[Nest], frozen: bool):
    self._model_fn = model_fn
    self._frozen = frozen
    # The export has plain variables of its own, whatever strategy trained the
    # model, so that any checkpoint may be exported in the middle of training.
    self._store = VariableStore()
    self._traced: dict[str, _TracedModel] = {}
    for structure in features:
      specs = tf.nest.map_structure(tf.type_spec_from_value, structure)
      if repr(specs) not in self._traced:
        self._traced[repr(specs)] = self._trace(specs)

  @property
  def variables(self) -> dict[str, tf.Variable]:
    """The variables by name."""
    return self._store.variables

  @contextlib.contextmanager
  def restored(self, checkpoint: str) -> Iterator[None]:
    """Within it the variables have the values of a checkpoint.

    Afterwards variables made outside model_fn have their own values again.
    """
    outside = [self.variables[name] for name in self._store.use.names]
    values = [variable.numpy() for variable in outside]
    try:
      checkpoints.restore(checkpoint, self.variables)
      yield
    finally:
      for variable, value in zip(outside, values, strict=True):
        variable.assign(value)

  def functions(self) -> Callable[[Nest], Outputs]:
    """A function from features to the tensors of each export output.

    If the model is frozen, its constants are the present values of the
    variables, so it must be called within `restored`.
    """
    functions = {
      key: freezing.freeze(traced.function, traced.inputs, traced.outputs)
      if self._frozen
      else traced.function.prune(traced.inputs, traced.outputs)
      for key, traced in self._traced.items()
    }

    def call(features: Nest) -> Outputs:
      key = repr(tf.nest.map_structure(tf.type_spec_from_value, features))
      flat = tf.nest.flatten(features, expand_composites=True)
      outputs: Outputs = {}
      tensors = zip(self._traced[key].names, functions[key](*flat), strict=True)
      for (output, name), tensor in tensors:
        outputs.setdefault(output, {})[name] = tensor
      return outputs

    return call

  def _trace(self, specs: Nest) -> _TracedModel:
    """Traces the model_fn for features with these specs."""
    inputs: list[tf.Tensor] = []
    outputs: dict[tuple[str, str], tf.Tensor] = {}

    def build(*flat: tf.Tensor) -> None:
      if self._frozen:
        frozen_graphs.mark(tf.compat.v1.get_default_graph())
      features = tf.nest.pack_sequence_as(specs, flat, expand_composites=True)
      with self._store.trace(), self._store.scope():
        spec = self._model_fn(features, None, ModeKeys.PREDICT)
      inputs.extend(flat)
      for name, output in (spec.export_outputs or {}).items():
        for key, tensor in output.outputs.items():
          outputs[name, key] = tensor

    flat = tf.nest.flatten(specs, expand_composites=True)
    function = tf.compat.v1.wrap_function(build, flat)
    self._store.adopt(function.graph.variables)
    return _TracedModel(function, inputs, list(outputs.values()), list(outputs))
