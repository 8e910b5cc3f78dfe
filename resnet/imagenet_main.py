"""Trains a ResNet on ImageNet, or on your own photographs."""

from resnet import mains
from resnet.resnet_flags import RESNET

_MAIN = mains.Main(RESNET, 'imagenet')

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
