"""What a training step is made of, by TensorFlow's profiler."""

import collections
import glob
import os
import re
import tempfile

from benchmarks import command, jobs, turns
from benchmarks.sides import project
from official import estimator as estimator_lib

_WARM, _STEPS = 20, 10

# The first that matches an op's type has it.
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
_CALL = 'KernelAndDeviceFunc::Run'  # of a step
# Events that only wait for others.
_FRAMES = r'Run$|Execute|_trace|inference|EagerLocal|Start|Root|constant'


class _Profile(estimator_lib.Hook):
  """Profiles `_STEPS` steps after `_WARM`."""

  def __init__(self, folder: str):
    self._folder = folder

  def after_run(self, run):
    import tensorflow as tf

    if run.global_step == _WARM:
      tf.profiler.experimental.start(self._folder)
    if run.global_step == _WARM + _STEPS:
      tf.profiler.experimental.stop()
      run.request_stop()


def measure(name: str) -> None:
  """Prints the shares of one job."""
  job = jobs.JOBS[name]
  with tempfile.TemporaryDirectory() as folder:
    estimator = project.estimator(job, os.path.join(folder, 'run'))
    estimator.train(
      lambda: project.input_fn(job, job.batch_size),
      [estimator_lib.MetricsLogHook(), _Profile(folder)],
    )
    seconds, step, outside = _times(folder)
  total = sum(seconds.values())
  command.say_job(name)
  rows = [
    [part, f'{1000 * spent / _STEPS:.1f}', f'{100 * spent / total:.1f} %']
    for part, spent in seconds.most_common()
  ]
  print(turns.table(['part', 'ms of threads a step', 'share'], rows))
  print(
    f'\na step takes {1000 * step:.1f} ms, of which {1000 * outside:.2f} ms '
    f'({100 * outside / step:.2f} %) between two calls of TensorFlow: the loop '
    'and its hooks',
    flush=True,
  )


def _times(folder: str) -> tuple[collections.Counter, float, float]:
  """What the profile tells.

  Returns:
    Seconds of each part over all steps and threads; seconds of a step; those
    of it between two calls of TensorFlow.
  """
  from tensorflow.tsl.profiler.protobuf import xplane_pb2

  space = xplane_pb2.XSpace()
  (path,) = glob.glob(os.path.join(folder, 'plugins/profile/*/*.xplane.pb'))
  with open(path, 'rb') as f:
    space.ParseFromString(f.read())
  (plane,) = (p for p in space.planes if p.name == '/host:CPU')
  seconds: collections.Counter = collections.Counter()
  calls = []
  for line in plane.lines:
    for event, own in _own_times(line.events):
      name = plane.event_metadata[event.metadata_id].name
      if name == _CALL:
        calls.append((event.offset_ps, _end(event)))
      part = _part_of(name.rpartition(':')[2])
      if part:
        seconds[part] += own / 1e12
  calls = sorted(calls)[-_STEPS:]
  gaps = [b[0] - a[1] for a, b in zip(calls[:-1], calls[1:], strict=True)]
  step = (calls[-1][1] - calls[0][1]) / (len(calls) - 1)
  return seconds, step / 1e12, sum(gaps) / len(gaps) / 1e12


def _own_times(events):
  """Each event, and its duration less that of the events inside it."""
  events = sorted(events, key=lambda e: (e.offset_ps, -e.duration_ps))
  own, open_ = [event.duration_ps for event in events], []
  for index, event in enumerate(events):
    while open_ and _end(events[open_[-1]]) <= event.offset_ps:
      open_.pop()
    if open_:
      own[open_[-1]] -= event.duration_ps
    open_.append(index)
  return zip(events, own, strict=True)


def _end(event):
  return event.offset_ps + event.duration_ps


def _part_of(kind: str) -> str | None:
  if re.search(_FRAMES, kind):
    return None
  for part, pattern in _PARTS:
    if re.search(pattern, kind):
      return part
  return _REST


def main() -> None:
  """The command."""
  for name in command.parse(__doc__).jobs:
    measure(name)


if __name__ == '__main__':
  main()
