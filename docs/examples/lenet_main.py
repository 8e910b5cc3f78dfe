"""Trains LeNet-5 on MNIST: a network of one's own, in one file."""

from absl import flags

from official import cli
from official import flags as official_flags

# TensorFlow is imported where it is needed: --help and a wrong flag answer at
# once.


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


def define_flags():
  """The flags that every main has, and one of this network."""
  official_flags.define_base()
  official_flags.define_performance()
  official_flags.define_distribution()
  official_flags.define_image()
  official_flags.define_training()
  official_flags.define_dataset()
  flags.DEFINE_integer('units', 120, 'Of the first dense layer.')
  official_flags.set_defaults(batch_size=128, train_epochs=3, base_lr=0.05)


def main():
  """Flags, dataset, network, run loop."""
  from official import devices as devices_lib
  from official.datasets import catalog
  from resnet import learning_rates, resnet_run_loop

  flags_obj = flags.FLAGS
  devices = devices_lib.configure(flags_obj)
  dataset = catalog.load_mnist(flags_obj)
  rate = learning_rates.from_flags(flags_obj, dataset, 128)
  resnet_run_loop.resnet_main(
    flags_obj, lenet_model_fn, dataset, 'LeNet-5', rate, devices
  )


if __name__ == '__main__':
  define_flags()
  cli.run(main)
