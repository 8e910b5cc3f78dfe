"""What a run computes on: a machine's devices, a cluster's workers."""

from official.devices.machine import Devices, configure, per_replica_batch_size

__all__ = ['Devices', 'configure', 'per_replica_batch_size']
