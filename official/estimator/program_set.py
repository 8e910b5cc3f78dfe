"""The programs of an Estimator: one for each mode and type of iterator."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

import tensorflow as tf

from official.estimator import random_seeds
from official.estimator.annotations import DatasetIterator
from official.estimator.eval_program import EvalProgram
from official.estimator.programs import ModelFn, PredictProgram, Program
from official.estimator.run_config import RunConfig
from official.estimator.spec import ModeKeys
from official.estimator.train_program import TrainProgram
from official.estimator.variables import VariableStore

_AnyProgram = TypeVar('_AnyProgram', bound=Program)


class ProgramSet:
  """Traces a program when it is first needed, and keeps it.

  Args:
    model_fn: See `Program`.
    store: See `Program`.
    config: The `RunConfig` with `tf_random_seed`, `steps_per_loop` and
      `jit_compile`.
  """

  def __init__(
    self, model_fn: ModelFn, store: VariableStore, config: RunConfig
  ):
    self._model_fn = model_fn
    self._store = store
    self._config = config
    self._training: list[TrainProgram] = []
    self._evaluation: list[EvalProgram] = []
    self._prediction: list[PredictProgram] = []

  def for_training(
    self, iterator: DatasetIterator, fetches: Iterable[str] = ()
  ) -> TrainProgram:
    """A program that trains on the batches of an iterator.

    Args:
      iterator: An iterator of a dataset, distributed or not.
      fetches: Names of the tensors that hooks need; a program that returns more
        tensors is used too.
    """
    fetches = frozenset(fetches)
    for program in self._training:
      if program.is_for(iterator) and fetches <= program.fetches:
        return program
    program = TrainProgram(
      self._model_fn,
      self._store,
      fetches=fetches,
      in_graph_loop=self._config.steps_per_loop > 1,
      jit_compile=self._config.jit_compile,
    )
    return self._add(program, self._training, iterator)

  def for_evaluation(self, iterator: DatasetIterator) -> EvalProgram:
    """A program that evaluates the batches of an iterator."""
    for program in self._evaluation:
      if program.is_for(iterator):
        return program
    program = EvalProgram(
      self._model_fn, self._store, jit_compile=self._config.jit_compile
    )
    return self._add(program, self._evaluation, iterator)

  def for_prediction(self, iterator: DatasetIterator) -> PredictProgram:
    """A program that predicts from the batches of an iterator."""
    for program in self._prediction:
      if program.is_for(iterator):
        return program
    program = PredictProgram(self._model_fn, self._store)
    return self._add(program, self._prediction, iterator)

  def graph(self, mode: str) -> tf.Graph | None:
    """The graph of the model_fn in a mode; None before it was traced."""
    programs = self._by_mode().get(mode)
    return programs[0].graph if programs else None

  def trace_counts(self) -> dict[str, int]:
    """The number of traces of each mode; modes without one are left out."""
    return {
      m: len(programs) for m, programs in self._by_mode().items() if programs
    }

  def _by_mode(self) -> dict[str, Sequence[Program]]:
    return {
      ModeKeys.TRAIN: self._training,
      ModeKeys.EVAL: self._evaluation,
      ModeKeys.PREDICT: self._prediction,
    }

  def _add(
    self,
    program: _AnyProgram,
    programs: list[_AnyProgram],
    iterator: DatasetIterator,
  ) -> _AnyProgram:
    # tf.estimator gave its graph the seed: ops without one of their own use it.
    with random_seeds.of_tensorflow(self._config.tf_random_seed):
      program.trace(iterator)
    programs.append(program)
    return program
