"""The devices of a machine and the workers of a cluster that a run computes on.

- configuration: `configure`, from the flags to `Devices`.
- hardware: the processor and the GPUs of this machine.
- strategies: the `tf.distribute` strategy that suits devices and workers.
- cluster: which workers there are, and which one this process is.
- rendezvous: waits until all workers of a cluster have started.
"""

from official.devices.configuration import Devices, configure

__all__ = ['Devices', 'configure']
