"""`ModelFunction`: a `model_fn` with its `params` and `config` bound."""

import copy
from collections.abc import Callable, Container
from typing import Any

from official.estimator.annotations import Nest
from official.estimator.run_config import RunConfig
from official.estimator.spec import EstimatorSpec


class ModelFunction:
  """Called with `(features, labels, mode)`, it calls a model_fn.

  Args:
    model_fn: See `Estimator`.
    names: The names of the arguments that `model_fn` takes.
    params: Hyper-parameters for `model_fn`, copied; None for none.
    config: The `RunConfig` that `model_fn` gets if it asks for one.
  """

  def __init__(
    self,
    model_fn: Callable[..., EstimatorSpec],
    names: Container[str],
    params: Any,
    config: RunConfig,
  ):
    self._model_fn = model_fn
    self._names = names
    self._params = copy.deepcopy(params if params is not None else {})
    self._config = config

  @property
  def params(self) -> Any:
    """A copy of the hyper-parameters.

    Each call gets one of its own, as in tf.estimator: a model_fn that changes
    its params in one mode does not change them for the next.
    """
    return copy.deepcopy(self._params)

  def __call__(
    self,
    features: Nest,
    labels: Nest,
    mode: str,
    config: RunConfig | None = None,
  ) -> EstimatorSpec:
    """Calls the model_fn with those of its arguments that it takes.

    Args:
      features: A nest of tensors.
      labels: A nest of tensors; None for no labels.
      mode: One of `ModeKeys`.
      config: A `RunConfig` in place of the bound one; None for the bound one.

    Raises:
      ValueError: model_fn does not take labels although there are some, or it
        does not return an `EstimatorSpec`.
    """
    if labels is not None and 'labels' not in self._names:
      raise ValueError(
        'model_fn does not take labels, but input_fn returns labels.'
      )
    available = {
      'labels': labels,
      'mode': mode,
      'params': self.params,
      'config': config or self._config,
    }
    spec = self._model_fn(
      features, **{k: v for k, v in available.items() if k in self._names}
    )
    if not isinstance(spec, EstimatorSpec):
      raise ValueError('model_fn should return an EstimatorSpec.')
    return spec
