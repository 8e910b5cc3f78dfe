"""The devices of a run, chosen by its flags from what the machine has."""

import dataclasses
from typing import Any

import tensorflow as tf

from official.devices import cluster as cluster_lib
from official.devices import hardware, strategies
from official.errors import UsageError
from official.estimator import RunConfig
from official.flags import Settings

_DTYPES = {'fp32': tf.float32, 'fp16': tf.float16, 'bf16': tf.bfloat16}
# The values of these flags that are allowed without a GPU.
_WITHOUT_GPU: dict[str, tuple[str | None, ...]] = {
  'tf_gpu_thread_mode': (None,),
  'all_reduce_alg': (None, 'ring'),
}


@dataclasses.dataclass(frozen=True)
class Devices:
  """The devices that a run computes on.

  Attributes:
    strategy: A `tf.distribute.Strategy`; None for one device.
    num_replicas: Number of devices that share a global batch, over all workers.
    data_format: `'channels_first'` or `'channels_last'`.
    dtype: Dtype of the computation.
    description: The description of the devices, for people.
    is_chief: Whether this process prints and writes the results.
    worker: The name of this worker, such as `worker 2 of 4`; None for one
      process.
    cluster: A `RunConfig` that knows the other workers.
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
  """Chooses the devices of a run and sets TensorFlow up for them.

  It must be called before any other use of TensorFlow, and acts on the whole
  process. It sets the sizes of the thread pools, chooses the GPUs that
  TensorFlow sees, and lets TensorFlow take their memory only as it is needed;
  with `--deterministic` it also sets the global seed and deterministic ops. In
  a cluster it waits for the other workers and starts the server that they call.

  Args:
    flags_obj: The settings, or the parsed flags.

  Raises:
    UsageError: The flags ask for something that this machine does not have, or
      contradict each other.
  """
  settings = Settings.of(flags_obj)
  _set_threads(settings)
  gpus = _use_gpus(settings.num_gpus)
  if not gpus:
    _check_without_gpu(settings)
  _set_determinism(settings, gpus)
  cluster = cluster_lib.from_settings(settings)
  strategy = strategies.choose(settings, gpus, cluster)
  replicas = strategy.num_replicas_in_sync if strategy else 1
  _check_batch_size(settings.batch_size, replicas)
  if replicas == 1 and settings.as_dict().get('sync_batch_norm'):
    raise UsageError(
      '--sync_batch_norm has a meaning on several GPUs or workers only'
    )
  # The original's choice. TensorFlow's convolutions on a CPU only work with the
  # channels last.
  default_format = 'channels_first' if gpus else 'channels_last'
  return Devices(
    strategy=strategy,
    num_replicas=replicas,
    data_format=settings.data_format or default_format,
    dtype=_DTYPES[settings.dtype],
    description=_describe(gpus, cluster.num_worker_replicas),
    is_chief=cluster.is_chief,
    worker=cluster_lib.name_of(cluster) if cluster.cluster_spec else None,
    cluster=cluster,
  )


def _set_threads(settings: Settings) -> None:
  """Sets the sizes of TensorFlow's thread pools, for the whole process.

  TensorFlow refuses to set a size after its first op, even the present size.
  So without a flag, or with 0, nothing is set.
  """
  threading = tf.config.threading
  if settings.inter_op_parallelism_threads:
    threading.set_inter_op_parallelism_threads(
      settings.inter_op_parallelism_threads
    )
  if settings.intra_op_parallelism_threads:
    threading.set_intra_op_parallelism_threads(
      settings.intra_op_parallelism_threads
    )


def _use_gpus(number: int | None) -> list[tf.config.PhysicalDevice]:
  """Hides all but the first GPUs from TensorFlow, for the whole process.

  Args:
    number: Number of GPUs to use; None or -1 for all.

  Returns:
    The GPUs that are used.

  Raises:
    UsageError: The machine has fewer GPUs.
  """
  gpus = tf.config.list_physical_devices('GPU')
  if number is None or number == -1:
    number = len(gpus)
  if number > len(gpus):
    raise UsageError(
      f'--num_gpus {number}: TensorFlow sees {len(gpus)} on this machine'
    )
  used = gpus[:number]
  tf.config.set_visible_devices(used, 'GPU')
  for gpu in used:
    # Without it TensorFlow takes all of the memory at once, and a second
    # process on the same GPU cannot start.
    tf.config.experimental.set_memory_growth(gpu, True)
  return used


def _check_without_gpu(settings: Settings) -> None:
  """Checks that the flags do not ask for something that only a GPU can do.

  Raises:
    UsageError: A flag does.
  """
  for name, allowed in _WITHOUT_GPU.items():
    if getattr(settings, name) not in allowed:
      raise UsageError(f'--{name} has a meaning on GPUs only; none is used')
  if settings.data_format == 'channels_first':
    raise UsageError(
      '--data_format channels_first needs a GPU: TensorFlow has no such '
      'convolution on the CPU; leave the flag out or use channels_last'
    )
  if settings.dtype == 'fp16':
    raise UsageError('--dtype fp16 needs a GPU: a CPU only emulates it')
  if settings.dtype == 'bf16' and not hardware.has_bfloat16():
    raise UsageError(
      '--dtype bf16: this CPU has neither AVX512_BF16 nor AMX and would train '
      'about 10 times slower than with fp32'
    )


def _set_determinism(
  settings: Settings, gpus: list[tf.config.PhysicalDevice]
) -> None:
  """Makes all ops deterministic, for the whole process.

  It is the default only on CPUs: on GPUs many deterministic kernels are slower.
  """
  is_deterministic = settings.deterministic
  if is_deterministic is None:
    is_deterministic = not gpus
  if is_deterministic:
    # With deterministic ops a random op without a seed is an error, so all ops
    # get this one.
    tf.random.set_seed(settings.seed)
    tf.config.experimental.enable_op_determinism()


def _check_batch_size(batch_size: int, replicas: int) -> None:
  remainder = batch_size % replicas
  if remainder:
    raise UsageError(
      f'--batch_size {batch_size} cannot be divided among {replicas} '
      f'replicas; try {batch_size - remainder or replicas}'
    )


def _describe(gpus: list[tf.config.PhysicalDevice], num_workers: int) -> str:
  device = hardware.describe_gpus(gpus) if gpus else hardware.describe_cpu()
  return f'{num_workers} workers of {device}' if num_workers > 1 else device
