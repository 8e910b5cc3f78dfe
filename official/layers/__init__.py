"""The layers of every network, with the named variables that they own."""

from official.layers.batch_norm import EPSILON as BATCH_NORM_EPSILON
from official.layers.batch_norm import MOMENTUM as BATCH_NORM_MOMENTUM
from official.layers.layouts import DATA_FORMATS
from official.layers.network import Network
from official.layers.scopes import Initializer, he_initializer

__all__ = [
  'BATCH_NORM_EPSILON',
  'BATCH_NORM_MOMENTUM',
  'DATA_FORMATS',
  'Initializer',
  'Network',
  'he_initializer',
]
