"""The flags of every ResNet main."""

from collections.abc import Sequence

from absl import flags

from official.flags import (
  define_base,
  define_batch_norm,
  define_distribution,
  define_image,
  define_performance,
  define_training,
)
from official.flags.checks import check_whole


def define_resnet_flags(
  resnet_size_choices: Sequence[str] | None = None,
) -> None:
  """Every flag of a ResNet main.

  Args:
    resnet_size_choices: the sizes there are; None lets the network decide.
  """
  define_base()
  define_performance()
  define_distribution()
  define_image()
  define_training()
  define_batch_norm()
  flags.DEFINE_enum(
    'resnet_version',
    '1',
    ('1', '2'),
    '1: He et al. 2015 with the stride on the 3x3 (v1.5). 2: pre-activated.',
    short_name='rv',
  )
  if resnet_size_choices is None:
    flags.DEFINE_string('resnet_size', '50', 'Layers.', short_name='rs')
    check_whole('resnet_size')
  else:
    flags.DEFINE_enum(
      'resnet_size', '50', resnet_size_choices, 'Layers.', short_name='rs'
    )
