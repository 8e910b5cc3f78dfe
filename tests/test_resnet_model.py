"""The residual networks: their numbers of parameters, names and shapes."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from resnet import resnet_model, resnet_model_fns
from tests import networks


@functools.cache
def variables_of(architecture, version, image_shape, classes):
  """Name to (shape, trainable), from a graph: nothing is computed."""
  with tf.Graph().as_default() as graph:
    images = tf.compat.v1.placeholder(tf.float32, [None, *image_shape])
    model = resnet_model.Model(
      architecture, classes, resnet_version=version, data_format='channels_last'
    )
    logits = model(images, training=True)
    assert logits.shape.as_list() == [None, classes]
    assert logits.dtype == tf.float32
    variables = graph.get_collection(tf.compat.v1.GraphKeys.GLOBAL_VARIABLES)
    return {v.name: (tuple(v.shape), v.trainable) for v in variables}


def count(variables, trainable_only):
  return sum(
    int(np.prod(shape))
    for shape, trainable in variables.values()
    if trainable or not trainable_only
  )


def both_counts(variables):
  return count(variables, True), count(variables, False)


@pytest.mark.slow
@pytest.mark.parametrize(
  'version, counts',
  [(1, (19_424_314, 19_514_170)), (2, (19_424_090, 19_513_722))],
)
def test_parameters_of_the_deepest_cifar_form(version, counts):
  arch = resnet_model.cifar_architecture(1202)
  assert both_counts(variables_of(arch, version, (32, 32, 3), 10)) == counts


@pytest.mark.parametrize('size, more', [(18, 513), (50, 2049)])
def test_one_more_class_is_one_more_column(size, more):
  arch = resnet_model.imagenet_architecture(size)
  variables = variables_of(arch, 1, (224, 224, 3), 1001)
  published = networks.COUNTS[f'ResNet-{size} v1, ImageNet'].trainable
  assert count(variables, True) == published + more


@pytest.mark.parametrize(
  'size, version, counts',
  [
    (20, 1, (272_474, 274_074)),
    (20, 2, (272_250, 273_626)),
    (32, 1, (466_906, 469_402)),
    (56, 1, (855_770, 860_058)),
    (110, 1, (1_730_714, 1_739_034)),
  ],
)
def test_parameters_on_mnist(size, version, counts):
  arch = resnet_model_fns.mnist_architecture(size)
  assert both_counts(variables_of(arch, version, (28, 28, 1), 10)) == counts


def test_names_are_those_of_the_original():
  arch = resnet_model.cifar_architecture(20)
  variables = variables_of(arch, 1, (32, 32, 3), 10)
  kernels = [name for name in variables if name.endswith('/kernel:0')]
  norms = [name for name in variables if name.endswith('/gamma:0')]
  assert (len(kernels), len(norms)) == (22 + 1, 22)
  assert kernels[0] == 'resnet_model/conv2d/kernel:0'
  assert kernels[21] == 'resnet_model/conv2d_21/kernel:0'
  assert kernels[22] == 'resnet_model/dense/kernel:0'
  assert norms[3] == 'resnet_model/batch_normalization_3/gamma:0'


@pytest.mark.parametrize('version', [1, 2])
@pytest.mark.parametrize(
  'arch, image_shape, classes',
  [
    (resnet_model.cifar_architecture(8), (28, 28, 1), 10),
    (resnet_model.cifar_architecture(8), (33, 47, 4), 7),
    (resnet_model.imagenet_architecture(18), (64, 64, 3), 1001),
    (resnet_model.imagenet_architecture(50), (28, 28, 1), 2),
  ],
)
def test_any_image_size_and_class_count(version, arch, image_shape, classes):
  variables_of(arch, version, image_shape, classes)


@pytest.mark.parametrize('version', [1, 2])
def test_the_maps_of_resnet_50_halve_where_the_paper_halves_them(version):
  """112 after the stem, then 56, 28, 14 and 7: table 1 of He et al. 2015."""
  with tf.Graph().as_default() as graph:
    images = tf.compat.v1.placeholder(tf.float32, [1, 224, 224, 3])
    arch = resnet_model.imagenet_architecture(50)
    resnet_model.Model(
      arch, 10, resnet_version=version, data_format='channels_last'
    )(images, training=False)
    convolutions = [op for op in graph.get_operations() if op.type == 'Conv2D']
    sizes = [op.outputs[0].shape[1] for op in convolutions]
    strided = [
      op.inputs[1].shape[0]
      for op in convolutions
      if op.get_attr('strides')[1] == 2
    ]
  assert sizes[0] == 112
  assert sorted(set(sizes[1:]), reverse=True) == [56, 28, 14, 7]
  # Version 1 is v1.5: the 3x3 strides, and the projection.
  assert strided == [7, 1, 3, 1, 3, 1, 3]


@pytest.mark.parametrize('size', [0, 2, 7, 18, 21, -4])
def test_a_size_the_cifar_form_does_not_have(size):
  with pytest.raises(ValueError, match=f'6n [+] 2 .* given: {size}'):
    resnet_model.cifar_architecture(size)


@pytest.mark.parametrize('size', [0, 17, 20, 1000])
def test_a_size_the_imagenet_form_does_not_have(size):
  with pytest.raises(ValueError, match=f'18, 34, .*200, given: {size}'):
    resnet_model.imagenet_architecture(size)


@pytest.mark.parametrize(
  'kwargs, message',
  [
    ({'resnet_version': 3}, r'resnet_version .* \(1, 2\), given: 3'),
    ({'dtype': tf.int32}, 'dtype must be one of .* given: .*int32'),
  ],
)
def test_a_wrong_model(kwargs, message):
  with pytest.raises(ValueError, match=message):
    resnet_model.Model(resnet_model.cifar_architecture(8), 10, **kwargs)


def test_the_layout_is_chosen_by_the_devices_that_are_visible():
  assert resnet_model.default_data_format() == 'channels_last'


@pytest.mark.parametrize('version', [1, 2])
@pytest.mark.parametrize('dtype', [tf.float32, tf.float16])
@pytest.mark.parametrize(
  'size',
  [
    18,
    34,
    50,
    *(pytest.param(n, marks=pytest.mark.slow) for n in (101, 152, 200)),
  ],
)
def test_the_maps_that_the_original_tested(size, version, dtype):
  """Stem 64 at 112, pool 64 at 56, last 512 or 2048 at 7, 1001 logits."""
  if dtype == tf.float16 and size > 50:
    pytest.skip('the same code as 50 layers')
  with tf.Graph().as_default() as graph:
    images = tf.compat.v1.placeholder(dtype, [1, 224, 224, 3])
    logits = resnet_model.Model(
      resnet_model.imagenet_architecture(size),
      1001,
      resnet_version=version,
      data_format='channels_last',
      dtype=dtype,
    )(images, training=True)

  def first(kind):
    return next(op for op in graph.get_operations() if op.type == kind)

  assert first('Conv2D').outputs[0].shape.as_list() == [1, 112, 112, 64]
  assert first('MaxPool').outputs[0].shape.as_list() == [1, 56, 56, 64]
  channels = 512 if size < 50 else 2048
  assert first('Mean').inputs[0].shape.as_list() == [1, 7, 7, channels]
  assert first('Mean').inputs[0].dtype == dtype
  assert (logits.shape.as_list(), logits.dtype) == ([1, 1001], tf.float32)


@pytest.mark.parametrize('version', [1, 2])
def test_a_batch_of_135_and_246_classes(version):
  with tf.Graph().as_default():
    images = tf.compat.v1.placeholder(tf.float32, [135, 32, 32, 3])
    model = resnet_model_fns.Cifar10Model(
      32, 'channels_last', num_classes=246, resnet_version=version
    )
    assert model(images, training=True).shape.as_list() == [135, 246]
