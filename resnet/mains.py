"""The mains: each trains one network on one kind of images.

A network declares its own settings and, for each problem, the defaults of its
training; `Main` makes a command of these. TensorFlow is imported only after the
flags are parsed, so `--help` and errors in flags are printed at once.
"""

import dataclasses
import importlib

from official import cli, flags
from official.flags import checks
from resnet.recipes import (
  PROBLEMS,
  SHARED_SETTINGS,
  Network,
  Problem,
  Recipe,
)

__all__ = [
  'PROBLEMS',
  'SHARED_SETTINGS',
  'Main',
  'Network',
  'Problem',
  'Recipe',
]


@dataclasses.dataclass(frozen=True)
class Main:
  """The command that trains a network on a problem.

  Attributes:
    network: The network to train.
    problem: A key of `PROBLEMS` and of the network's recipes.
  """

  network: Network
  problem: str

  @property
  def recipe(self) -> Recipe:
    """The defaults of training, which flags may change."""
    return self.network.recipes[self.problem]

  def define_flags(self) -> None:
    """Defines its flags, with the defaults of the recipe."""
    for settings_class in (
      *SHARED_SETTINGS,
      self.network.settings,
      PROBLEMS[self.problem].settings,
    ):
      flags.define(settings_class)
    flags.set_defaults(**self.recipe.defaults)
    for name, choices in self.recipe.choices.items():
      checks.check_choices(name, choices)

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
    settings = flags.Settings.of(flags.FLAGS, self.network.settings)
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
