"""Every network under test, and the published numbers of parameters."""

import dataclasses
import functools
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from alexnet import alexnet_model
from googlenet import googlenet_model
from official.layers import multiply_adds
from resnet import resnet_model


@dataclasses.dataclass(frozen=True)
class Network:
  """A network small enough to compute with.

  Attributes:
    build: Function from `data_format` and `dtype` to the model, which has
      `CLASSES` classes.
    image_shape: (height, width, channels) of an image.
    rate: A learning rate at which one step of momentum lowers the loss.
  """

  build: Callable[..., Callable[..., tf.Tensor]]
  image_shape: tuple[int, int, int]
  rate: float = 0.01


CLASSES = 10


_BOTTLENECKS = dataclasses.replace(
  resnet_model.imagenet_architecture(50), block_sizes=(1, 1, 1, 1)
)


def _resnet(
  architecture: resnet_model.Architecture, version: int
) -> Callable[..., resnet_model.Model]:
  return lambda **kwargs: resnet_model.Model(
    architecture,
    CLASSES,
    resnet_version=version,
    batch_norm_momentum=0.9,
    **kwargs,
  )


NETWORKS = {
  'resnet-8-v1': Network(
    _resnet(resnet_model.cifar_architecture(8), 1), (16, 16, 3)
  ),
  'resnet-8-v2': Network(
    _resnet(resnet_model.cifar_architecture(8), 2), (16, 16, 3)
  ),
  'resnet-18-v1': Network(
    _resnet(resnet_model.imagenet_architecture(18), 1), (28, 28, 1)
  ),
  # ResNet-50 with one block in each group.
  'resnet-14-v2': Network(_resnet(_BOTTLENECKS, 2), (32, 32, 3), 1e-3),
  'alexnet-small': Network(
    functools.partial(alexnet_model.Model, 'small', CLASSES), (28, 28, 1), 1e-3
  ),
  'alexnet-2012': Network(
    functools.partial(alexnet_model.Model, '2012', CLASSES), (67, 67, 3), 1e-5
  ),
  'alexnet-owt': Network(
    functools.partial(alexnet_model.Model, 'owt', CLASSES), (63, 63, 3), 1e-5
  ),
  'googlenet': Network(
    functools.partial(googlenet_model.Model, CLASSES), (28, 28, 1), 1e-3
  ),
  'googlenet-bn': Network(
    functools.partial(
      googlenet_model.Model, CLASSES, batch_norm=True, batch_norm_momentum=0.9
    ),
    (28, 28, 1),
  ),
}

# Trainable parameters, all parameters (with moving averages) and multiply-adds
# for one image, of the official TensorFlow ResNets.
_CIFAR = {
  (20, 1): (272_762, 274_362, 41_075_328),
  (20, 2): (272_538, 273_914, 41_075_328),
  (32, 1): (467_194, 469_690, 69_386_880),
  (32, 2): (466_970, 469_242, 69_386_880),
  (44, 1): (661_626, 665_018, 97_698_432),
  (44, 2): (661_402, 664_570, 97_698_432),
  (56, 1): (856_058, 860_346, 126_009_984),
  (56, 2): (855_834, 859_898, 126_009_984),
  (110, 1): (1_731_002, 1_739_322, 253_411_968),
  (110, 2): (1_730_778, 1_738_874, 253_411_968),
}
_IMAGENET = {
  (18, 1): (11_693_736, 11_703_464, 1_826_918_400),
  (18, 2): (11_691_816, 11_699_624, 1_826_918_400),
  (34, 1): (21_801_896, 21_819_048, 3_676_606_464),
  (34, 2): (21_799_976, 21_815_208, 3_676_606_464),
  (50, 1): (25_557_032, 25_610_152, 4_089_184_256),
  (50, 2): (25_549_352, 25_594_792, 4_089_184_256),
  (101, 1): (44_549_160, 44_654_504, 7_801_405_440),
  (101, 2): (44_541_480, 44_639_144, 7_801_405_440),
  (152, 1): (60_192_808, 60_344_232, 11_513_626_624),
  (152, 2): (60_185_128, 60_328_872, 11_513_626_624),
  (200, 1): (64_673_832, 64_849_832, 15_007_481_856),
  (200, 2): (64_666_152, 64_834_472, 15_007_481_856),
}


@dataclasses.dataclass(frozen=True)
class Count:
  """The published size of a network.

  Attributes:
    model: The model.
    image_size: Height and width of an image, in pixels.
    trainable: Number of trainable parameters.
    total: Number of all parameters, moving averages included.
    multiply_adds: Number of multiply-adds for one image.
  """

  model: Callable[..., tf.Tensor]
  image_size: int
  trainable: int
  total: int
  multiply_adds: int


def _counts() -> Iterator[tuple[str, Count]]:
  for (size, version), counts in _CIFAR.items():
    model = resnet_model.Model(
      resnet_model.cifar_architecture(size),
      10,
      resnet_version=version,
      data_format='channels_last',
    )
    yield f'ResNet-{size} v{version}, CIFAR-10', Count(model, 32, *counts)
  for (size, version), counts in _IMAGENET.items():
    model = resnet_model.Model(
      resnet_model.imagenet_architecture(size),
      1000,
      resnet_version=version,
      data_format='channels_last',
    )
    yield f'ResNet-{size} v{version}, ImageNet', Count(model, 224, *counts)
  for form, size, count, work in (
    ('2012', 227, 60_965_224, 724_406_816),
    ('owt', 224, 61_100_840, 714_188_480),
  ):
    model = alexnet_model.Model(form, 1000)
    yield f'AlexNet {form}', Count(model, size, count, count, work)
  for batch_norm, heads, trainable in (
    (False, False, 6_998_552),
    (False, True, 13_378_280),
    (True, False, 7_005_832),
    (True, True, 13_385_816),
  ):
    model = googlenet_model.Model(
      1000, batch_norm=batch_norm, auxiliary_heads=heads
    )
    # Moving averages: a mean and a variance for each filter.
    filters = 7_280 + (256 if heads else 0)
    name = f'GoogLeNet{" BN" * batch_norm}{" with heads" * heads}'
    total = trainable + 2 * filters * batch_norm
    work = 1_591_044_096 if heads else 1_582_671_872
    yield name, Count(model, 224, trainable, total, work)


COUNTS = dict(_counts())


def count_parameters(
  model: Callable[..., tf.Tensor], image_size: int
) -> tuple[int, int, int]:
  """Trainable parameters, all parameters and multiply-adds, as in `Count`.

  They are read from a training graph in which nothing is computed.
  """
  with tf.Graph().as_default() as graph:
    tf.compat.v1.train.create_global_step()
    images = tf.compat.v1.placeholder(
      tf.float32, [None, image_size, image_size, 3]
    )
    model(images, training=True)
    variables = graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)
    sizes = [
      (int(np.prod(v.shape)), v.trainable)
      for v in variables
      if 'global_step' not in v.name
    ]
  work = multiply_adds.of(graph).values()
  trainable = sum(n for n, trains in sizes if trains)
  return trainable, sum(n for n, _ in sizes), sum(work)
