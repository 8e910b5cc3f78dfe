"""Trains GoogLeNet on MNIST, or on any set of images in its form."""

from googlenet.googlenet_flags import GOOGLENET
from resnet import mains

_MAIN = mains.Main(GOOGLENET, 'mnist')

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
