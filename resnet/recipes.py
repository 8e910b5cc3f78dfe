"""What a main is made of: the network, the problem, the recipe of defaults."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from official import flags


@dataclasses.dataclass(frozen=True)
class Problem:
  """A kind of images.

  Attributes:
    settings: The settings of its data.
    load: Name of the function of `official.datasets.catalog` that loads them.
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
  """How a network is trained on a problem, unless flags say otherwise.

  Attributes:
    model_fn: Name of the model_fn in the network's module.
    defaults: Flag to default. `base_lr` is meant for its `batch_size`.
    choices: Flag to the only values that it may have here.
    boundary_epochs: Where `--lr_schedule piecewise` falls, in epochs of a run
      of `train_epochs`; with other `--train_epochs` they stretch in proportion.
      None for a half, three quarters and nine tenths of `--train_epochs`.
    decay_rates: What the rate falls to, as parts of the first rate.
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
  """What a main needs to know of a network.

  Attributes:
    module: Where its model_fns are, and `name_of(settings, problem)`, which
      gives its name for people, such as `ResNet-18 v1`.
    settings: The class that declares its own settings, a subclass of
      `flags.DeclaredSettings`.
    recipes: Problem to recipe.
    checks_images: Whether the module has `check_images(settings, image_shape)`,
      which raises a `UsageError` for images that are too small, say.
  """

  module: str
  settings: type
  recipes: Mapping[str, Recipe]
  checks_images: bool = False
