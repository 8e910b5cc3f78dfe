"""The parts of a training step and their times, by TensorFlow's profiler."""

import collections
import glob
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any

from benchmarks import command, jobs, turns
from benchmarks.sides import project
from official import estimator as estimator_lib

_NUM_WARM_UP, _NUM_STEPS = 20, 10

# The first pattern that matches an op's type decides its part.
_PARTS = (
  ('convolution', r'Conv2D'),
  ('matrix products, of small maps and dense layers', r'MatMul|Einsum'),
  (
    'cutting and turning, of small maps',
    r'StridedSlice|Transpose|Pack|Concat|Pad$|^Slice|Tile|Reshape',
  ),
  ('batch norm', r'BatchNorm|AssignSub|^Sub$'),
  ('optimizer', r'ResourceApply'),
  ('weight decay, sums of gradients', r'L2Loss|AddN|^Mul$'),
  ('ReLU, pools, shortcuts', r'Relu|Pool|AddV2|Mean|BiasAdd'),
  ('normalization, dropout', r'Sqrt|Square|Select|Greater|Random|Rsqrt'),
  ('input', r'Iterator|Dataset|Prefetch|Map|Repeat|GetNext|Tensor$'),
  ('waking threads', r'ParallelFor|Process|Executor|Done'),
)
_REST = 'the rest'
_CALL = 'KernelAndDeviceFunc::Run'  # one call of the traced training step
# Events that only wait for others, whose time counts there.
_FRAMES = r'Run$|Execute|_trace|inference|EagerLocal|Start|Root|constant'


class _Profile(estimator_lib.Hook):
  """Profiles `_NUM_STEPS` steps after `_NUM_WARM_UP`."""

  def __init__(self, folder: str) -> None:
    self._folder = folder

  def after_run(self, run: estimator_lib.Run) -> None:
    import tensorflow as tf

    if run.global_step == _NUM_WARM_UP:
      tf.profiler.experimental.start(self._folder)
    if run.global_step == _NUM_WARM_UP + _NUM_STEPS:
      tf.profiler.experimental.stop()
      run.request_stop()


def measure(name: str) -> None:
  """Prints the times of the parts of one job's training step."""
  job = jobs.JOBS[name]
  with tempfile.TemporaryDirectory() as folder:
    estimator = project.estimator(job, os.path.join(folder, 'run'))
    estimator.train(
      lambda: project.input_fn(job, job.batch_size),
      [estimator_lib.MetricsLogHook(), _Profile(folder)],
    )
    seconds_by_part, step, between_calls = _read_profile(folder)
  total = sum(seconds_by_part.values())
  command.print_job(name)
  rows = [
    [
      part,
      f'{1000 * seconds / _NUM_STEPS:.1f}',
      f'{100 * seconds / total:.1f} %',
    ]
    for part, seconds in seconds_by_part.most_common()
  ]
  print(turns.table(['part', 'ms of threads per step', 'share'], rows))
  print(
    f'\na step takes {1000 * step:.1f} ms, of which {1000 * between_calls:.2f} '
    f'ms ({100 * between_calls / step:.2f} %) pass between two calls of '
    'TensorFlow, in the loop and its hooks',
    flush=True,
  )


def _read_profile(
  folder: str,
) -> tuple[collections.Counter[str], float, float]:
  """Reads the profile of `_NUM_STEPS` training steps.

  Returns:
    The seconds of each part, summed over all steps and threads; the seconds of
    one step; and how many of these pass between two calls of TensorFlow.
  """
  from tensorflow.tsl.profiler.protobuf import xplane_pb2

  space = xplane_pb2.XSpace()
  (path,) = glob.glob(os.path.join(folder, 'plugins/profile/*/*.xplane.pb'))
  with open(path, 'rb') as f:
    space.ParseFromString(f.read())
  (plane,) = (p for p in space.planes if p.name == '/host:CPU')
  seconds: collections.Counter[str] = collections.Counter()
  calls: list[tuple[int, int]] = []  # the start and the end, in picoseconds
  for line in plane.lines:
    for event, own in _own_times(line.events):
      name = plane.event_metadata[event.metadata_id].name
      if name == _CALL:
        calls.append((event.offset_ps, _end(event)))
      part = _part_of(name.rpartition(':')[2])
      if part:
        seconds[part] += own / 1e12
  calls = sorted(calls)[-_NUM_STEPS:]
  gaps = [b[0] - a[1] for a, b in zip(calls[:-1], calls[1:], strict=True)]
  step = (calls[-1][1] - calls[0][1]) / (len(calls) - 1)
  return seconds, step / 1e12, sum(gaps) / len(gaps) / 1e12


def _own_times(events: Iterable[Any]) -> Iterator[tuple[Any, int]]:
  """Returns each `XEvent`, and its own picoseconds.

  An event lasts as long as the events inside it. Without subtracting these,
  the time of a kernel would count once more for each frame around it.
  """
  events = sorted(events, key=lambda e: (e.offset_ps, -e.duration_ps))
  own = [event.duration_ps for event in events]
  open_indices: list[int] = []  # the events around the current one
  for index, event in enumerate(events):
    while open_indices and _end(events[open_indices[-1]]) <= event.offset_ps:
      open_indices.pop()
    if open_indices:
      own[open_indices[-1]] -= event.duration_ps
    open_indices.append(index)
  return zip(events, own, strict=True)


def _end(event: Any) -> int:
  return event.offset_ps + event.duration_ps


def _part_of(kind: str) -> str | None:
  """Returns the part that an op belongs to; None for a frame around ops."""
  if re.search(_FRAMES, kind):
    return None
  for part, pattern in _PARTS:
    if re.search(pattern, kind):
      return part
  return _REST


def main() -> None:
  """Prints one table for each job."""
  for name in command.parse(__doc__).jobs:
    measure(name)


if __name__ == '__main__':
  main()
