"""Trains LeNet-5 on MNIST: a network of one's own, in one file."""

import dataclasses

from official import flags
from resnet import mains

# TensorFlow is imported where it is needed, so that --help and errors in flags
# are printed at once.


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeNetSettings(flags.DeclaredSettings):
  """The settings that this network adds to those of every main."""

  units: int = flags.setting(120, 'Units of the first dense layer.', low=1)


def lenet(data_format, dtype, num_classes, units):
  """A function of images [N, H, W, C] and `training` to logits [N, classes]."""
  import tensorflow as tf

  from official import layers

  def model(images, training):
    net = layers.Network(
      'lenet', training=training, data_format=data_format, dtype=dtype
    )
    x = tf.nn.relu(net.conv2d(net.images(images), 6, 5, use_bias=True))
    x = net.max_pool(x, 2, 2)
    x = tf.nn.relu(net.conv2d(x, 16, 5, padding='VALID', use_bias=True))
    x = net.flatten(net.max_pool(x, 2, 2))
    x = tf.nn.relu(net.dense(x, units))
    x = tf.nn.relu(net.dense(x, 84))
    return net.dense(x, num_classes)

  return model


def lenet_model_fn(features, labels, mode, params):
  """Adds cross-entropy, weight decay, the optimizer and the metrics."""
  from resnet import resnet_run_loop

  model = lenet(
    params['data_format'],
    params['dtype'],
    params['num_classes'],
    params['units'],
  )
  return resnet_run_loop.image_model_fn(features, labels, mode, params, model)


def name_of(settings, problem):
  """The network's name, for people and for config.json."""
  del settings, problem
  return 'LeNet-5'


_MAIN = mains.Main(
  mains.Network(
    module=__name__,
    settings=LeNetSettings,
    recipes={
      'mnist': mains.Recipe(
        model_fn='lenet_model_fn',
        defaults={'batch_size': 128, 'train_epochs': 3, 'base_lr': 0.05},
      )
    },
  ),
  'mnist',
)

define_flags = _MAIN.define_flags
main = _MAIN.train
run = _MAIN.run

if __name__ == '__main__':
  run()
