"""Which data to train and test on."""

import dataclasses

from official.flags.conditions import REAL_IMAGES, TRAINING
from official.flags.declaration import DeclaredSettings, setting


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExampleSettings(DeclaredSettings):
  """The settings of the examples of any set."""

  augment: bool = setting(
    True,
    'Change training images at random.',
    acts_when=(*TRAINING, REAL_IMAGES),
  )
  max_bad_examples: int = setting(
    0,
    'Leave out at most this many examples that cannot be used, and name them; '
    'one more ends the run.',
    low=0,
    acts_when=(REAL_IMAGES,),
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class SmallImageSettings(ExampleSettings):
  """The settings of sets of small images, which fit in memory."""

  dataset: str | None = setting(
    None, 'Name of an image-classification set of TensorFlow Datasets.'
  )
  held_out_images: int = setting(
    0,
    'Test on this many of the training images, not on the test images.',
    low=0,
    acts_when=(REAL_IMAGES,),
  )


@dataclasses.dataclass(frozen=True, kw_only=True)
class PhotographSettings(ExampleSettings):
  """The settings of large images, which are read from files at each step."""

  image_size: int = setting(
    224,
    'Height and width of what the network gets, in pixels. The orientation '
    'that EXIF notes in a photograph is not applied.',
    low=8,
  )
  background_class: bool = setting(
    True,
    'With TFRecords: class 0 is the background, so there are 1001 classes; '
    'otherwise 1000.',
  )
