"""The flags of every GoogLeNet main."""

from absl import flags

from official.flags import (
  define_base,
  define_batch_norm,
  define_distribution,
  define_image,
  define_performance,
  define_training,
)
from official.flags.checks import check_range


def define_googlenet_flags() -> None:
  """Every flag of a GoogLeNet main."""
  define_base()
  define_performance()
  define_distribution()
  define_image()
  define_training()
  define_batch_norm()
  flags.DEFINE_bool(
    'batch_norm', False, 'After every convolution; else as in the paper.'
  )
  flags.DEFINE_bool(
    'auxiliary_heads', False, 'Two more classifiers, in training only.'
  )
  flags.DEFINE_float('dropout_rate', 0.4, 'Share that dropout zeroes.')
  check_range('dropout_rate', 0.0, 0.999)
