"""Trains GoogLeNet on CIFAR-10, or on any set of small photographs."""

from googlenet.googlenet_flags import GOOGLENET
from resnet import mains

_MAIN = mains.Main(GOOGLENET, 'cifar10')

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
