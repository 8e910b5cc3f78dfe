"""The learning rate of a whole run, from its settings and its data."""

from collections.abc import Sequence
from typing import Any

from official.datasets.image_dataset import ImageDataset
from official.flags import Settings
from official.optimizers import schedules
from resnet.recipes import Recipe
from resnet.resnet_run_loop import learning_rate_with_decay

_COSINE_WARMUP = 0.1  # of all steps

# LARS: peak rate by global batch (You et al. 2017, and the original's table).
_LARS_PEAKS = ((8192, 5.0, 5), (16384, 10.0, 5), (32768, 25.0, 5))
_LARS_LARGEST = (32.0, 14)


def from_recipe(
  settings: Settings, dataset: ImageDataset, recipe: Recipe
) -> schedules.LearningRateFn:
  """The rate of a main; see `from_flags`."""
  boundary_epochs = recipe.boundary_epochs
  if boundary_epochs is not None:
    epochs = recipe.defaults['train_epochs']
    boundary_epochs = [
      settings.train_epochs * boundary / epochs for boundary in boundary_epochs
    ]
  return from_flags(
    settings,
    dataset,
    recipe.defaults['batch_size'],
    boundary_epochs,
    recipe.decay_rates,
    recipe.warmup and not settings.fine_tune,
  )


def from_flags(
  flags_obj: Any,
  dataset: ImageDataset,
  batch_denom: int,
  boundary_epochs: Sequence[float] | None = None,
  decay_rates: Sequence[float] = (1, 0.1, 0.01, 0.001),
  warmup: bool = False,
) -> schedules.LearningRateFn:
  """The rate that `--lr_schedule` and `--base_lr` mean.

  Args:
    flags_obj: The settings, or the parsed flags.
    dataset: The data set; its training images make an epoch.
    batch_denom: The batch size that `--base_lr` is meant for.
    boundary_epochs: The epochs at which `piecewise` falls; None for a half,
      three quarters and nine tenths of `--train_epochs`.
    decay_rates: The rates to which it falls, as parts of the first rate.
    warmup: Whether `piecewise` rises over the first 5 epochs.

  Returns:
    A function of the global step (int64 scalar) to the rate (float32 scalar).
  """
  settings = Settings.of(flags_obj)
  num_images = dataset.num_images['train']
  batch_size, epochs = settings.batch_size, settings.train_epochs
  if settings.enable_lars:
    return lars_learning_rate(batch_size, num_images, epochs)
  peak = settings.base_lr * batch_size / batch_denom
  if settings.lr_schedule == 'constant':
    return schedules.piecewise_constant([], [peak])
  if settings.lr_schedule == 'cosine':
    total = max(int(epochs * num_images / batch_size), 1)
    return schedules.cosine(peak, total, int(total * _COSINE_WARMUP))
  if boundary_epochs is None:
    boundary_epochs = [part * epochs for part in (0.5, 0.75, 0.9)]
  return learning_rate_with_decay(
    batch_size,
    batch_denom,
    num_images,
    boundary_epochs,
    decay_rates,
    settings.base_lr,
    warmup,
  )


def lars_learning_rate(
  batch_size: int, num_images: int, train_epochs: int
) -> schedules.LearningRateFn:
  """The rate for LARS: a warm-up, then a quadratic fall to 0.

  Args:
    batch_size: Images per step, over all replicas; it decides the peak.
    num_images: Number of images in an epoch.
    train_epochs: Number of epochs of the whole run (the original fixed 90).
  """
  peak, warmup_epochs = _LARS_LARGEST
  for limit, rate, epochs in reversed(_LARS_PEAKS):
    if batch_size < limit:
      peak, warmup_epochs = rate, epochs
  batches_per_epoch = num_images / batch_size
  return schedules.polynomial(
    peak,
    total_steps=max(int(train_epochs * batches_per_epoch), 1),
    warmup_steps=int(min(warmup_epochs, train_epochs / 2) * batches_per_epoch),
  )
