"""The number of parameters of a run's network."""

import math
from collections.abc import Mapping
from typing import Any

from official import cli
from official.estimator import slots

# Variables of batch norm that follow the data and have no gradient.
_NOT_TRAINED = {'moving_mean', 'moving_variance'}


def count(config: Mapping[str, Any], checkpoint: str) -> int:
  """The number of trained numbers of a run.

  Args:
    config: The settings in its `config.json`.
    checkpoint: The prefix of one of its checkpoints.
  """
  parameters = config.get('parameters')
  return _count_in(checkpoint) if parameters is None else int(parameters)


def _count_in(checkpoint: str) -> int:
  """Counts in a checkpoint, for `config.json` files of older versions.

  Reading a checkpoint takes TensorFlow, whose import takes seconds. It is
  imported here, so that only readers of old folders wait for it.
  """
  with cli.quiet_stderr():
    from official.estimator.checkpoints import read

  shapes = read(checkpoint).get_variable_to_shape_map()
  of_optimizer = {'global_step'} | slots.among(shapes)
  return sum(
    math.prod(shape)
    for name, shape in shapes.items()
    if name not in of_optimizer and name.split('/')[-1] not in _NOT_TRAINED
  )
