"""GoogLeNet's model_fn."""

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from googlenet import googlenet_model
from official import estimator as estimator_lib
from official.flags import Settings
from resnet import resnet_run_loop


def name_of(settings: Settings, problem: str) -> str:
  """The network's name, such as `GoogLeNet BN`."""
  del problem
  return 'GoogLeNet BN' if settings.network.batch_norm else 'GoogLeNet'


def googlenet_model_fn(
  features: tf.Tensor,
  labels: tf.Tensor | None,
  mode: str,
  params: Mapping[str, Any],
) -> estimator_lib.EstimatorSpec:
  """`resnet_run_loop.image_model_fn` with GoogLeNet."""
  model = googlenet_model.Model(
    params['num_classes'],
    data_format=params['data_format'],
    dtype=params['dtype'],
    batch_norm=params['batch_norm'],
    batch_norm_momentum=params['batch_norm_momentum'],
    sync_batch_norm=params['sync_batch_norm'],
    auxiliary_heads=params['auxiliary_heads'],
    dropout_rate=params['dropout_rate'],
    seed=params['seed'],
  )
  return resnet_run_loop.image_model_fn(features, labels, mode, params, model)
