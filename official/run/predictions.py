"""The predictions for every test image: predictions.npz of a run."""

import os
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.devices import Devices
from official.errors import UsageError
from official.flags import Settings
from official.images import to_uint8
from official.layers import multiply_adds
from official.run import folder as run_folder
from official.run import progress

_MISTAKES = 24  # images of mistakes that are stored


def check(settings: Settings, devices: Devices) -> None:
  """Checks that `save` can work, before any long work starts.

  Raises:
    UsageError: It cannot work.
  """
  if settings.save_predictions and devices.worker:
    raise UsageError(
      '--save_predictions works in one process; leave it out, and afterwards '
      'run --eval_only --save_predictions on one machine'
    )
  if settings.save_predictions and settings.export_only:
    raise UsageError('--save_predictions goes with --eval_only or training')
  if settings.save_predictions and settings.use_synthetic_data:
    raise UsageError(
      '--save_predictions looks at every test image, and those of '
      '--use_synthetic_data are random and without end'
    )


def save(
  estimator: estimator_lib.Estimator, dataset: ImageDataset, batch_size: int
) -> str:
  """Writes `predictions.npz` to the folder of a run, for its newest checkpoint.

  In it: `step`, the checkpoint's; `labels`, `classes` int32 [N] and
  `confidences` float32 [N], the probability of the class that was chosen;
  `mistakes` int32 [M], the most confident ones first, and their
  `mistake_images` uint8 [M, H, W, C]; `filters` float32 [k, k, C, F], the
  kernel of the first convolution; `multiply_adds` int64, of one image, by the
  definition of the layers.

  Args:
    estimator: An Estimator that predicts `classes` and `probabilities`.
    dataset: The data set of the test images.
    batch_size: Number of images to predict at a time.

  Returns:
    The path of the file.
  """
  batches = -(-dataset.num_images['test'] // batch_size)
  predictions = list(
    estimator.predict(
      lambda: _images(dataset, batch_size),
      hooks=[progress.BatchProgressHook(batches, 'predicting')],
      yield_single_examples=False,
    )
  )
  counts = multiply_adds.of(estimator.graph(estimator_lib.ModeKeys.PREDICT))
  classes = np.concatenate([batch['classes'] for batch in predictions])
  probabilities = np.concatenate([
    batch['probabilities'].max(axis=1) for batch in predictions
  ])
  labels = np.concatenate([
    labels.numpy() for _, labels in _batches(dataset, batch_size)
  ])
  mistakes = np.flatnonzero(classes != labels)
  order = np.argsort(-probabilities[mistakes], kind='stable')
  mistakes = mistakes[order][:_MISTAKES]
  first = next((name for name in counts if 'conv' in name), None)
  path = os.path.join(estimator.model_dir, run_folder.PREDICTIONS)
  with open(f'{path}.tmp', 'wb') as f:
    np.savez_compressed(
      f,
      step=_step_of(estimator),
      labels=labels.astype(np.int32),
      classes=classes.astype(np.int32),
      confidences=probabilities.astype(np.float32),
      mistakes=mistakes.astype(np.int32),
      mistake_images=_pictures(dataset, batch_size, mistakes),
      filters=estimator.get_variable_value(first)
      if first
      else np.zeros([0, 0, 0, 0], np.float32),
      multiply_adds=np.int64(sum(counts.values())),
    )
  os.replace(f'{path}.tmp', path)
  return path


def _step_of(estimator: estimator_lib.Estimator) -> int:
  """The global step of the checkpoint that makes the predictions."""
  checkpoint = estimator.latest_checkpoint()
  assert checkpoint is not None
  return estimator_lib.step_of(checkpoint)


def _batches(dataset: ImageDataset, batch_size: int) -> tf.data.Dataset:
  """Every test image once, in order, with its label."""
  return dataset.input_fn(False, batch_size)


def _images(dataset: ImageDataset, batch_size: int) -> tf.data.Dataset:
  return _batches(dataset, batch_size).map(lambda images, labels: images)


def _pictures(
  dataset: ImageDataset, batch_size: int, chosen: np.ndarray
) -> np.ndarray:
  """These test images as the network gets them, scaled from black to white."""
  pictures = dict(_chosen_pictures(dataset, batch_size, set(chosen.tolist())))
  if not pictures:
    return np.zeros([0, *dataset.image_shape], np.uint8)
  return np.stack([pictures[index] for index in chosen.tolist()])


def _chosen_pictures(
  dataset: ImageDataset, batch_size: int, chosen: set[int]
) -> Iterator[tuple[int, np.ndarray]]:
  start = 0
  for images, _ in _batches(dataset, batch_size):
    for offset in range(len(images)):
      if start + offset in chosen:
        yield start + offset, to_uint8(images[offset].numpy())
    start += len(images)
