"""The programs of docs/migration, moved from tf.estimator, on real MNIST."""

import difflib
import importlib.util
import re

import numpy as np
import pytest
import tensorflow as tf

from official import estimator
from official.datasets import mnist
from tests.conftest import ROOT

FOLDER = ROOT / 'docs' / 'migration'


def load(name):
  spec = importlib.util.spec_from_file_location(name, FOLDER / f'{name}.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


@pytest.fixture(scope='module')
def digits():
  """6,000 + 1,000 images float32 [N, 28, 28] of 0 to 1, and labels."""
  arrays = mnist.read(None)
  return [
    (
      arrays[split, 'images'][:count] / np.float32(255),
      arrays[split, 'labels'][:count].astype(np.int32),
    )
    for split, count in (('train', 6000), ('test', 1000))
  ]


@pytest.mark.parametrize('name', ['tutorial', 'regression'])
def test_the_guide_tells_how_many_lines_change(name):
  old = (FOLDER / f'{name}_tf1.py.txt').read_text().splitlines()
  new = (FOLDER / f'{name}.py').read_text().splitlines()
  changed = sum(
    line.startswith('+ ') and line != '+ ' for line in difflib.ndiff(old, new)
  )
  guide = (ROOT / 'docs' / 'migration.md').read_text()
  told = re.search(rf'{name}\.py\).*?(\d+) of (\d+) lines', guide, re.DOTALL)
  written = sum(bool(line) for line in new)
  assert (changed, written) == tuple(map(int, told.groups()))


def test_the_tutorial_learns_and_its_export_serves(digits, tmp_path):
  """30 steps of Adam; guessing would be right for a tenth of the digits."""
  train, (images, labels) = digits
  program = load('tutorial')
  results, exported = program.main(
    train,
    (images[:300], labels[:300]),
    tmp_path / 'model',
    tmp_path / 'exports',
    steps=30,
  )
  assert results['accuracy'] > 0.7 and results['global_step'] == 30
  images = images[:50]
  serve = tf.saved_model.load(exported).signatures['serving_default']
  served = serve(input=tf.constant(images))['probabilities']
  classifier = estimator.Estimator(program.cnn_model_fn, tmp_path / 'model')
  predicted = classifier.predict(
    estimator.numpy_input_fn({'x': images}, shuffle=False)
  )
  np.testing.assert_allclose(
    served,
    [one['probabilities'] for one in predicted],
    rtol=1e-4,
    atol=1e-6,
  )


def test_the_regression_comes_to_the_least_squares(digits, tmp_path):
  """How tall a digit is, from the ink of its rows and columns."""

  def data(images):
    ink = images.astype(np.float64).sum(2)
    place = np.arange(28)
    centre = (ink * place).sum(1) / ink.sum(1)
    spread = ink * (place - centre[:, None]) ** 2
    height = np.sqrt(spread.sum(1) / ink.sum(1)).astype(np.float32)
    return {'rows': images.mean(2), 'columns': images.mean(1)}, height

  train, test = (data(images) for images, _ in digits)
  results, predictions = load('regression').main(
    train, test, tmp_path / 'model', steps=3000
  )

  def matrix(features):
    columns = [*features.values(), np.ones([len(features['rows']), 1])]
    return np.concatenate(columns, axis=1)

  solution, *_ = np.linalg.lstsq(matrix(train[0]), train[1], rcond=None)
  exact = matrix(test[0]) @ solution
  least = np.mean((exact - test[1]) ** 2)
  assert least < 0.5 * np.var(test[1])
  assert results['average_loss'] == pytest.approx(least, rel=0.25)
  assert results['label/mean'] == pytest.approx(test[1].mean(), rel=1e-5)
  assert results['prediction/mean'] == pytest.approx(np.mean(predictions))
  assert np.corrcoef(np.ravel(predictions), exact)[0, 1] > 0.99


def test_numpy_inputs_are_in_order_or_shuffled_and_go_on():
  x = np.arange(10)

  def batches(function, count, step=0):
    taken = function(mode='train', global_step=step).take(count)
    return [batch.numpy().tolist() for batch in taken]

  plain = estimator.numpy_input_fn(x, batch_size=4, shuffle=False)
  assert batches(plain, 9) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
  endless = estimator.numpy_input_fn(
    x, batch_size=5, num_epochs=None, shuffle=True, seed=3
  )
  six = batches(endless, 6)
  epochs = [sorted(a + b) for a, b in zip(six[::2], six[1::2], strict=True)]
  assert epochs == [list(range(10))] * 3
  assert six[:2] != six[2:4] != six[4:]
  assert batches(endless, 3, step=3) == six[3:]
  pairs = estimator.numpy_input_fn({'a': x}, 2 * x, shuffle=False)
  [(features, labels)] = pairs(mode='eval', global_step=7)
  assert (2 * features['a'] == labels).numpy().all()


def test_numpy_inputs_that_cannot_be():
  with pytest.raises(ValueError, match='shuffle must be given'):
    estimator.numpy_input_fn(np.zeros(3))
  with pytest.raises(ValueError, match='of one length'):
    estimator.numpy_input_fn(np.zeros(3), np.zeros(4), shuffle=True)
