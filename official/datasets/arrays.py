"""Arrays of images and labels, checked before anything is trained on them."""

import dataclasses
from collections.abc import Mapping

import numpy as np

from official.datasets.bad_examples import BadExamples
from official.errors import DataError, UsageError


@dataclasses.dataclass(frozen=True)
class Split:
  """Images uint8 [N, H, W, C] and their labels int32 [N]."""

  images: np.ndarray
  labels: np.ndarray


def check_counts(name: str, split: str, examples: Split) -> None:
  """Checks that there are images, and one label for each.

  Args:
    name: The name of the data set, for the error message.
    split: `'train'` or `'test'`.
    examples: The examples of the split.

  Raises:
    DataError: There is no image, or the number of labels differs.
  """
  if len(examples.images) != len(examples.labels):
    raise DataError(
      f'{name}: {len(examples.images):,} {split} images but '
      f'{len(examples.labels):,} labels'
    )
  if not len(examples.labels):
    raise DataError(f'{name}: there are no {split} images')


def common_shape(
  name: str, splits: Mapping[str, Split]
) -> tuple[int, int, int]:
  """Returns height, width and channels of the images of both splits.

  Raises:
    DataError: The splits have images of different shapes.
  """
  train, test = (splits[split].images.shape[1:] for split in ('train', 'test'))
  if train != test:
    raise DataError(
      f'{name}: training images are {train}, test images {test}; they must '
      'have one shape'
    )
  return train


def of_known_classes(
  name: str,
  splits: Mapping[str, Split],
  class_names: tuple[str, ...] | None,
  bad: BadExamples,
) -> dict[str, Split]:
  """Returns the splits without examples whose label is not that of a class.

  Args:
    name: The name of the data set, for the error message.
    splits: The examples by the name of their split.
    class_names: The name of each class; None counts the classes in the labels.
    bad: The counter of examples that are left out.

  Raises:
    DataError: `bad` does not allow this many of them, or no example is left.
  """
  labels = np.concatenate([split.labels for split in splits.values()])
  classes = len(class_names) if class_names else _count_classes(labels)
  result = {}
  for split, examples in splits.items():
    is_wrong = (examples.labels < 0) | (examples.labels >= classes)
    bad.leave_out(
      f'{name} {split} example {i:,}: label {examples.labels[i]}, expected 0 '
      f'to {classes - 1}'
      for i in np.flatnonzero(is_wrong).tolist()
    )
    if is_wrong.any():
      examples = Split(examples.images[~is_wrong], examples.labels[~is_wrong])
      check_counts(name, split, examples)
    result[split] = examples
  return result


def _count_classes(labels: np.ndarray) -> int:
  """Returns the greatest number of classes of which half have an example.

  Some classes may have none, as the first one of EMNIST letters. But a damaged
  label far above all others must not make a hundred empty classes.
  """
  used = np.unique(labels[labels >= 0])
  enough = 2 * (1 + np.arange(len(used))) >= used + 1
  return int(used[enough].max(initial=0)) + 1


def hold_out(splits: Mapping[str, Split], count: int) -> dict[str, Split]:
  """Returns the last training images as the test split, the rest to train on.

  Raises:
    UsageError: There are at most `count` training images.
  """
  images, labels = splits['train'].images, splits['train'].labels
  if count >= len(labels):
    raise UsageError(
      f'--held_out_images must be less than the {len(labels):,} training '
      f'images, given: {count}'
    )
  return {
    'train': Split(images[:-count], labels[:-count]),
    'test': Split(images[-count:], labels[-count:]),
  }
