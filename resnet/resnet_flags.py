"""The settings of residual networks, and their recipes of training."""

import dataclasses
from collections.abc import Sequence

from official import flags
from official.flags import checks
from resnet.recipes import SHARED_SETTINGS, Network, Recipe


@dataclasses.dataclass(frozen=True, kw_only=True)
class ResNetSettings(flags.BatchNormSettings):
  """The settings of a residual network."""

  resnet_version: int = flags.setting(
    1,
    '1: He et al. 2015 with the stride on the 3x3 (v1.5). 2: pre-activated.',
    short_name='rv',
    choices=(1, 2),
  )
  resnet_size: int = flags.setting(
    50,
    'Number of layers: for ImageNet 18, 34, 50, 101, 152 or 200, for CIFAR-10 '
    '6n + 2, for MNIST any of these.',
    short_name='rs',
    low=0,
  )


RESNET = Network(
  module='resnet.resnet_model_fns',
  settings=ResNetSettings,
  recipes={
    # Chosen by measurement.
    'mnist': Recipe(
      model_fn='mnist_model_fn',
      defaults={
        'resnet_size': 18,
        'batch_size': 128,
        'train_epochs': 6,
        'base_lr': 0.025,
        'weight_decay': 5e-4,
        'batch_norm_momentum': 0.9,
      },
    ),
    # The original's.
    'cifar10': Recipe(
      model_fn='cifar10_model_fn',
      defaults={
        'resnet_size': 56,
        'batch_size': 128,
        'train_epochs': 182,
        'epochs_between_evals': 10,
        'weight_decay': 2e-4,
        'lr_schedule': 'piecewise',
      },
      boundary_epochs=(91, 136, 182),
    ),
    # The original's.
    'imagenet': Recipe(
      model_fn='imagenet_model_fn',
      defaults={
        'batch_size': 32,
        'train_epochs': 90,
        'base_lr': 0.128 * 32 / 256,
        'lr_schedule': 'piecewise',
      },
      choices={'resnet_size': (18, 34, 50, 101, 152, 200)},
      boundary_epochs=(30, 60, 80, 90),
      decay_rates=(1, 0.1, 0.01, 0.001, 1e-4),
      warmup=True,
    ),
  },
)


def define_resnet_flags(
  resnet_size_choices: Sequence[str] | None = None,
) -> None:
  """Defines every flag of a ResNet main, except those of the data.

  Args:
    resnet_size_choices: The sizes that the flag allows. None lets the network
      decide.
  """
  for settings_class in (*SHARED_SETTINGS, RESNET.settings):
    flags.define(settings_class)
  if resnet_size_choices is not None:
    checks.check_choices('resnet_size', [int(c) for c in resnet_size_choices])
