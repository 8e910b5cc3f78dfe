"""Trains AlexNet on CIFAR-10, or on any set of small photographs."""

from alexnet.alexnet_flags import ALEXNET
from resnet import mains

_MAIN = mains.Main(ALEXNET, 'cifar10')

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
