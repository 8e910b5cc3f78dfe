"""The machine's devices, and whether the flags can use them."""

import dataclasses
import os
import platform
from typing import Any

import tensorflow as tf

from official.devices import workers
from official.errors import UsageError
from official.estimator import RunConfig

_DTYPES = {'fp32': tf.float32, 'fp16': tf.float16, 'bf16': tf.bfloat16}
_BF16_INSTRUCTIONS = {'avx512_bf16', 'amx_bf16'}
_GPU_FLAGS = ('tf_gpu_thread_mode', 'all_reduce_alg')


@dataclasses.dataclass(frozen=True)
class Devices:
  """What a run computes on.

  Attributes:
    strategy: a `tf.distribute.Strategy`; None for one device.
    num_replicas: devices that share a batch, those of all workers.
    is_chief: whether this process tells what happens, and writes it.
    worker: such as `worker 2 of 4`; None for a process alone.
    cluster: a `RunConfig` that knows the other workers.
    data_format: `'channels_first'` or `'channels_last'`.
    dtype: of the computation.
    description: for people.
  """

  strategy: tf.distribute.Strategy | None
  num_replicas: int
  data_format: str
  dtype: tf.DType
  description: str
  is_chief: bool = True
  worker: str | None = None
  cluster: RunConfig = dataclasses.field(default_factory=RunConfig)


def configure(flags_obj: Any) -> Devices:
  """Sets threads and chooses devices; before any other use of TensorFlow.

  Raises:
    UsageError: the flags ask for what this machine does not have.
  """
  _set_threads(flags_obj)
  gpus = _gpus(flags_obj)
  _check_gpu_flags(flags_obj, gpus)
  _check_dtype(flags_obj.dtype, gpus)
  _set_determinism(flags_obj, gpus)
  cluster = _cluster(flags_obj)
  strategy = _strategy(flags_obj, gpus, cluster)
  replicas = strategy.num_replicas_in_sync if strategy else 1
  if flags_obj.batch_size % replicas:
    raise UsageError(
      f'--batch_size {flags_obj.batch_size} cannot be divided among {replicas} '
      'replicas; try '
      f'{flags_obj.batch_size - flags_obj.batch_size % replicas or replicas}'
    )
  if replicas == 1 and getattr(flags_obj, 'sync_batch_norm', False):
    raise UsageError(
      '--sync_batch_norm has a meaning on several GPUs or workers only'
    )
  default_format = 'channels_first' if gpus else 'channels_last'
  return Devices(
    strategy=strategy,
    num_replicas=replicas,
    data_format=flags_obj.data_format or default_format,
    dtype=_DTYPES[flags_obj.dtype],
    description=_describe(gpus, cluster.num_worker_replicas),
    is_chief=cluster.is_chief,
    worker=workers.name_of(cluster) if cluster.cluster_spec else None,
    cluster=cluster,
  )


def per_replica_batch_size(batch_size: int, num_gpus: int) -> int:
  """The part of a batch that each GPU gets.

  Raises:
    ValueError: it cannot be divided.
  """
  if num_gpus <= 1:
    return batch_size
  remainder = batch_size % num_gpus
  if remainder:
    raise ValueError(
      f'A batch of {batch_size} cannot be divided among {num_gpus} GPUs; try '
      f'{batch_size - remainder}.'
    )
  return batch_size // num_gpus


def _set_threads(flags_obj: Any) -> None:
  # TensorFlow takes these before its first op alone, so 0 leaves them be.
  if flags_obj.inter_op_parallelism_threads:
    tf.config.threading.set_inter_op_parallelism_threads(
      flags_obj.inter_op_parallelism_threads
    )
  if flags_obj.intra_op_parallelism_threads:
    tf.config.threading.set_intra_op_parallelism_threads(
      flags_obj.intra_op_parallelism_threads
    )


def _set_determinism(flags_obj: Any, gpus: list[Any]) -> None:
  deterministic = flags_obj.deterministic
  if deterministic is None:
    deterministic = not gpus
  if deterministic:
    tf.random.set_seed(flags_obj.seed)
    tf.config.experimental.enable_op_determinism()


def _gpus(flags_obj: Any) -> list[Any]:
  visible = tf.config.list_physical_devices('GPU')
  wanted = flags_obj.num_gpus
  if wanted is None or wanted == -1:
    wanted = len(visible)
  if wanted > len(visible):
    raise UsageError(
      f'--num_gpus {wanted}: TensorFlow sees {len(visible)} on this machine'
    )
  used = visible[:wanted]
  tf.config.set_visible_devices(used, 'GPU')
  for gpu in used:
    tf.config.experimental.set_memory_growth(gpu, True)
  return used


