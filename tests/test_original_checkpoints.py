"""The original's TF1 checkpoints load by name and give its logits."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from official.estimator import checkpoints
from official.estimator.variables import VariableStore
from resnet import resnet_model
from tests.conftest import ROOT
from tests.test_photographs import write_cifar10

NETWORKS = {
  'cifar-20-v1': resnet_model.cifar_architecture(20),
  'cifar-20-v2': resnet_model.cifar_architecture(20),
  'imagenet-50-v1': resnet_model.imagenet_architecture(50),
  'imagenet-50-v2': resnet_model.imagenet_architecture(50),
}


# Relative to the largest logit. Rounding errors grow with the layers, and each
# kind of CPU rounds sums in float32 differently: 50 layers were at most 5e-5
# apart, 20 layers less than 1e-5.
TOLERANCES = {'cifar-20': 1e-5, 'imagenet-50': 1e-4}


@pytest.fixture(scope='module')
def originals(tmp_path_factory):
  """A function that makes the folder of a checkpoint and its logits.

  `original_layers.py` writes them, for a whole family in one process when the
  first of them is asked for.
  """
  pytest.importorskip('tf_keras', reason='the oracle; see README.md')
  folder = tmp_path_factory.mktemp('originals')

  def original(name):
    if not (folder / name).exists():
      family = [n for n in NETWORKS if n[:-1] == name[:-1]]
      result = subprocess.run(
        [sys.executable, ROOT / 'tests' / 'original_layers.py', folder]
        + family,
        env=os.environ | {'TF_USE_LEGACY_KERAS': '1'},
        capture_output=True,
        text=True,
      )
      assert result.returncode == 0, result.stderr
    return folder / name

  return original


@pytest.mark.parametrize(
  'name',
  [
    pytest.param(
      name, marks=pytest.mark.slow if name.startswith('imagenet') else ()
    )
    for name in NETWORKS
  ],
)
def test_a_checkpoint_of_the_original_gives_its_logits(originals, name):
  folder = originals(name)
  expected = np.load(folder / 'logits.npz')
  store = VariableStore()

  def logits(training):
    @tf.function(autograph=False)
    def call(images):
      model = resnet_model.Model(
        NETWORKS[name],
        expected['eval'].shape[1],
        resnet_version=int(name[-1]),
        data_format='channels_last',
      )
      with store.trace(), store.scope():
        return model(images, training)

    images = tf.constant(expected['images'])
    call.get_concrete_function(images)
    path = str(folder / 'model.ckpt-1234')
    checkpoints.restore(path, store.variables)
    names_on_disk = {key for key, _ in tf.train.list_variables(path)}
    assert names_on_disk == store.variables.keys()
    return call(images).numpy()

  # The scale of the logits grows with the depth of random weights.
  for mode, training in (('eval', False), ('train', True)):
    scale = abs(expected[mode]).max()
    np.testing.assert_allclose(
      logits(training) / scale,
      expected[mode] / scale,
      atol=TOLERANCES[name[:-3]],
    )
  assert store.global_step.numpy() == 1234


def test_a_folder_of_the_original_is_evaluated_as_it_stands(
  originals, tmp_path, run
):
  """`--eval_only` on a folder of TensorFlow 1: no config, no manifest."""
  model_dir = tmp_path / 'tf1'
  shutil.copytree(originals('cifar-20-v1'), model_dir)
  data = tmp_path / 'data'
  write_cifar10(data)
  result = run(
    '-m', 'resnet.cifar10_main', '--resnet_size=20', '--eval_only',
    f'--model_dir={model_dir}', f'--data_dir={data}', cwd=tmp_path,
  )  # fmt: skip
  assert result.returncode == 0, result.stderr
  lines = result.stdout.splitlines()
  assert 'evaluating the checkpoint of step 1,234' in lines[0]
  assert 'step 1234  test accuracy ' in lines[1]
