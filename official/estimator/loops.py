"""The loops that run a program repeatedly, with hooks around each turn."""

import collections
import contextlib
import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import tensorflow as tf

from official.estimator import interrupts
from official.estimator.agreement import Agreement
from official.estimator.annotations import DatasetIterator
from official.estimator.hooks.base import EstimatorCall, Hook
from official.estimator.train_program import TrainProgram, is_uneven

logger = logging.getLogger(__name__)

_Result = TypeVar('_Result')

_UNEVEN = (
  'The data ended after step %d: what is left does not give every replica a '
  'batch, so it is left out. Repeat the dataset, or give it a number of '
  'batches that the replicas divide.'
)


class TrainingLoop:
  """Trains until the last step, the end of the data or a hook's request.

  Args:
    program: The program that runs the steps.
    iterator: An iterator of the training data.
    call: The call of `train`; hooks read it and may ask it to stop.
    hooks: Hooks that are called around each turn, in this order.
    global_step: The variable to which every step adds 1.
    agreement: Decisions together with the other workers of the cluster.
  """

  def __init__(
    self,
    program: TrainProgram,
    iterator: DatasetIterator,
    call: EstimatorCall,
    hooks: Sequence[Hook],
    global_step: tf.Variable,
    agreement: Agreement,
  ):
    self._program = program
    self._iterator = iterator
    self._call = call
    self._hooks = hooks
    self._global_step = global_step
    self._agreement = agreement

  def run(self) -> None:
    """Runs the turns.

    Raises:
      ValueError: There was no batch, or a step did not add 1 to global_step.
      WorkerLostError: Another worker of the cluster has ended.
      StoppedElsewhere: Another worker of the cluster got a signal.
    """
    with around(self._hooks, self._call):
      interrupted = self._run_turns()
      if self._agreement.is_shared and interrupted:
        raise interrupts.StoppedElsewhere
      if self._call.global_step == self._call.first_step and self._is_going():
        raise ValueError(
          'Training had no batch: the dataset of its input_fn is empty.'
        )

  def _run_turns(self) -> bool:
    """Runs turns to the end; returns whether a signal ended them."""
    # A worker that stopped at its own signal would leave the others waiting in
    # their next collective op. So a signal is only noted, and all workers learn
    # of it in the same turn. A single process has no others to wait for.
    noted: contextlib.AbstractContextManager[list[int]] = (
      interrupts.deferred()
      if self._agreement.is_shared
      else contextlib.nullcontext([])
    )
    call = self._call
    with noted as signals:
      while self._is_going():
        stop, interrupted, steps = self._agreement.turn(
          call.stop_requested, bool(signals), call.steps_per_loop
        )
        if stop or interrupted:
          return interrupted
        if call.last_step is not None:
          steps = min(steps, call.last_step - call.global_step)
        # A signal between a step and its hooks would leave a step that is in
        # the variables but not in metrics.jsonl.
        with interrupts.deferred(), self._agreement.guard():
          if not self._run_turn(steps):
            break
    return False

  def _run_turn(self, steps: int) -> bool:
    """Runs steps with the hooks around them; False if the data ended."""
    call = self._call
    _before_run(self._hooks, call)
    try:
      rows = self._program.train(self._iterator, steps)
    except tf.errors.OutOfRangeError:
      # Steps of this turn before the end of the data have had their effect.
      call.global_step = self._steps_done()
      return False
    except tf.errors.InvalidArgumentError as e:
      if not is_uneven(e):
        raise
      call.global_step = self._steps_done()
      logger.warning(_UNEVEN, call.global_step)
      return False
    is_first = call.global_step == call.first_step
    call.advance(steps, self._program.names, rows)
    # Reading the variable waits for the device, so only the first turn does it.
    if is_first:
      _check_global_step(call, self._steps_done())
    for hook in self._hooks:
      hook.after_run(call)
    return True

  def _is_going(self) -> bool:
    last = self._call.last_step
    return last is None or self._call.global_step < last

  def _steps_done(self) -> int:
    return int(self._global_step.numpy())


def batches(
  run_batch: Callable[[DatasetIterator], _Result],
  iterator: DatasetIterator,
  call: EstimatorCall,
  hooks: Sequence[Hook],
  limit: int | None = None,
) -> Iterator[_Result]:
  """Yields the result of evaluation or prediction for each batch.

  Args:
    run_batch: Function that runs the next batch of an iterator; it raises
      `tf.errors.OutOfRangeError` if there is none.
    iterator: An iterator of the data.
    call: The call of `evaluate` or `predict`.
    hooks: Hooks that are called around each batch, in this order.
    limit: Number of batches at most; None for all.
  """
  with around(hooks, call):
    done = 0
    while not call.stop_requested and done != limit:
      _before_run(hooks, call)
      try:
        result = run_batch(iterator)
      except tf.errors.OutOfRangeError:
        break
      done += 1
      for hook in hooks:
        hook.after_run(call)
      yield result


def last_batch(
  run_batch: Callable[[DatasetIterator], _Result],
  iterator: DatasetIterator,
  call: EstimatorCall,
  hooks: Sequence[Hook],
  limit: int | None = None,
) -> _Result:
  """Runs an evaluation; returns the result of the last batch; see `batches`.

  Raises:
    ValueError: There was no batch.
  """
  last = collections.deque(
    batches(run_batch, iterator, call, hooks, limit), maxlen=1
  )
  if last:
    return last[0]
  if call.stop_requested:
    raise ValueError('A hook stopped the evaluation before its first batch.')
  raise ValueError(
    'Evaluation had no batch: the dataset of its input_fn is empty.'
  )


@contextlib.contextmanager
def around(hooks: Sequence[Hook], call: EstimatorCall) -> Iterator[None]:
  """Calls `begin`, and then `end` or `abort`, of every hook."""
  begun: list[Hook] = []
  try:
    for hook in hooks:
      begun.append(hook)
      hook.begin(call)
    # A caller that stops reading predictions early has not failed.
    with contextlib.suppress(GeneratorExit):
      yield
    for hook in hooks:
      hook.end(call)
  except BaseException as e:
    for hook in begun:
      hook.abort(call, e)
    raise


def _before_run(hooks: Sequence[Hook], call: EstimatorCall) -> None:
  for hook in hooks:
    # Hooks of tf.estimator returned what the session had to fetch.
    result: object = hook.before_run(call)  # type: ignore[func-returns-value]
    if result is not None:
      raise TypeError(
        f'{type(hook).__name__}.before_run returned something, which nothing '
        'would use: there is no session to run it. Name the tensors in '
        'Hook.tensors and read run.values in after_run.'
      )


def _check_global_step(call: EstimatorCall, step: int) -> None:
  if step != call.global_step:
    raise ValueError(
      f'train_op moved global_step from {call.first_step} to {step}, expected '
      f'{call.global_step}: each step must add 1. Optimizers of TensorFlow '
      'need minimize(loss, '
      'global_step=tf.compat.v1.train.get_global_step()).'
    )
