"""The parts of a main: the network, the problem, the recipe of defaults."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from official import flags


@dataclasses.dataclass(frozen=True)
class Problem:
  """A kind of images.

  Attributes:
    settings: The class of settings of its data.
    load: The name of the function of `official.datasets.catalog` that loads
      the data.
  """

  settings: type
  load: str


PROBLEMS: Mapping[str, Problem] = {
  'mnist': Problem(flags.SmallImageSettings, 'load_mnist'),
  'cifar10': Problem(flags.SmallImageSettings, 'load_cifar10'),
  'imagenet': Problem(flags.PhotographSettings, 'load_imagenet'),
}

SHARED_SETTINGS = (
  flags.RunSettings,
  flags.PerformanceSettings,
  flags.DistributionSettings,
  flags.LayoutSettings,
  flags.TrainingSettings,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
  """The defaults with which a network is trained on a problem.

  Attributes:
    model_fn: The name of the model_fn in the network's module.
    defaults: Name of a flag to its default. `base_lr` is meant for the
      `batch_size` given here.
    choices: Name of a flag to the only values that it may have here.
    boundary_epochs: The epochs at which `--lr_schedule piecewise` falls, in a
      run of `train_epochs`; with other `--train_epochs` they stretch in
      proportion. None for a half, three quarters and nine tenths of
      `--train_epochs`.
    decay_rates: The rates to which it falls, as parts of the first rate.
    warmup: Whether `piecewise` rises over the first 5 epochs (Goyal et al.
      2017), except in fine-tuning.
  """

  model_fn: str
  defaults: Mapping[str, Any]
  choices: Mapping[str, Sequence[Any]] = dataclasses.field(default_factory=dict)
  boundary_epochs: Sequence[float] | None = None
  decay_rates: Sequence[float] = (1, 0.1, 0.01, 0.001)
  warmup: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
  """The description of a network for its mains.

  Attributes:
    module: The module of its model_fns and of `name_of(settings, problem)`,
      which returns its name for people, such as `ResNet-18 v1`.
    settings: The class that declares its own settings, a subclass of
      `flags.DeclaredSettings`.
    recipes: Name of a problem to its recipe.
    checks_images: Whether the module has `check_images(settings, image_shape)`,
      which raises a `UsageError`, for example if images are too small.
  """

  module: str
  settings: type
  recipes: Mapping[str, Recipe]
  checks_images: bool = False
