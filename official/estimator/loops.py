"""The loops: a program run again and again, with hooks around each turn."""

import contextlib
import logging
from collections.abc import Iterator
from typing import Any

import tensorflow as tf

from official.estimator import interrupts
from official.estimator.agreement import Agreement
from official.estimator.hooks.base import Hook, Run
from official.estimator.programs import Program
from official.estimator.train_program import TrainProgram, is_uneven

logger = logging.getLogger(__name__)


def train(
  program: TrainProgram,
  iterator: Any,
  run: Run,
  hooks: list[Hook],
  global_step: tf.Variable,
  agreement: Agreement,
) -> None:
  """Trains until the last step, the end of the data or a hook's request.

  Raises:
    ValueError: there was no batch, or a step is not one step.
    WorkerLostError: another worker of the cluster has ended.
  """
  with around(hooks, run):
    interrupted = False
    with _until_all_know(agreement) as signals:
      while _is_before_end(run):
        stop, interrupted, steps = agreement.turn(
          run.stop_requested, bool(signals), run.steps_per_loop
        )
        if stop or interrupted:
          break
        if run.last_step is not None:
          steps = min(steps, run.last_step - run.global_step)
        with interrupts.deferred(), agreement.guard():
          if not _train_loop(program, iterator, run, hooks, global_step, steps):
            break
    if agreement.is_shared and interrupted:
      raise interrupts.StoppedElsewhere
    if run.global_step == run.first_step and _is_before_end(run):
      raise ValueError(
        'Training had no batch: the dataset of its input_fn is empty.'
      )


def _until_all_know(
  agreement: Agreement,
) -> contextlib.AbstractContextManager[list[int]]:
  """Where there are other workers, a signal waits until they know of it."""
  if agreement.is_shared:
    return interrupts.deferred()
  return contextlib.nullcontext([])


def _train_loop(
  program: TrainProgram,
  iterator: Any,
  run: Run,
  hooks: list[Hook],
  global_step: tf.Variable,
  steps: int,
) -> bool:
  """So many steps and the hooks around them; False where the data ended."""
  _before_run(hooks, run)
  try:
    rows = program(iterator, tf.constant(steps))
  except tf.errors.OutOfRangeError:
    # Steps of this loop before the data ended have had their effect.
    run.global_step = int(global_step.numpy())
    return False
  except tf.errors.InvalidArgumentError as e:
    if not is_uneven(e):
      raise
    run.global_step = int(global_step.numpy())
    logger.warning(_UNEVEN, run.global_step)
    return False
  is_first = run.global_step == run.first_step
  run.advance(steps, program.names, rows)
  if is_first:
    _check_global_step(run, int(global_step.numpy()))
  for hook in hooks:
    hook.after_run(run)
  return True


def batches(
  program: Program,
  iterator: Any,
  run: Run,
  hooks: list[Hook],
  limit: int | None = None,
) -> Iterator[Any]:
  """Yields what evaluation or prediction gives for each batch."""
  with around(hooks, run):
    done = 0
    while not run.stop_requested and done != limit:
      _before_run(hooks, run)
      try:
        values = program(iterator)
      except tf.errors.OutOfRangeError:
        break
      done += 1
      for hook in hooks:
        hook.after_run(run)
      yield values


def _before_run(hooks: list[Hook], run: Run) -> None:
  for hook in hooks:
    if hook.before_run(run) is not None:
      raise TypeError(
        f'{type(hook).__name__}.before_run returned something, which nothing '
        'would use: there is no session to run it. Name the tensors in '
        'Hook.tensors and read run.values in after_run.'
      )


@contextlib.contextmanager
def around(hooks: list[Hook], run: Run) -> Iterator[None]:
  """Calls `begin`, and then `end` or `abort`, of every hook."""
  begun = []
  try:
    for hook in hooks:
      begun.append(hook)
      hook.begin(run)
    with contextlib.suppress(GeneratorExit):  # A reader that had enough.
      yield
    for hook in hooks:
      hook.end(run)
  except BaseException as e:
    for hook in begun:
      hook.abort(run, e)
    raise


_UNEVEN = (
  'The data ended after step %d: what is left does not give every replica a '
  'batch, so it is left out. Repeat the dataset, or give it a number of '
  'batches that the replicas divide.'
)


def _is_before_end(run: Run) -> bool:
  return run.last_step is None or run.global_step < run.last_step


def _check_global_step(run: Run, step: int) -> None:
  if step != run.global_step:
    raise ValueError(
      f'train_op moved global_step from {run.first_step} to {step}, expected '
      f'{run.global_step}: it must add 1 a step. Optimizers of TensorFlow need '
      'minimize(loss, global_step=tf.compat.v1.train.get_global_step()).'
    )
