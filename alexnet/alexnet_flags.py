"""The flags of every AlexNet main."""

from absl import flags

from official.flags import (
  define_base,
  define_distribution,
  define_image,
  define_performance,
  define_training,
)
from official.flags.checks import check_range

FORMS = ('2012', 'owt', 'small')


def define_alexnet_flags() -> None:
  """Every flag of an AlexNet main."""
  define_base()
  define_performance()
  define_distribution()
  define_image()
  define_training()
  flags.DEFINE_enum(
    'alexnet_form',
    'small',
    FORMS,
    '2012: Krizhevsky et al. 2012. owt: Krizhevsky 2014. small: for images of '
    '28 or 32 pixels.',
  )
  flags.DEFINE_float('dropout_rate', 0.5, 'Share that dropout zeroes.')
  check_range('dropout_rate', 0.0, 0.999)
