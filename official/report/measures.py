"""What the predictions of a network amount to, in numbers."""

from typing import NamedTuple

import numpy as np

_BINS = 10


def confusion(
  labels: np.ndarray, classes: np.ndarray, num_classes: int
) -> np.ndarray:
  """How many images of each class (row) were taken for each (column).

  Args:
    labels: int [N].
    classes: int [N], what was predicted.
    num_classes: C.

  Returns:
    int64 [C, C].
  """
  counts = np.bincount(
    labels.astype(np.int64) * num_classes + classes, minlength=num_classes**2
  )
  return counts.reshape(num_classes, num_classes)


class OfClass(NamedTuple):
  """One class: NaN where there is nothing to divide by.

  Attributes:
    precision: the share of the images taken for it that are of it.
    recall: the share of its images that were taken for it.
    f1: the harmonic mean of the two.
    count: its images.
  """

  precision: float
  recall: float
  f1: float
  count: int


def of_classes(matrix: np.ndarray) -> list[OfClass]:
  """Precision and recall of each class, by the confusion matrix [C, C]."""
  result = []
  for index, right in enumerate(np.diag(matrix).tolist()):
    count, chosen = int(matrix[index].sum()), int(matrix[:, index].sum())
    result.append(
      OfClass(
        right / chosen if chosen else np.nan,
        right / count if count else np.nan,
        2 * right / (count + chosen) if count + chosen else np.nan,
        count,
      )
    )
  return result


class Calibration(NamedTuple):
  """Whether a network is right as often as it claims (Guo et al. 2017).

  Attributes:
    confidence: float64 [B], its mean in each bin of equal width with images.
    accuracy: float64 [B], the share that is right in it.
    count: int64 [B], its images.
    error: expected calibration error: the mean of |accuracy - confidence|,
      weighted by the counts (section 3, equation 3).
  """

  confidence: np.ndarray
  accuracy: np.ndarray
  count: np.ndarray
  error: float


def calibration(hits: np.ndarray, confidences: np.ndarray) -> Calibration:
  """Of bool [N] and float [N], in ten bins; empty ones are left out."""
  bins = np.minimum((confidences * _BINS).astype(np.int64), _BINS - 1)
  count = np.bincount(bins, minlength=_BINS)
  used = count > 0
  confidence, accuracy = (
    np.bincount(bins, values, _BINS)[used] / count[used]
    for values in (confidences.astype(np.float64), hits.astype(np.float64))
  )
  gaps = np.abs(accuracy - confidence)
  error = float(np.average(gaps, weights=count[used]))
  return Calibration(confidence, accuracy, count[used], error)
