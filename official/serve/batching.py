"""Computes together the answers of requests that wait at the same time."""

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from official.serve.model import Signature
from official.serve.tensors import BadRequestError

Arrays = Mapping[str, np.ndarray]


class FullError(Exception):
  """Too many requests are waiting."""


class Batcher:
  """Runs a model in a thread; requests that wait meanwhile are the next batch.

  A request does not wait for others that may come: an idle model starts at
  once.

  Args:
    max_batch_size: The greatest number of examples in a batch; a request with
      more examples takes several batches.
    max_waiting: The greatest number of requests that wait.
  """

  def __init__(self, max_batch_size: int, max_waiting: int):
    self._max_batch_size = max_batch_size
    self._max_waiting = max_waiting
    # One thread, because TensorFlow uses all cores for a single batch.
    self._thread = ThreadPoolExecutor(1, 'model')
    self._waiting: list[_Request] = []
    self._task: asyncio.Task[None] | None = None

  async def __call__(self, signature: Signature, arrays: Arrays) -> Arrays:
    """The outputs for these inputs.

    Args:
      signature: The function of the model to call.
      arrays: The inputs of the function, by their names.

    Raises:
      BadRequestError: The model cannot use them.
      FullError: Too many requests wait already.
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
    """The oldest requests that fit together, without those of lost clients."""
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
    self._waiting = [r for r in self._waiting if r not in batch]
    return batch


class _Request:
  """A request that waits."""

  def __init__(self, signature: Signature, arrays: Arrays):
    self.signature, self.arrays = signature, arrays
    self.future = asyncio.get_running_loop().create_future()
    self.examples = max(
      [len(array) for array in arrays.values() if array.ndim], default=1
    )
    # Arrays can be joined only if their shapes differ in the first dimension
    # only.
    shapes = tuple((name, a.shape[1:]) for name, a in sorted(arrays.items()))
    self.kind = (signature.name, shapes)


def _answer(
  batch: list[_Request], max_batch_size: int
) -> list[Arrays | Exception]:
  """The outputs of each request, or its error; in the model's thread."""
  signature = batch[0].signature
  joined = {
    name: np.concatenate([request.arrays[name] for request in batch])
    if len(batch) > 1
    else array
    for name, array in batch[0].arrays.items()
  }
  try:
    outputs = _outputs(signature, joined, max_batch_size)
  except BadRequestError as e:
    if len(batch) == 1:
      return [e]
    # The error does not name the request that caused it, so each is run again.
    return [_answer([request], max_batch_size)[0] for request in batch]
  except Exception as e:  # Only the request fails, not the server.
    return [e] * len(batch)
  if len(batch) == 1:
    return [outputs]
  ends = np.cumsum([request.examples for request in batch])[:-1]
  parts = {name: np.split(array, ends) for name, array in outputs.items()}
  return [
    {name: split[i] for name, split in parts.items()} for i in range(len(batch))
  ]


def _outputs(
  signature: Signature, arrays: Arrays, max_batch_size: int
) -> Arrays:
  """The outputs, of at most this many examples at a time.

  A signature with a fixed number of examples gets all of them at once.
  """
  count = max((len(a) for a in arrays.values() if a.ndim), default=1)
  if count <= max_batch_size or not signature.can_batch:
    return signature(arrays)
  parts = [
    signature({
      name: array[start : start + max_batch_size]
      for name, array in arrays.items()
    })
    for start in range(0, count, max_batch_size)
  ]
  return {
    name: np.concatenate([part[name] for part in parts]) for name in parts[0]
  }
