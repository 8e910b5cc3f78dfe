"""The settings of training, whatever the network."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

from official.flags.conditions import (
  BATCH_NORM,
  LOSS,
  OWN_RATE,
  TRAINING,
  WHOLE_NETWORK,
  Condition,
)
from official.flags.declaration import DeclaredSettings, Rule, setting

SCHEDULES = ('cosine', 'piecewise', 'constant')
OPTIMIZERS = ('momentum', 'adadelta', 'adam')


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings(DeclaredSettings):
  """The settings of training, whatever the network."""

  fine_tune: bool = setting(
    False,
    'Train only the last layer; freeze the rest.',
    short_name='ft',
    acts_when=TRAINING,
  )
  pretrained_model_checkpoint_path: str | None = setting(
    None,
    'Start from this checkpoint, except its last layer.',
    short_name='pmcp',
    is_path=True,
    acts_when=TRAINING,
  )
  optimizer: str = setting(
    'momentum',
    'Which optimizer updates the weights.',
    choices=OPTIMIZERS,
    acts_when=(
      *TRAINING,
      Condition(
        lambda f: not f.enable_lars,
        'with --enable_lars, which is an optimizer itself',
      ),
    ),
  )
  enable_lars: bool = setting(
    False, 'LARS, for very large batches.', acts_when=LOSS
  )
  label_smoothing: float = setting(
    0.0,
    'Share of the label that is spread over all classes.',
    low=0.0,
    high=0.999,
    acts_when=LOSS,
  )
  weight_decay: float = setting(
    1e-4,
    'Factor of half the sum of squares of the weights, in the loss.',
    low=0.0,
    acts_when=(
      *LOSS,
      Condition(
        lambda f: not (f.enable_lars and (f.eval_only or f.train_epochs == 0)),
        'on an evaluation with --enable_lars, whose loss leaves it out',
      ),
    ),
  )
  base_lr: float = setting(
    0.1,
    'Peak learning rate. It is meant for the default --batch_size, and scaled '
    'in proportion for another.',
    low=0.0,
    acts_when=(*TRAINING, OWN_RATE),
  )
  lr_schedule: str = setting(
    'cosine',
    'cosine: to 0 over --train_epochs after a warm-up; piecewise: falls at '
    'parts of --train_epochs (the original: at epochs 91, 136, ...); constant.',
    choices=SCHEDULES,
    acts_when=(*TRAINING, OWN_RATE),
  )
  momentum: float = setting(
    0.9,
    'Momentum of --optimizer momentum and of LARS.',
    low=0.0,
    high=0.9999,
    acts_when=(
      *TRAINING,
      Condition(
        lambda f: f.optimizer in (None, 'momentum') or f.enable_lars,
        'without --optimizer momentum or --enable_lars',
      ),
    ),
  )

  rules: ClassVar[Sequence[Rule]] = (
    Rule(
      (
        'fine_tune',
        'pretrained_model_checkpoint_path',
        'eval_only',
        'export_only',
      ),
      lambda f: (
        not f['fine_tune']
        or f['pretrained_model_checkpoint_path']
        or f['eval_only']  # There it has no effect, which is refused elsewhere.
        or f['export_only']
      ),
      '--fine_tune needs --pretrained_model_checkpoint_path: the layers it '
      'freezes must come from somewhere',
    ),
    Rule(
      ('export_formats', 'dtype'),
      lambda f: not f['export_formats'] or f['dtype'] == 'fp32',
      '--export_formats needs --dtype fp32',
    ),
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class BatchNormSettings(DeclaredSettings):
  """The settings of networks with batch norm."""

  batch_norm_momentum: float = setting(
    0.997,
    'Share of the moving statistics that each step keeps.',
    low=0.0,
    high=0.99999,
    acts_when=(*TRAINING, BATCH_NORM, WHOLE_NETWORK),
  )
  sync_batch_norm: bool = setting(
    False,
    'Normalise by the batches of all GPUs and workers together.',
    acts_when=(*TRAINING, BATCH_NORM, WHOLE_NETWORK),
    of_one_call=True,
  )


# Fields that some networks declare, each with a default of its own.


def dropout_rate(default: float) -> Any:
  """The field `dropout_rate`, with the default of a network."""
  return setting(
    default,
    'Share of the features that dropout zeroes.',
    low=0.0,
    high=0.999,
    acts_when=(*TRAINING, WHOLE_NETWORK),
  )


def auxiliary_heads(default: bool) -> Any:
  """The field `auxiliary_heads`, with the default of a network."""
  return setting(
    default,
    'Two more classifiers, in training only.',
    acts_when=(*TRAINING, WHOLE_NETWORK),
  )
