"""The `tf.distribute` strategy that suits devices and workers."""

import signal
from collections.abc import Sequence

import tensorflow as tf

from official import cli
from official.devices import cluster as cluster_lib
from official.devices import rendezvous
from official.errors import UsageError
from official.estimator import RunConfig
from official.flags import Settings

_CONNECT_SECONDS = 120  # once all workers are there

_XLA_ON_SEVERAL = '--enable_xla works on one device only'


def choose(
  settings: Settings,
  gpus: Sequence[tf.config.PhysicalDevice],
  cluster: RunConfig,
) -> tf.distribute.Strategy | None:
  """Returns the strategy that the flags ask for; None for one device.

  Args:
    settings: The settings of the run.
    gpus: The GPUs that are used.
    cluster: The `RunConfig` that knows the workers; see
      `cluster.from_settings`.

  Raises:
    UsageError: The flags contradict each other, or not all workers start.
  """
  if cluster.num_worker_replicas > 1:
    return _choose_for_cluster(settings, cluster)
  kind, algorithm = settings.distribution_strategy, settings.all_reduce_alg
  if len(gpus) > 1 and kind in ('off', 'one_device'):
    raise UsageError(
      f'--distribution_strategy {kind} uses one device; give --num_gpus 1'
    )
  if algorithm == 'ring':
    raise UsageError('--all_reduce_alg ring has a meaning in a cluster only')
  if algorithm and len(gpus) < 2:
    raise UsageError('--all_reduce_alg has a meaning on several GPUs only')
  if kind != 'mirrored' and len(gpus) < 2:
    return None
  if settings.enable_xla:
    raise UsageError(_XLA_ON_SEVERAL)
  return _mirrored('GPU' if gpus else 'CPU', algorithm, settings.num_packs)


def _mirrored(
  device_type: str, algorithm: str | None, num_packs: int | None
) -> tf.distribute.Strategy:
  """Returns a strategy of one process on all devices of a type.

  Args:
    device_type: `'GPU'` or `'CPU'`.
    algorithm: `'nccl'`, `'hierarchical_copy'` or None for TensorFlow's choice.
    num_packs: Number of packs in which gradients are sent; None for 1.
  """
  devices = tf.config.list_logical_devices(device_type)
  names = [f'{device_type}:{i}' for i in range(len(devices))]
  packs = 1 if num_packs is None else num_packs
  operations = None
  if algorithm == 'nccl':
    operations = tf.distribute.NcclAllReduce(num_packs=packs)
  elif algorithm == 'hierarchical_copy':
    operations = tf.distribute.HierarchicalCopyAllReduce(num_packs=packs)
  return tf.distribute.MirroredStrategy(names, cross_device_ops=operations)


def _choose_for_cluster(
  settings: Settings, cluster: RunConfig
) -> tf.distribute.Strategy:
  algorithm = settings.all_reduce_alg
  if algorithm == 'hierarchical_copy':
    raise UsageError(
      '--all_reduce_alg hierarchical_copy has a meaning in one process only'
    )
  if settings.enable_xla:
    raise UsageError(_XLA_ON_SEVERAL)
  return join(cluster, algorithm, settings.cluster_timeout)


def join(
  cluster: RunConfig, all_reduce_alg: str | None, seconds: int
) -> tf.distribute.Strategy:
  """Returns the strategy of this worker, once all workers have started.

  It must be called before any op of TensorFlow, and starts a server that runs
  as long as the process. While it connects, the process's alarm is set: the
  call waits in C++ code, where no signal handler of Python runs, so only the
  default action of an alarm, which ends the process, can stop it.

  Args:
    cluster: The `RunConfig` that `cluster.from_settings` returned.
    all_reduce_alg: `'ring'`, `'nccl'` or None for TensorFlow's choice.
    seconds: Seconds to wait for the other workers.

  Raises:
    UsageError: A worker does not start, or cannot be reached under its
      address.
  """
  communication = tf.distribute.experimental.CommunicationImplementation
  options = tf.distribute.experimental.CommunicationOptions(
    implementation={
      None: communication.AUTO,
      'ring': communication.RING,
      'nccl': communication.NCCL,
    }[all_reduce_alg]
  )
  rendezvous.wait_for_all(cluster, seconds)
  signal.alarm(_CONNECT_SECONDS)
  try:
    with cli.quiet_stderr(tell=False):
      return tf.distribute.MultiWorkerMirroredStrategy(
        tf.distribute.cluster_resolver.SimpleClusterResolver(
          tf.train.ClusterSpec(cluster.cluster_spec),
          task_type=cluster.task_type,
          task_id=cluster.task_id,
          rpc_layer='grpc',
        ),
        options,
      )
  except (tf.errors.OpError, RuntimeError) as e:
    address = cluster_lib.addresses(cluster)[cluster_lib.index_of(cluster)]
    raise UsageError(
      f'{cluster_lib.name_of(cluster)} cannot join the cluster as '
      f'{address}: {str(e).splitlines()[0]}'
    ) from e
  finally:
    signal.alarm(0)
