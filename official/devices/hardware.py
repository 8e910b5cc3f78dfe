"""The processor and the GPUs of this machine."""

import os
import platform

import tensorflow as tf

# Linux's names of the instructions that multiply bfloat16 numbers.
_BFLOAT16_INSTRUCTIONS = {'avx512_bf16', 'amx_bf16'}


def has_bfloat16() -> bool:
  """Returns whether the processor has instructions for bfloat16."""
  return bool(_BFLOAT16_INSTRUCTIONS & _instructions())


def describe_cpu() -> str:
  """Returns the cores that this process may use, such as `CPU (2 cores)`."""
  try:
    cores = len(os.sched_getaffinity(0))
  except AttributeError:  # Not on every system.
    cores = os.cpu_count() or 1
  return f'CPU ({cores} core{"s" if cores > 1 else ""})'


def describe_gpus(gpus: list[tf.config.PhysicalDevice]) -> str:
  """Returns the number and the name of GPUs, which are assumed to be equal."""
  details = tf.config.experimental.get_device_details(gpus[0])
  name = details.get('device_name', 'GPU')
  return name if len(gpus) == 1 else f'{len(gpus)} x {name}'


def _instructions() -> set[str]:
  """Returns the extensions of the processor; empty except on Linux."""
  if platform.system() != 'Linux':
    return set()
  with open('/proc/cpuinfo', encoding='utf-8') as f:
    for line in f:
      if line.startswith('flags'):
        return set(line.split(':', 1)[1].split())
  return set()
