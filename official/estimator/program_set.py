"""The programs of an Estimator: one for each mode and type of iterator."""

from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from official.estimator.eval_program import EvalProgram
from official.estimator.programs import ModelFn, PredictProgram, Program
from official.estimator.spec import ModeKeys
from official.estimator.train_program import TrainProgram
from official.estimator.variables import VariableStore


class ProgramSet:
  """Makes programs when they are first asked for, and keeps them.

  Args:
    model_fn: see `Program`.
    store: see `Program`.
    steps_per_loop: of training, in one call.
    jit_compile: see `Program`.
  """

  def __init__(
    self,
    model_fn: ModelFn,
    store: VariableStore,
    *,
    steps_per_loop: int,
    jit_compile: bool,
  ):
    self._model_fn = model_fn
    self._store = store
    self._steps_per_loop = steps_per_loop
    self._compile = jit_compile
    self._programs: dict[str, list[tuple[Any, frozenset, Program]]] = {}

  def get(self, mode: str, iterator: Any, fetches: Iterable[str] = ()) -> Any:
    """The program of a mode for iterators like this one.

    Args:
      mode: one of `ModeKeys`.
      iterator: of a dataset, distributed or not.
      fetches: what training returns; a program that returns more will do.
    """
    element = tf.type_spec_from_value(iterator)
    fetches = frozenset(fetches)
    made = self._programs.setdefault(mode, [])
    for its_element, its_fetches, program in made:
      if its_element == element and fetches <= its_fetches:
        return program
    program = self._new(mode, fetches)
    made.append((element, fetches, program))
    return program

  def graph(self, mode: str) -> tf.Graph | None:
    """That of the model_fn in a mode; None before it was traced."""
    programs = (program for *_, program in self._programs.get(mode, []))
    return next((program.graph for program in programs), None)

  def trace_counts(self) -> dict[str, int]:
    """How often each mode was traced."""
    return {
      mode: sum(program.traces for *_, program in made)
      for mode, made in self._programs.items()
    }

  def _new(self, mode: str, fetches: frozenset) -> Program:
    arguments = self._model_fn, self._store
    if mode == ModeKeys.PREDICT:
      return PredictProgram(mode, *arguments, jit_compile=self._compile)
    if mode == ModeKeys.EVAL:
      return EvalProgram(*arguments, jit_compile=self._compile)
    return TrainProgram(
      *arguments,
      fetches=fetches,
      in_graph_loop=self._steps_per_loop > 1,
      jit_compile=self._compile,
    )
