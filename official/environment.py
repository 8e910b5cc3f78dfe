"""The process environment that TensorFlow reads once, when it is imported."""

import contextlib
import importlib.metadata
import os
import platform

_DEFAULTS = {
  # TensorFlow 2.21 leaves oneDNN off on CPUs without AVX512: on such a machine
  # a network of 18 convolutions trains 19 images/s without it and 200 with it.
  'TF_ENABLE_ONEDNN_OPTS': '1',
  # Start-up chatter and the 'End of sequence' notes of every finished input.
  'TF_CPP_MIN_LOG_LEVEL': '2',
}


def configure() -> None:
  """Sets the variables that the user has not set.

  It must run before the first `import tensorflow` of the process; importing
  any module of `official` runs it.
  """
  for name, value in _DEFAULTS.items():
    os.environ.setdefault(name, value)


def expect_lost_workers() -> None:
  """Silences TensorFlow's long messages, which one line of ours replaces."""
  if os.environ['TF_CPP_MIN_LOG_LEVEL'] == _DEFAULTS['TF_CPP_MIN_LOG_LEVEL']:
    os.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'


def describe() -> dict[str, str]:
  """Returns the versions of packages and the machine, for `config.json`."""
  packages = ('tensorflow', 'tensorflow-cpu', 'numpy')
  versions = {}
  for package in packages:
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
      versions[package] = importlib.metadata.version(package)
  return versions | {
    'python': platform.python_version(),
    'system': platform.platform(),
    'processors': str(os.cpu_count()),
  }


def set_gpu_threads(mode: str | None, count: int | None) -> None:
  """Sets the threads that launch GPU kernels.

  Args:
    mode: `'global'`, `'gpu_private'` or `'gpu_shared'`; None sets nothing.
    count: Number of threads for each GPU; None for 2.
  """
  if mode is not None:
    os.environ['TF_GPU_THREAD_MODE'] = mode
    os.environ['TF_GPU_THREAD_COUNT'] = str(count or 2)
