"""The flags of every command, from their declaration to their help.

conditions   when a flag has an effect
declaration  one setting, declared once: an attribute and a flag
run, performance, training, data   the settings of a run, by topic
settings     all of them, as one object
define       from settings to flags
checks       other validators of flags
parsing      from a command line to values, or to one line with the error
effects      refuses flags that have no effect
retired      the original's flags that have no meaning here
paths        flags that name files and folders
invocation   the command line of a run
help_text    the texts of `--help` and `--helpfull`
"""

from official.flags.data import PhotographSettings, SmallImageSettings
from official.flags.declaration import DeclaredSettings, Rule, setting
from official.flags.define import FLAGS, define, set_defaults
from official.flags.paths import require_directory
from official.flags.performance import (
  DTYPES,
  DistributionSettings,
  LayoutSettings,
  PerformanceSettings,
)
from official.flags.run import (
  DISTRIBUTION_STRATEGIES,
  EXPORT_FORMATS,
  HOOKS,
  SUMMARIES,
  RunSettings,
)
from official.flags.settings import (
  Settings,
  SettingsForPhotographs,
  SettingsForSmallImages,
)
from official.flags.training import (
  OPTIMIZERS,
  SCHEDULES,
  BatchNormSettings,
  TrainingSettings,
  auxiliary_heads,
  dropout_rate,
)

__all__ = [
  'DISTRIBUTION_STRATEGIES',
  'DTYPES',
  'EXPORT_FORMATS',
  'FLAGS',
  'HOOKS',
  'OPTIMIZERS',
  'SCHEDULES',
  'SUMMARIES',
  'BatchNormSettings',
  'DeclaredSettings',
  'DistributionSettings',
  'LayoutSettings',
  'PerformanceSettings',
  'PhotographSettings',
  'Rule',
  'RunSettings',
  'Settings',
  'SettingsForPhotographs',
  'SettingsForSmallImages',
  'SmallImageSettings',
  'TrainingSettings',
  'auxiliary_heads',
  'define',
  'define_base',
  'define_batch_norm',
  'define_dataset',
  'define_distribution',
  'define_image',
  'define_performance',
  'define_photographs',
  'define_training',
  'dropout_rate',
  'require_directory',
  'set_defaults',
  'setting',
]


# The original's functions, which a main calls one after another.


def define_base() -> None:
  """Defines the flags of a run's data, length and results."""
  define(RunSettings)


def define_performance() -> None:
  """Defines the flags of threads, number formats and devices."""
  define(PerformanceSettings)


def define_distribution() -> None:
  """Defines the flags by which several workers find each other."""
  define(DistributionSettings)


def define_image() -> None:
  """Defines the flag of the layout of images in memory."""
  define(LayoutSettings)


def define_training() -> None:
  """Defines the flags of training, whatever the network."""
  define(TrainingSettings)


def define_batch_norm() -> None:
  """Defines the flags of networks with batch norm."""
  define(BatchNormSettings)


def define_dataset() -> None:
  """Defines the flags of data sets that fit in memory."""
  define(SmallImageSettings)


def define_photographs() -> None:
  """Defines the flags of large images that are read from files."""
  define(PhotographSettings)