def _check_gpu_flags(flags_obj: Any, gpus: list[Any]) -> None:
  if gpus:
    return
  for name in _GPU_FLAGS:
    if getattr(flags_obj, name) not in (None, 'ring'):
      raise UsageError(f'--{name} has a meaning on GPUs only; none is used')
  if flags_obj.data_format == 'channels_first':
    raise UsageError(
      '--data_format channels_first needs a GPU: TensorFlow has no such '
      'convolution on the CPU; leave the flag out or use channels_last'
    )


def _check_dtype(dtype: str, gpus: list[Any]) -> None:
  if gpus or dtype == 'fp32':
    return
  if dtype == 'fp16':
    raise UsageError('--dtype fp16 needs a GPU: a CPU only emulates it')
  if not _BF16_INSTRUCTIONS & _cpu_flags():
    raise UsageError(
      '--dtype bf16: this CPU has neither AVX512_BF16 nor AMX and would train '
      'about 10 times slower than with fp32'
    )


def _cluster(flags_obj: Any) -> RunConfig:
  hosts = flags_obj.worker_hosts
  config = workers.configure_cluster(hosts, flags_obj.task_index)
  several = config.num_worker_replicas > 1
  kind = flags_obj.distribution_strategy
  if several and kind not in (None, 'multi_worker_mirrored'):
    raise UsageError(
      f'--distribution_strategy {kind} is for one process; a cluster of '
      f'{config.num_worker_replicas} workers needs multi_worker_mirrored'
    )
  if kind == 'multi_worker_mirrored' and not several:
    raise UsageError(
      '--distribution_strategy multi_worker_mirrored needs several workers, by '
      '--worker_hosts or TF_CONFIG'
    )
  return config


def _strategy(
  flags_obj: Any, gpus: list[Any], cluster: RunConfig
) -> tf.distribute.Strategy | None:
  kind = flags_obj.distribution_strategy
  algorithm = flags_obj.all_reduce_alg
  if cluster.num_worker_replicas > 1:
    return _of_workers(flags_obj, cluster)
  if len(gpus) > 1 and kind in ('off', 'one_device'):
    raise UsageError(
      f'--distribution_strategy {kind} uses one device; give --num_gpus 1'
    )
  several = kind == 'mirrored' or len(gpus) > 1
  if algorithm == 'ring':
    raise UsageError('--all_reduce_alg ring has a meaning in a cluster only')
  if algorithm and len(gpus) < 2:
    raise UsageError('--all_reduce_alg has a meaning on several GPUs only')
  if not several:
    return None
  if flags_obj.enable_xla:
    raise UsageError('--enable_xla works on one device only')
  kind = 'GPU' if gpus else 'CPU'
  devices = tf.config.list_logical_devices(kind)
  names = [f'{kind}:{i}' for i in range(len(devices))]
  operations = {
    None: lambda num_packs: None,
    'nccl': tf.distribute.NcclAllReduce,
    'hierarchical_copy': tf.distribute.HierarchicalCopyAllReduce,
  }[algorithm]
  packs = 1 if flags_obj.num_packs is None else flags_obj.num_packs
  return tf.distribute.MirroredStrategy(
    names, cross_device_ops=operations(num_packs=packs)
  )


def _of_workers(flags_obj: Any, cluster: RunConfig) -> tf.distribute.Strategy:
  algorithm = flags_obj.all_reduce_alg
  if algorithm == 'hierarchical_copy':
    raise UsageError(
      '--all_reduce_alg hierarchical_copy has a meaning in one process only'
    )
  if flags_obj.enable_xla:
    raise UsageError('--enable_xla works on one device only')
  return workers.join(cluster, algorithm, flags_obj.cluster_timeout)


def _describe(gpus: list[Any], num_workers: int) -> str:
  if not gpus:
    cores = len(_affinity())
    name = f'CPU ({cores} core{"s" if cores > 1 else ""})'
  else:
    details = tf.config.experimental.get_device_details(gpus[0])
    name = details.get('device_name', 'GPU')
    name = name if len(gpus) == 1 else f'{len(gpus)} x {name}'
  return f'{num_workers} workers of {name}' if num_workers > 1 else name


def _affinity() -> Any:
  try:
    return os.sched_getaffinity(0)
  except AttributeError:  # Not on every system.
    return range(os.cpu_count() or 1)


def _cpu_flags() -> set[str]:
  if platform.system() != 'Linux':
    return set()
  with open('/proc/cpuinfo', encoding='utf-8') as f:
    for line in f:
      if line.startswith('flags'):
        return set(line.split(':', 1)[1].split())
  return set()
