"""The layers of every network, which own named variables."""

from official.layers.network import (
  BATCH_NORM_EPSILON,
  BATCH_NORM_MOMENTUM,
  DATA_FORMATS,
  Initializer,
  Network,
  frozen,
  he_initializer,
)

__all__ = [
  'BATCH_NORM_EPSILON',
  'BATCH_NORM_MOMENTUM',
  'DATA_FORMATS',
  'Initializer',
  'Network',
  'frozen',
  'he_initializer',
]
