"""The settings of computation: threads, number formats, devices, workers."""

import dataclasses
import math
from collections.abc import Sequence
from typing import ClassVar

from official.flags.conditions import (
  LOSS,
  TRAINING,
  TRAINING_OR_SYNTHETIC,
  Condition,
  is_cluster,
)
from official.flags.declaration import DeclaredSettings, Rule, setting

DTYPES = ('fp32', 'fp16', 'bf16')


def _loss_scale_problem(value: str) -> str | None:
  try:
    if value == 'dynamic' or 0 < float(value) < math.inf:
      return None
  except ValueError:
    pass
  return f'must be a positive number or dynamic, given: {value}'


def _addresses_problem(values: Sequence[str]) -> str | None:
  for value in values:
    host, _, port = value.rpartition(':')
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
      return f'must be a list of host:port, given: {value}'
    if values.count(value) > 1:
      return f'names {value} twice'
  return None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PerformanceSettings(DeclaredSettings):
  """The settings of threads, number formats and devices."""

  inter_op_parallelism_threads: int = setting(
    0,
    'How many ops run at a time; 0: TensorFlow decides.',
    short_name='inter',
    low=0,
  )
  intra_op_parallelism_threads: int = setting(
    0,
    'Threads that one op uses; 0: TensorFlow decides.',
    short_name='intra',
    low=0,
  )
  use_synthetic_data: bool = setting(
    False,
    'Random images, of the size and number of --data_dir or --dataset: '
    'measures only the speed.',
    short_name='synth',
  )
  max_train_steps: int | None = setting(
    None,
    'Stop training at this global step.',
    short_name='mts',
    low=1,
    acts_when=(*LOSS, TRAINING_OR_SYNTHETIC),
  )
  dtype: str = setting(
    'fp32',
    'Number format of the computation; weights stay fp32.',
    short_name='dt',
    choices=DTYPES,
  )
  loss_scale: str | None = setting(
    None,
    'Multiplies the loss before the gradient, with --dtype fp16; dynamic: as '
    'much as does not overflow. Default 128.',
    short_name='ls',
    problem=_loss_scale_problem,
    acts_when=(
      *TRAINING,
      Condition(lambda f: f.dtype == 'fp16', 'without --dtype fp16'),
    ),
  )
  all_reduce_alg: str | None = setting(
    None,
    'How several GPUs, or workers (nccl, ring), add up gradients.',
    short_name='ara',
    choices=('nccl', 'hierarchical_copy', 'ring'),
    acts_when=LOSS,
    of_one_call=True,
  )
  num_packs: int | None = setting(
    None,
    'Gradient packs of --all_reduce_alg. Default 1.',
    low=0,
    acts_when=(
      *LOSS,
      Condition(
        lambda f: f.all_reduce_alg in ('nccl', 'hierarchical_copy'),
        'without --all_reduce_alg nccl or hierarchical_copy',
      ),
      Condition(lambda f: not is_cluster(f), 'with several workers'),
    ),
    of_one_call=True,
  )
  tf_gpu_thread_mode: str | None = setting(
    None,
    'Threads that launch GPU kernels.',
    short_name='gt_mode',
    choices=('global', 'gpu_private', 'gpu_shared'),
  )
  per_gpu_thread_count: int | None = setting(
    None,
    'Threads of --tf_gpu_thread_mode. Default 2.',
    short_name='pgtc',
    low=1,
    acts_when=(
      Condition(
        lambda f: f.tf_gpu_thread_mode in ('gpu_private', 'gpu_shared'),
        'without --tf_gpu_thread_mode gpu_private or gpu_shared',
      ),
    ),
  )
  datasets_num_private_threads: int | None = setting(
    None,
    'Threads that the input pipeline has for itself; without the flag it '
    'shares those of TensorFlow.',
    low=1,
    acts_when=LOSS,
  )
  enable_xla: bool = setting(
    False,
    'Compile the step with XLA. On a CPU it trains at 0.4 to 0.7 the speed.',
    acts_when=LOSS,
  )
  steps_per_loop: int | None = setting(
    None,
    'Steps inside the graph between turns of Python. Default: what takes one '
    'second, at most 10.',
    low=1,
    acts_when=TRAINING,
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DistributionSettings(DeclaredSettings):
  """The settings of several workers, each one process on its own machine."""

  worker_hosts: tuple[str, ...] | None = setting(
    None,
    'host:port of every worker, in the same order on each. The first one is '
    'the chief: it prints and writes, in a --model_dir that all can read. Or '
    'set TF_CONFIG.',
    problem=_addresses_problem,
    of_one_call=True,
  )
  task_index: int | None = setting(
    None,
    'Which of --worker_hosts this worker is, from 0.',
    of_one_call=True,
  )
  cluster_timeout: int = setting(
    600,
    'Seconds to wait at the start for all workers.',
    low=1,
    acts_when=(Condition(is_cluster, 'without several workers'),),
    of_one_call=True,
  )

  rules: ClassVar[Sequence[Rule]] = (
    Rule(
      ('worker_hosts', 'task_index'),
      lambda f: (
        f['task_index'] is None
        if not f['worker_hosts']
        else f['task_index'] in range(len(f['worker_hosts']))
      ),
      '--task_index must say which of --worker_hosts this worker is, from 0',
    ),
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LayoutSettings(DeclaredSettings):
  """The layout of images in memory."""

  data_format: str | None = setting(
    None,
    'Layout of feature maps. Default: channels_first on a GPU.',
    short_name='df',
    choices=('channels_first', 'channels_last'),
  )
