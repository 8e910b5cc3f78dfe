"""AlexNet's model_fn."""

from typing import Any

import tensorflow as tf

from alexnet import alexnet_model
from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.errors import UsageError
from resnet import resnet_run_loop


def name_of(flags_obj: Any, dataset: ImageDataset) -> str:
  """The network's name, such as `AlexNet owt`.

  Raises:
    UsageError: the images are too small for it.
  """
  form = flags_obj.alexnet_form
  allowed = alexnet_model.FORMS[form].min_size
  if min(dataset.image_shape[:2]) < allowed:
    raise UsageError(
      f'--alexnet_form {form} needs images of {allowed} pixels or more each '
      f'way, given: {dataset.image_shape[0]}x{dataset.image_shape[1]}'
    )
  return f'AlexNet {form}'


def alexnet_model_fn(
  features: tf.Tensor,
  labels: tf.Tensor | None,
  mode: str,
  params: dict[str, Any],
) -> estimator_lib.EstimatorSpec:
  """`resnet_model_fn` with AlexNet; see there."""
  model = alexnet_model.Model(
    params['alexnet_form'],
    params['num_classes'],
    data_format=params['data_format'],
    dtype=params['dtype'],
    dropout_rate=params['dropout_rate'],
    seed=params['seed'],
  )
  return resnet_run_loop.image_model_fn(features, labels, mode, params, model)
