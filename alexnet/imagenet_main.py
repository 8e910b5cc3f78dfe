"""Trains AlexNet on ImageNet, or on your own photographs."""

from alexnet.alexnet_flags import ALEXNET
from resnet import mains

_MAIN = mains.Main(ALEXNET, 'imagenet')

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
