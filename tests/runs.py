"""Writes folders of runs by hand, to test the code that reads them."""

import json

import numpy as np
import tensorflow as tf

from official.estimator import Checkpoints
from official.report import runs


def write_run(
  folder,
  network,
  accuracies,
  *,
  seed=1,
  seconds=0.5,
  settings=(),
  pause=None,
  predicted=None,
  examples=None,
  parameters=16,
):
  """A run of 10 steps per epoch, evaluated on 1,000 images after each epoch.

  Args:
    folder: The folder to write, which must not exist.
    network: Name of the network.
    accuracies: The accuracy on the test images after each epoch.
    seed: The run's seed.
    seconds: Seconds of a step.
    settings: Other flags of its command.
    pause: Seconds between the fourth and the fifth step of the second epoch;
      None for no pause.
    predicted: Labels, predicted classes and confidences, [N] each; None for a
      run without predictions.
    examples: The number of images that its evaluations report; None for none.
    parameters: The number of parameters in its config; None for none, as in the
      configs of older versions.
  """
  folder.mkdir(parents=True)
  step = 10 * len(accuracies)
  kernel = tf.ones([3, 4])
  Checkpoints(str(folder)).save(
    {
      'net/dense/kernel': kernel,
      'net/dense/kernel/Momentum': kernel,
      'net/bn/gamma': tf.ones([4]),
      'net/bn/moving_mean': tf.ones([4]),
      'global_step': tf.constant(step, tf.int64),
    },
    step,
  )
  config = {
    'arguments': [*settings, f'--seed={seed}'],
    'batch_size': 60,
    'train_epochs': len(accuracies),
    'class_names': list('0123456789'),
    'num_images': {'train': 600, 'test': 1000},
    'seed': seed,
    'environment': {'tensorflow': '2.21.0'},
  }
  if parameters is not None:
    config['parameters'] = parameters
  identity = {'network': network, 'dataset': 'MNIST'}
  (folder / 'config.json').write_text(
    json.dumps({'identity': identity, 'config': config})
  )
  lines = _metrics(accuracies, seconds, pause or 0, examples)
  (folder / 'metrics.jsonl').write_text(
    ''.join(json.dumps(line) + '\n' for line in lines)
  )
  if predicted:
    write_predictions(folder, step, *predicted)
  return runs.load(str(folder))


def _metrics(accuracies, seconds, pause, examples):
  """The lines of metrics.jsonl; see `write_run`."""
  now = 1000.0
  for epoch, accuracy in enumerate(accuracies):
    for step in range(10 * epoch + 1, 10 * epoch + 11):
      now += seconds + (pause if step == 15 else 0)
      yield {
        'kind': 'train',
        'step': step,
        'time': now,
        'loss': 1 / step,
        'train_accuracy': 0.5,
        'learning_rate': 0.1,
      }
    now += 100
    yield {
      'kind': 'eval',
      'step': 10 * epoch + 10,
      'time': now,
      'accuracy': accuracy,
      'cross_entropy': 1 - accuracy,
      **({'examples': float(examples)} if examples else {}),
    }


def write_predictions(folder, step, labels, classes, confidences):
  """Writes `predictions.npz` of a network whose mistakes are grey images."""
  mistakes = np.flatnonzero(np.array(labels) != classes)
  np.savez(
    folder / 'predictions.npz',
    step=step,
    labels=np.array(labels, np.int32),
    classes=np.array(classes, np.int32),
    confidences=np.array(confidences, np.float32),
    mistakes=mistakes.astype(np.int32),
    mistake_images=np.full([len(mistakes), 8, 8, 1], 128, np.uint8),
    filters=np.random.RandomState(0).randn(3, 3, 1, 4).astype(np.float32),
    multiply_adds=1_000_000,
  )
