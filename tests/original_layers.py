"""Writes TF1 checkpoints and logits of the original's networks.

python original_layers.py FOLDER NETWORK...

Run with TF_USE_LEGACY_KERAS=1, which makes `tf.compat.v1.layers` those of
tf_keras: the layers the original was built of. The networks are spelled out
here as it spelled them, and share no code with this project's.
"""

import sys

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1

IMAGENET_50 = dict(
  bottleneck=True,
  num_filters=64,
  kernel_size=7,
  conv_stride=2,
  pool=True,
  block_sizes=[3, 4, 6, 3],
  block_strides=[1, 2, 2, 2],
)
CIFAR_20 = dict(
  bottleneck=False,
  num_filters=16,
  kernel_size=3,
  conv_stride=1,
  pool=False,
  block_sizes=[3, 3, 3],
  block_strides=[1, 2, 2],
)
NETWORKS = {
  'cifar-20-v1': (CIFAR_20, 1, (8, 32, 32, 3), 10),
  'cifar-20-v2': (CIFAR_20, 2, (8, 32, 32, 3), 10),
  'imagenet-50-v1': (IMAGENET_50, 1, (2, 96, 96, 3), 1001),
  'imagenet-50-v2': (IMAGENET_50, 2, (2, 96, 96, 3), 1001),
}


def batch_norm(inputs, training):
  return v1.layers.batch_normalization(
    inputs,
    axis=3,
    momentum=0.997,
    epsilon=1e-5,
    center=True,
    scale=True,
    training=training,
    fused=True,
  )


def conv2d_fixed_padding(inputs, filters, kernel_size, strides):
  if strides > 1:
    total = kernel_size - 1
    pad = [total // 2, total - total // 2]
    inputs = tf.pad(inputs, [[0, 0], pad, pad, [0, 0]])
  return v1.layers.conv2d(
    inputs,
    filters,
    kernel_size,
    strides,
    padding='SAME' if strides == 1 else 'VALID',
    use_bias=False,
    kernel_initializer=v1.variance_scaling_initializer(),
  )


def building_block_v1(inputs, filters, training, projection, strides):
  shortcut = inputs
  if projection is not None:
    shortcut = batch_norm(projection(inputs), training)
  inputs = conv2d_fixed_padding(inputs, filters, 3, strides)
  inputs = tf.nn.relu(batch_norm(inputs, training))
  inputs = conv2d_fixed_padding(inputs, filters, 3, 1)
  inputs = batch_norm(inputs, training)
  return tf.nn.relu(inputs + shortcut)


def building_block_v2(inputs, filters, training, projection, strides):
  shortcut = inputs
  inputs = tf.nn.relu(batch_norm(inputs, training))
  if projection is not None:
    shortcut = projection(inputs)
  inputs = conv2d_fixed_padding(inputs, filters, 3, strides)
  inputs = tf.nn.relu(batch_norm(inputs, training))
  inputs = conv2d_fixed_padding(inputs, filters, 3, 1)
  return inputs + shortcut


def bottleneck_block_v1(inputs, filters, training, projection, strides):
  shortcut = inputs
  if projection is not None:
    shortcut = batch_norm(projection(inputs), training)
  inputs = conv2d_fixed_padding(inputs, filters, 1, 1)
  inputs = tf.nn.relu(batch_norm(inputs, training))
  inputs = conv2d_fixed_padding(inputs, filters, 3, strides)
  inputs = tf.nn.relu(batch_norm(inputs, training))
  inputs = conv2d_fixed_padding(inputs, 4 * filters, 1, 1)
  inputs = batch_norm(inputs, training)
  return tf.nn.relu(inputs + shortcut)


def bottleneck_block_v2(inputs, filters, training, projection, strides):
  shortcut = inputs
  inputs = tf.nn.relu(batch_norm(inputs, training))
  if projection is not None:
    shortcut = projection(inputs)
  inputs = conv2d_fixed_padding(inputs, filters, 1, 1)
  inputs = tf.nn.relu(batch_norm(inputs, training))
  inputs = conv2d_fixed_padding(inputs, filters, 3, strides)
  inputs = tf.nn.relu(batch_norm(inputs, training))
  inputs = conv2d_fixed_padding(inputs, 4 * filters, 1, 1)
  return inputs + shortcut


BLOCKS = {
  (False, 1): building_block_v1,
  (False, 2): building_block_v2,
  (True, 1): bottleneck_block_v1,
  (True, 2): bottleneck_block_v2,
}


def network(images, training, sizes, version, classes):
  block = BLOCKS[sizes['bottleneck'], version]
  with v1.variable_scope('resnet_model', reuse=v1.AUTO_REUSE):
    x = conv2d_fixed_padding(
      images, sizes['num_filters'], sizes['kernel_size'], sizes['conv_stride']
    )
    if version == 1:
      x = tf.nn.relu(batch_norm(x, training))
    if sizes['pool']:
      x = v1.layers.max_pooling2d(x, 3, 2, 'SAME')
    for i, blocks in enumerate(sizes['block_sizes']):
      filters = sizes['num_filters'] * 2**i
      out = 4 * filters if sizes['bottleneck'] else filters
      strides = sizes['block_strides'][i]

      def projection(inputs, out=out, strides=strides):
        return conv2d_fixed_padding(inputs, out, 1, strides)

      x = block(x, filters, training, projection, strides)
      for _ in range(1, blocks):
        x = block(x, filters, training, None, 1)
    if version == 2:
      x = tf.nn.relu(batch_norm(x, training))
    x = tf.squeeze(tf.reduce_mean(x, [1, 2], keepdims=True), [1, 2])
    return v1.layers.dense(x, classes)


def randomize(session, rng):
  """Random moving statistics, scales, offsets and biases, as if trained."""
  for variable in v1.global_variables():
    name, shape = variable.op.name, variable.shape.as_list()
    if name.endswith('kernel') or name == 'global_step':
      continue
    value = 0.2 * rng.randn(*shape)
    if name.endswith(('gamma', 'moving_variance')):
      value = 1 + 0.5 * rng.rand(*shape)
    variable.load(value.astype(np.float32), session)


def main(folder, names):
  for name in names:
    sizes, version, shape, classes = NETWORKS[name]
    rng = np.random.RandomState(len(name) + version)
    with tf.Graph().as_default(), v1.Session() as session:
      v1.set_random_seed(7)
      images = rng.randn(*shape).astype(np.float32)
      logits = {
        mode: network(
          tf.constant(images), mode == 'train', sizes, version, classes
        )
        for mode in ('eval', 'train')
      }
      v1.train.create_global_step()
      session.run(v1.global_variables_initializer())
      randomize(session, rng)
      v1.train.get_global_step().load(1234, session)
      v1.train.Saver().save(session, f'{folder}/{name}/model.ckpt', 1234)
      np.savez(
        f'{folder}/{name}/logits.npz',
        images=images,
        **{mode: session.run(tensor) for mode, tensor in logits.items()},
      )


if __name__ == '__main__':
  main(sys.argv[1], sys.argv[2:])
