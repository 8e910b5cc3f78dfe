"""AlexNet's model_fn."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from alexnet import alexnet_model
from official import estimator as estimator_lib
from official.errors import UsageError
from official.flags import Settings
from resnet import resnet_run_loop


def name_of(settings: Settings, problem: str) -> str:
  """The network's name, such as `AlexNet owt`."""
  del problem
  return f'AlexNet {settings.network.alexnet_form}'


def check_images(settings: Settings, image_shape: tuple[int, ...]) -> None:
  """Checks that the images are large enough.

  Args:
    settings: The settings of the run.
    image_shape: [H, W, C].

  Raises:
    UsageError: They are too small.
  """
  form = settings.network.alexnet_form
  allowed = alexnet_model.FORMS[form].min_size
  if min(image_shape[:2]) < allowed:
    raise UsageError(
      f'--alexnet_form {form} needs images of {allowed} pixels or more each '
      f'way, given: {image_shape[0]}x{image_shape[1]}'
    )


def alexnet_model_fn(
  features: tf.Tensor,
  labels: tf.Tensor | None,
  mode: str,
  params: Mapping[str, Any],
) -> estimator_lib.EstimatorSpec:
  """`resnet_run_loop.image_model_fn` with AlexNet."""
  model = alexnet_model.Model(
    params['alexnet_form'],
    params['num_classes'],
    data_format=params['data_format'],
    dtype=params['dtype'],
    dropout_rate=params['dropout_rate'],
    seed=params['seed'],
  )
  return resnet_run_loop.image_model_fn(features, labels, mode, params, model)
