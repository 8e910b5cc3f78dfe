"""What a run computes on: the devices of a machine, the workers of a cluster.

- configuration: `configure`, from the flags to `Devices`.
- hardware: what this machine has.
- strategies: the `tf.distribute` strategy that suits devices and workers.
- cluster: which workers there are, and which one this process is.
- rendezvous: waits until all workers of a cluster are there.
"""

from official.devices.configuration import Devices, configure

__all__ = ['Devices', 'configure']
