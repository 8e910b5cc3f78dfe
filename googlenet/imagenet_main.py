"""Trains GoogLeNet on ImageNet, or on your own photographs."""

from googlenet.googlenet_flags import GOOGLENET
from resnet import mains

_MAIN = mains.Main(GOOGLENET, 'imagenet')

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
