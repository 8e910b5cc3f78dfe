"""Trains a ResNet on CIFAR-10, or on any set of small photographs."""

from resnet import mains
from resnet.resnet_flags import RESNET

_MAIN = mains.Main(RESNET, 'cifar10')

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
