"""Trains AlexNet on MNIST, or on any set of images in its form."""

from alexnet.alexnet_flags import ALEXNET
from resnet import mains

_MAIN = mains.Main(ALEXNET, 'mnist')

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
