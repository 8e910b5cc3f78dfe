"""Trains a ResNet on MNIST, or on any set of images in its form."""

from resnet import mains
from resnet.resnet_flags import RESNET

_MAIN = mains.Main(RESNET, 'mnist')

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
