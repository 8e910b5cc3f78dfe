"""Learning rates of a whole run, from the batch, the data and the flags."""

from collections.abc import Sequence
from typing import Any

from official.datasets.image_dataset import ImageDataset
from official.optimizers import schedules

_WARMUP_EPOCHS = 5  # Goyal et al. 2017, and the original
_COSINE_WARMUP = 0.1  # of all steps

# LARS: peak rate by global batch (You et al. 2017, and the original's table).
_LARS_PEAKS = ((8192, 5.0, 5), (16384, 10.0, 5), (32768, 25.0, 5))
_LARS_LARGEST = (32.0, 14)


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
    flags_obj: the parsed flags.
    dataset: its training images make an epoch.
    batch_denom: the batch that `--base_lr` is meant for.
    boundary_epochs: where `piecewise` falls; None for a half, three quarters
      and nine tenths of `--train_epochs`.
    decay_rates: what it falls to, as parts of the first rate.
    warmup: `piecewise` rises over the first 5 epochs.
  """
  num_images = dataset.num_images['train']
  batch_size, epochs = flags_obj.batch_size, flags_obj.train_epochs
  if flags_obj.enable_lars:
    return lars_learning_rate(batch_size, num_images, epochs)
  peak = flags_obj.base_lr * batch_size / batch_denom
  if flags_obj.lr_schedule == 'constant':
    return schedules.piecewise_constant([], [peak])
  if flags_obj.lr_schedule == 'cosine':
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
    flags_obj.base_lr,
    warmup,
  )


def learning_rate_with_decay(
  batch_size: int,
  batch_denom: int,
  num_images: int,
  boundary_epochs: Sequence[float],
  decay_rates: Sequence[float],
  base_lr: float = 0.1,
  warmup: bool = False,
) -> schedules.LearningRateFn:
  """A rate that grows with the batch and falls at epochs.

  Args:
    batch_size: images a step, over all replicas.
    batch_denom: the batch that `base_lr` is meant for.
    num_images: in an epoch.
    boundary_epochs: the i-th decay rate holds up to and at the i-th of these.
    decay_rates: factors of the initial rate, one more than boundaries.
    base_lr: the initial rate of a batch of `batch_denom`.
    warmup: rise from 0 over the first 5 epochs (Goyal et al. 2017).
  """
  initial = base_lr * batch_size / batch_denom
  batches_per_epoch = num_images / batch_size
  boundaries = [int(batches_per_epoch * epoch) for epoch in boundary_epochs]
  values = [initial * decay for decay in decay_rates]
  if not warmup:
    return schedules.piecewise_constant(boundaries, values)
  return schedules.with_warmup(
    schedules.piecewise_constant(boundaries, values),
    initial,
    int(batches_per_epoch * _WARMUP_EPOCHS),
  )


def lars_learning_rate(
  batch_size: int, num_images: int, train_epochs: int
) -> schedules.LearningRateFn:
  """The rate for LARS: a warm-up, then a falling square.

  Args:
    batch_size: images a step, over all replicas; it decides the peak.
    num_images: in an epoch.
    train_epochs: of the whole run (the original fixed 90).
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
