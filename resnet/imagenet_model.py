"""The residual network for photographs, and its model_fn."""

from typing import Any

import tensorflow as tf

from official import estimator as estimator_lib
from official.errors import UsageError
from resnet import resnet_model, resnet_run_loop


def name_of(flags_obj: Any) -> str:
  """The network's name, such as `ResNet-50 v1`.

  Raises:
    UsageError: there is no network of this size.
  """
  try:
    resnet_model.imagenet_architecture(int(flags_obj.resnet_size))
  except ValueError as e:
    raise UsageError(f'--{e}') from None
  return f'ResNet-{flags_obj.resnet_size} v{flags_obj.resnet_version}'


class ImagenetModel(resnet_model.Model):
  """A residual network of 18 to 200 layers."""

  def __init__(
    self,
    resnet_size: int,
    data_format: str | None = None,
    num_classes: int = 1001,
    resnet_version: int = resnet_model.DEFAULT_VERSION,
    dtype: tf.DType = tf.float32,
    **kwargs: Any,
  ):
    super().__init__(
      resnet_model.imagenet_architecture(resnet_size),
      num_classes,
      resnet_version=resnet_version,
      data_format=data_format,
      dtype=dtype,
      **kwargs,
    )


def imagenet_model_fn(
  features: tf.Tensor,
  labels: tf.Tensor | None,
  mode: str,
  params: dict[str, Any],
) -> estimator_lib.EstimatorSpec:
  """`resnet_model_fn` with the network for photographs; see there."""
  model = ImagenetModel(
    int(params['resnet_size']),
    params['data_format'],
    params['num_classes'],
    int(params['resnet_version']),
    params['dtype'],
    batch_norm_momentum=params['batch_norm_momentum'],
    sync_batch_norm=params['sync_batch_norm'],
  )
  return resnet_run_loop.image_model_fn(features, labels, mode, params, model)
