"""TensorBoard itself reads the events of a run."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from official.estimator.summary import EventWriter
from official.run import tensorboard


def read(folder):
  found = event_accumulator.EventAccumulator(
    str(folder), size_guidance={'images': 0, 'histograms': 0}
  )
  return found.Reload()


@pytest.fixture(scope='module')
def events(finished):
  """The events of a run of 2 epochs of 8 steps, with all summaries."""
  return read(finished[0] / 'run')


def test_scalars_images_filters_histograms_and_the_graph(events):
  tags = events.Tags()
  assert {'loss', 'learning_rate', 'train_accuracy'} <= set(tags['scalars'])
  assert {'filters', *(f'images/train/{i}' for i in range(8))} == set(
    tags['images']
  )
  assert [e.step for e in events.Images('filters')] == [0, 8, 16]
  image = Image.open(
    io.BytesIO(events.Images('images/train/0')[0].encoded_image_string)
  )
  assert image.size == (28, 28)
  # 10 convolutions, each with a norm's gamma and beta; the dense layer's two.
  assert len(tags['histograms']) == 3 * 10 + 2
  nodes = {node.name for node in events.Graph().node}
  assert any(n.startswith('resnet_model/') for n in nodes)


def test_hyper_parameters_are_those_of_the_flags(events):
  metadata = events.SummaryMetadata('_hparams_/session_start_info')
  found = plugin_data_pb2.HParamsPluginData.FromString(
    metadata.plugin_data.content
  ).session_start_info.hparams
  assert found['resnet_size'].number_value == 8
  assert found['batch_size'].number_value == 64
  assert found['base_lr'].number_value == 0.025
  assert 'model_dir' not in found


def test_a_histogram_by_hand(tmp_path):
  writer = EventWriter(str(tmp_path))
  writer.write_histogram('x', np.array([[0.0, 1.0], [2.0, 4.0]]), 3, bins=2)
  writer.flush()
  [event] = read(tmp_path).Histograms('x')
  value = event.histogram_value
  assert (event.step, value.num, value.sum) == (3, 4, 7)
  assert (value.min, value.max, value.sum_squares) == (0, 4, 21)
  assert (value.bucket_limit, value.bucket) == ([2, 4], [2, 2])


def test_filters_lie_in_a_grid_with_lines_between():
  kernel = np.arange(3, dtype=np.float32).reshape([1, 1, 1, 3])
  picture = tensorboard.grid(kernel)[:: tensorboard._ENLARGED]
  picture = picture[:, :: tensorboard._ENLARGED, 0]
  assert picture.tolist() == [
    [0, 0, 128, 0],
    [0, 0, 0, 0],
    [255, 0, 0, 0],
    [0, 0, 0, 0],
  ]
  many = tensorboard.grid(np.random.rand(5, 5, 3, 4).astype(np.float32))
  assert many.shape == (72, 72, 3)


def test_loops_do_not_hide_the_network():
  def node(name, *inputs):
    return tf.compat.v1.NodeDef(name=name, op='NoOp', input=inputs)

  graph = tf.compat.v1.GraphDef(
    node=[node('while/a'), node('b', '^while/a'), node('while/c', 'while/a:1')]
  )
  found = tensorboard._without_loop(graph)
  assert [n.name for n in found.node] == ['a', 'b', 'c']
  assert [list(n.input) for n in found.node] == [[], ['^a'], ['a:1']]
  twice = tf.compat.v1.GraphDef(node=[node('while/a'), node('a')])
  names = [n.name for n in tensorboard._without_loop(twice).node]
  assert names == ['while/a', 'a']
