"""Runs a command that kills or signals itself at a named point.

python -m tests.killed_at POINT DEVICES MODULE ARGS...

POINT is `none` or `FUNCTION:PART:WHEN:NTH`: the process dies, as by `kill -9`,
`before` or `after` the NTH call of FUNCTION with PART in an argument. If WHEN
is the name of a signal, the signal comes NTH milliseconds after the first such
call begins, whatever the process does then. `weights:FILE` writes the SHA-256
of all variables to a file at every checkpoint, also in workers that do not
save. DEVICES is the number of logical CPUs that TensorFlow sees.
"""

import hashlib
import importlib
import os
import shutil
import signal
import sys
import threading

from official.flags import invocation
from resnet import mains


def die():
  os.kill(os.getpid(), signal.SIGKILL)


def killing(function, part, when, nth):
  """The function, which kills the process at its NTH call with that part."""
  calls = 0

  def wrapper(*args, **kwargs):
    nonlocal calls
    hit = part in repr((args, kwargs))
    calls += hit
    if hit and calls == 1 and when.startswith('SIG'):
      send = [os.getpid(), getattr(signal, when)]
      threading.Timer(nth / 1000, os.kill, send).start()
    if hit and calls == nth and when == 'before':
      die()
    result = function(*args, **kwargs)
    if hit and calls == nth and when == 'after':
      die()
    return result

  return wrapper


class TornFile:
  """A file of which a write writes half of the text and kills the process."""

  def __init__(self, file):
    self._file = file

  def __enter__(self):
    return self

  def __exit__(self, *unused):
    die()

  def __getattr__(self, name):
    return getattr(self._file, name)

  def write(self, content):
    self._file.write(content[: len(content) // 2])
    self._file.flush()
    die()


def log_weights(path):
  """Notes step and weights whenever a checkpoint is due."""
  import numpy as np

  from official.estimator import run_state

  save = run_state.RunState.save

  def logging_save(self):
    digest = hashlib.sha256()
    for name, value in sorted(self.store.values().items()):
      digest.update(name.encode() + np.asarray(value).tobytes())
    with open(path, 'a') as f:
      f.write(f'{int(self.store.global_step.numpy())} {digest.hexdigest()}\n')
    return save(self)

  run_state.RunState.save = logging_save


def install(point):
  """Arms one point, after TensorFlow was imported as a main imports it."""
  import tensorflow as tf

  from official.estimator import export, metrics_log, programs

  name, part, when, nth = point.split(':')
  nth = int(nth)
  if name == 'append':  # A line of the log, torn.
    calls = 0

    def torn_open(path, mode='r', **kwargs):
      nonlocal calls
      is_append = mode.startswith('a')
      calls += is_append
      file = open(path, mode, **kwargs)
      return TornFile(file) if is_append and calls == nth else file

    metrics_log.open = torn_open
  elif name == 'SaveV2':
    tf.raw_ops.SaveV2 = killing(tf.raw_ops.SaveV2, part, when, nth)
  elif name == 'export':
    export.export_saved_model = killing(
      export.export_saved_model, part, when, nth
    )
  elif name in ('call', 'trace'):
    method = {'call': '_run', 'trace': 'trace'}[name]
    original = getattr(programs.Program, method)
    # A function of its own, so that the kill comes before or after the method.
    armed = killing(lambda mode: None, part, when, nth)

    def with_arms(self, *args):
      if when != 'after':
        armed(self._mode)
      result = original(self, *args)
      if when == 'after':
        armed(self._mode)
      return result

    setattr(programs.Program, method, with_arms)
  else:
    module = shutil if name == 'rmtree' else os
    setattr(module, name, killing(getattr(module, name), part, when, nth))


def main():
  point, devices, name = sys.argv[1:4]
  sys.argv[1:] = sys.argv[4:]
  module = importlib.import_module(name)
  train = mains.Main.train

  def train_with_arms(self):
    import tensorflow as tf

    if int(devices) > 1:
      tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices('CPU')[0],
        [tf.config.LogicalDeviceConfiguration()] * int(devices),
      )
    if point.startswith('weights:'):
      log_weights(point.split(':')[1])
    elif point != 'none':
      install(point)
    train(self)

  mains.Main.train = train_with_arms
  invocation.main_module = lambda: name
  module.run()


if __name__ == '__main__':
  main()
