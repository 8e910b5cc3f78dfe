"""The settings of GoogLeNet, and its recipes of training."""

import dataclasses

from official import flags
from resnet.recipes import Network, Recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class GoogLeNetSettings(flags.BatchNormSettings):
  """The settings of GoogLeNet."""

  dropout_rate: float = flags.dropout_rate(0.4)
  auxiliary_heads: bool = flags.auxiliary_heads(False)
  batch_norm: bool = flags.setting(
    False, 'Batch norm after every convolution; without it, as in the paper.'
  )


GOOGLENET = Network(
  module='googlenet.googlenet_model_fn',
  settings=GoogLeNetSettings,
  recipes={
    # Chosen by measurement.
    'mnist': Recipe(
      model_fn='googlenet_model_fn',
      defaults={
        'batch_size': 128,
        'train_epochs': 3,
        'base_lr': 0.05,
        'weight_decay': 5e-4,
        'batch_norm': True,
        'batch_norm_momentum': 0.9,
      },
    ),
    # Not tuned.
    'cifar10': Recipe(
      model_fn='googlenet_model_fn',
      defaults={
        'batch_size': 128,
        'train_epochs': 100,
        'base_lr': 0.1,
        'weight_decay': 5e-4,
        'batch_norm': True,
      },
    ),
    # Auxiliary heads as in the paper.
    'imagenet': Recipe(
      model_fn='googlenet_model_fn',
      defaults={
        'batch_size': 128,
        'train_epochs': 90,
        'base_lr': 0.01,
        'weight_decay': 2e-4,
        'auxiliary_heads': True,
      },
    ),
  },
)
