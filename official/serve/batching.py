"""Answers requests together that wait at the same time."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from official.serve.model import Signature
from official.serve.tensors import BadRequestError

Arrays = Mapping[str, np.ndarray]


class FullError(Exception):
  """Too many requests wait."""


class Batcher:
  """Runs a model in a thread; what waits meanwhile makes the next batch.

  No request waits for others that may come: an idle model starts at once.

  Args:
    max_batch_size: examples in a batch; a request of more takes several.
    max_waiting: requests that may wait.
  """

  def __init__(self, max_batch_size: int, max_waiting: int):
    self._max_batch_size = max_batch_size
    self._max_waiting = max_waiting
    # TensorFlow uses all cores for one batch already.
    self._thread = ThreadPoolExecutor(1, 'model')
    self._waiting: list[_Request] = []
    self._task: asyncio.Task | None = None

  async def __call__(self, signature: Signature, arrays: Arrays) -> Arrays:
    """The outputs for these inputs.

    Raises:
      BadRequestError: the model cannot use them.
      FullError: too many requests wait.
    """
    if len(self._waiting) >= self._max_waiting:
      raise FullError(f'{self._max_waiting} requests wait already')
    request = _Request(signature, arrays)
    self._waiting.append(request)
    if self._task is None or self._task.done():
      self._task = asyncio.create_task(self._work())
    return await request.future

  def close(self) -> None:
    """Ends the thread."""
    self._thread.shutdown(wait=False, cancel_futures=True)

  async def _work(self) -> None:
    loop = asyncio.get_running_loop()
    while self._waiting:
      batch = self._next_batch()
      if not batch:
        continue
      answers = await loop.run_in_executor(
        self._thread, _answer, batch, self._max_batch_size
      )
      for request, answer in zip(batch, answers, strict=True):
        if request.future.done():  # The client is gone.
          continue
        if isinstance(answer, Exception):
          request.future.set_exception(answer)
        else:
          request.future.set_result(answer)

  def _next_batch(self) -> list['_Request']:
    """The oldest requests that fit together; those of lost clients go."""
    self._waiting = [r for r in self._waiting if not r.future.done()]
    if not self._waiting:
      return []
    first = self._waiting[0]
    batch, size = [first], first.examples
    for request in self._waiting[1:]:
      if size + request.examples > self._max_batch_size:
        break
      if request.kind == first.kind and first.signature.can_batch:
        batch.append(request)
        size += request.examples
    taken = set(map(id, batch))
    self._waiting = [r for r in self._waiting if id(r) not in taken]
    return batch


class _Request:
  """One that waits."""

  def __init__(self, signature: Signature, arrays: Arrays):
    self.signature, self.arrays = signature, arrays
    self.future = asyncio.get_running_loop().create_future()
    self.examples = max(
      [len(array) for array in arrays.values() if array.ndim], default=1
    )
    # What can be put one after the other.
    shapes = tuple((name, a.shape[1:]) for name, a in sorted(arrays.items()))
    self.kind = (signature.name, shapes)


def _answer(batch: list[_Request], most: int) -> list[Arrays | Exception]:
  """Outputs or an error for each, in the model's thread."""
  signature = batch[0].signature
  together = {
    name: np.concatenate([request.arrays[name] for request in batch])
    if len(batch) > 1
    else array
    for name, array in batch[0].arrays.items()
  }
  try:
    outputs = _outputs(signature, together, most)
  except BadRequestError as e:
    if len(batch) == 1:
      return [e]
    # One of them is bad: which?
    return [_answer([request], most)[0] for request in batch]
  except Exception as e:  # The request fails, the server does not.
    return [e] * len(batch)
  if len(batch) == 1:
    return [outputs]
  ends = np.cumsum([request.examples for request in batch])[:-1]
  parts = {name: np.split(array, ends) for name, array in outputs.items()}
  return [
    {name: split[i] for name, split in parts.items()} for i in range(len(batch))
  ]


def _outputs(signature: Signature, arrays: Arrays, most: int) -> Arrays:
  """Of so many examples at a time, if the signature takes any number."""
  count = max((len(a) for a in arrays.values() if a.ndim), default=1)
  if count <= most or not signature.can_batch:
    return signature(arrays)
  parts = [
    signature({name: a[start : start + most] for name, a in arrays.items()})
    for start in range(0, count, most)
  ]
  return {
    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
  }
