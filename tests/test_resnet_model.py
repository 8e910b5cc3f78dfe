"""The residual networks: how many parameters, which names, which shapes."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from official.estimator.variables import VariableStore
from resnet import mnist_model, resnet_model

# Trainable, and with moving statistics: spec of the official TensorFlow models.
CIFAR_COUNTS = {
  (20, 1): (272_762, 274_362),
  (20, 2): (272_538, 273_914),
  (32, 1): (467_194, 469_690),
  (32, 2): (466_970, 469_242),
  (44, 1): (661_626, 665_018),
  (44, 2): (661_402, 664_570),
  (56, 1): (856_058, 860_346),
  (56, 2): (855_834, 859_898),
  (110, 1): (1_731_002, 1_739_322),
  (110, 2): (1_730_778, 1_738_874),
  (8, 1): (78_330, 79_034),
  (8, 2): (78_106, 78_586),
}
IMAGENET_COUNTS = {
  (18, 1): (11_693_736, 11_703_464),
  (18, 2): (11_691_816, 11_699_624),
  (34, 1): (21_801_896, 21_819_048),
  (34, 2): (21_799_976, 21_815_208),
  (50, 1): (25_557_032, 25_610_152),
  (50, 2): (25_549_352, 25_594_792),
  (101, 1): (44_549_160, 44_654_504),
  (101, 2): (44_541_480, 44_639_144),
  (152, 1): (60_192_808, 60_344_232),
  (152, 2): (60_185_128, 60_328_872),
  (200, 1): (64_673_832, 64_849_832),
  (200, 2): (64_666_152, 64_834_472),
}


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


@pytest.mark.parametrize('size, version', CIFAR_COUNTS)
def test_parameters_of_the_cifar_form(size, version):
  arch = resnet_model.cifar_architecture(size)
  variables = variables_of(arch, version, (32, 32, 3), 10)
  assert both_counts(variables) == CIFAR_COUNTS[size, version]


@pytest.mark.slow
@pytest.mark.parametrize(
  'version, counts',
  [(1, (19_424_314, 19_514_170)), (2, (19_424_090, 19_513_722))],
)
def test_parameters_of_the_deepest_cifar_form(version, counts):
  arch = resnet_model.cifar_architecture(1202)
  assert both_counts(variables_of(arch, version, (32, 32, 3), 10)) == counts


@pytest.mark.parametrize('size, version', IMAGENET_COUNTS)
def test_parameters_of_the_imagenet_form(size, version):
  arch = resnet_model.imagenet_architecture(size)
  variables = variables_of(arch, version, (224, 224, 3), 1000)
  assert both_counts(variables) == IMAGENET_COUNTS[size, version]


@pytest.mark.parametrize('size, more', [(18, 513), (50, 2049)])
def test_a_class_more_is_a_column_more(size, more):
  arch = resnet_model.imagenet_architecture(size)
  variables = variables_of(arch, 1, (224, 224, 3), 1001)
  assert count(variables, True) == IMAGENET_COUNTS[size, 1][0] + more


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
  arch = mnist_model.architecture(size)
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
  with pytest.raises(ValueError, match=rf'\[18, .*200\], given: {size}'):
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


def test_the_layout_is_chosen_by_the_devices_that_there_are():
  assert resnet_model.default_data_format() == 'channels_last'


@pytest.mark.parametrize('version', [1, 2])
def test_both_layouts_give_the_same_logits(version):
  """Under XLA, as TensorFlow has no NCHW convolution on the CPU."""
  images = np.random.RandomState(0).randn(4, 16, 16, 3).astype(np.float32)
  store = VariableStore(seed=1)

  def logits(data_format):
    @tf.function(autograph=False, jit_compile=True)
    def call(x):
      model = resnet_model.Model(
        resnet_model.cifar_architecture(8),
        10,
        resnet_version=version,
        data_format=data_format,
      )
      with store.trace(), store.scope():
        return model(x, training=False)

    return call(tf.constant(images))

  first, last = logits('channels_first'), logits('channels_last')
  np.testing.assert_allclose(first, last, atol=1e-4)
  assert len(store.variables) == 1 + 5 * (10 if version == 1 else 7) + 2 + (
    0 if version == 1 else 3
  )
