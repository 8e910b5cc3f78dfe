"""The mains: each trains one network on one kind of images.

A network declares its own settings and, for each problem, the defaults it is
trained with; `Main` makes a command of it. Nothing here imports TensorFlow
before the flags are parsed, so `--help` and a wrong flag answer at once.
"""

import dataclasses
import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from official import cli, flags


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
    boundary_epochs: Where `--lr_schedule piecewise` falls, in epochs of a run
      of `train_epochs`; with other `--train_epochs` they stretch in proportion.
      None for a half, three quarters and nine tenths of `--train_epochs`.
    decay_rates: What the rate falls to, as parts of the first rate.
    warmup: Whether `piecewise` rises over the first 5 epochs (Goyal et al.
      2017), except in fine-tuning.
  """

  model_fn: str
  defaults: Mapping[str, Any]
  boundary_epochs: Sequence[float] | None = None
  decay_rates: Sequence[float] = (1, 0.1, 0.01, 0.001)
  warmup: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Network:
  """What a main needs to know of a network.

  Attributes:
    module: Where its model_fns are, and `name_of(settings, problem)`, which
      gives its name for people, such as `ResNet-18 v1`.
    settings: Its own settings, classes for `flags.define`.
    recipes: Problem to recipe.
    checks_images: Whether the module has `check_images(settings, image_shape)`,
      which raises a `UsageError` for images that are too small, say.
  """

  module: str
  settings: Sequence[type]
  recipes: Mapping[str, Recipe]
  checks_images: bool = False


@dataclasses.dataclass(frozen=True)
class Main:
  """The command that trains a network on a problem.

  Attributes:
    network: What to train.
    problem: Key of `PROBLEMS` and of the network's recipes.
  """

  network: Network
  problem: str

  @property
  def recipe(self) -> Recipe:
    """What it trains with unless flags say otherwise."""
    return self.network.recipes[self.problem]

  def define_flags(self) -> None:
    """Defines its flags, with the defaults of the recipe."""
    for settings_class in (
      *SHARED_SETTINGS,
      *self.network.settings,
      PROBLEMS[self.problem].settings,
    ):
      flags.define(settings_class)
    flags.set_defaults(**self.recipe.defaults)

  def run(self) -> None:
    """Parses the flags, trains, and ends the process."""
    self.define_flags()
    cli.run(self.train)

  def train(self) -> None:
    """Trains, evaluates and exports as the parsed flags say."""
    from official import devices as devices_lib
    from official.datasets import catalog
    from resnet import learning_rates, resnet_run_loop

    module = importlib.import_module(self.network.module)
    settings = flags.Settings.of(flags.FLAGS)
    name = module.name_of(settings, self.problem)
    devices = devices_lib.configure(settings)
    dataset = getattr(catalog, PROBLEMS[self.problem].load)(settings)
    if self.network.checks_images:
      module.check_images(settings, dataset.image_shape)
    resnet_run_loop.resnet_main(
      settings,
      getattr(module, self.recipe.model_fn),
      dataset,
      name,
      learning_rates.from_recipe(settings, dataset, self.recipe),
      devices,
    )
