"""When a flag has an effect: the conditions that the settings refer to."""

import dataclasses
import os
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Condition:
  """A condition for a flag to have an effect.

  Attributes:
    holds: Function from the values of all flags, as attributes, to whether the
      flag has an effect. A flag that the command does not have is None.
    otherwise: The reason why it has none; it completes `--flag has no effect
      ...`.
  """

  holds: Callable[[Any], Any]
  otherwise: str


def is_cluster(f: Any) -> bool:
  """Whether several workers train together."""
  return len(f.worker_hosts or ()) > 1 or bool(os.environ.get('TF_CONFIG'))


_NOT_EXPORT_ONLY = Condition(
  lambda f: not f.export_only,
  'with --export_only, which neither trains nor evaluates',
)
_NOT_EVAL_ONLY = Condition(
  lambda f: not f.eval_only, 'with --eval_only, which trains nothing'
)

REAL_IMAGES = Condition(
  lambda f: not f.use_synthetic_data,
  'with --use_synthetic_data, whose images are random',
)
OWN_RATE = Condition(
  lambda f: not f.enable_lars,
  'with --enable_lars, whose rate follows from --batch_size',
)
WHOLE_NETWORK = Condition(
  lambda f: not f.fine_tune,
  'with --fine_tune, which trains only the last layer',
)
BATCH_NORM = Condition(
  lambda f: f.batch_norm is not False, 'without --batch_norm'
)
EXPORT = Condition(lambda f: f.export_dir, 'without --export_dir')
TRAINING_OR_SYNTHETIC = Condition(
  lambda f: (not f.eval_only and f.train_epochs != 0) or f.use_synthetic_data,
  'without training, on real images',
)

# The conditions that every flag of the loss, or of training, needs.
LOSS = (_NOT_EXPORT_ONLY,)
TRAINING = (
  _NOT_EXPORT_ONLY,
  _NOT_EVAL_ONLY,
  Condition(
    lambda f: f.train_epochs != 0, 'with --train_epochs 0, which trains nothing'
  ),
)
