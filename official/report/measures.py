"""Measures of a network's predictions: confusion, precision, calibration."""

from typing import NamedTuple

import numpy as np

_BINS = 10


def confusion(
  labels: np.ndarray, classes: np.ndarray, num_classes: int
) -> np.ndarray:
  """Counts the images of each class (row) by predicted class (column).

  Args:
    labels: Int [N], the true classes.
    classes: Int [N], the predicted classes.
    num_classes: Number of classes, C.

  Returns:
    int64 [C, C].
  """
  counts = np.bincount(
    labels.astype(np.int64) * num_classes + classes, minlength=num_classes**2
  )
  return counts.reshape(num_classes, num_classes)


class ClassMeasures(NamedTuple):
  """The measures of one class; NaN where there is nothing to divide by.

  Attributes:
    precision: Of the images predicted as this class, the share that are of it.
    recall: Of the images of this class, the share that are predicted as it.
    f1: The harmonic mean of the two.
    num_images: Number of images of this class.
  """

  precision: float
  recall: float
  f1: float
  num_images: int


def by_class(matrix: np.ndarray) -> list[ClassMeasures]:
  """Precision and recall of each class, by the confusion matrix [C, C]."""
  measures = []
  for index, correct in enumerate(np.diag(matrix).tolist()):
    num_images = int(matrix[index].sum())
    predicted = int(matrix[:, index].sum())
    both = num_images + predicted
    measures.append(
      ClassMeasures(
        precision=correct / predicted if predicted else np.nan,
        recall=correct / num_images if num_images else np.nan,
        f1=2 * correct / both if both else np.nan,
        num_images=num_images,
      )
    )
  return measures


class Calibration(NamedTuple):
  """Whether a network is correct as often as its confidence says.

  See Guo et al. 2017, "On Calibration of Modern Neural Networks". The B bins
  are those of equal width in which there are images.

  Attributes:
    confidence: float64 [B], the mean confidence in each bin.
    accuracy: float64 [B], the share of correct predictions in each bin.
    num_images: int64 [B], the number of images in each bin.
    error: The expected calibration error: the mean of |accuracy - confidence|,
      weighted by the numbers of images (section 2, equation 3).
  """

  confidence: np.ndarray
  accuracy: np.ndarray
  num_images: np.ndarray
  error: float


def calibration(hits: np.ndarray, confidences: np.ndarray) -> Calibration:
  """The calibration in ten bins; empty ones are left out.

  Args:
    hits: Bool [N], whether each prediction is correct.
    confidences: Float [N], from 0 to 1.
  """
  bins = np.minimum((confidences * _BINS).astype(np.int64), _BINS - 1)
  num_images = np.bincount(bins, minlength=_BINS)
  used = num_images > 0
  confidence, accuracy = (
    np.bincount(bins, values, _BINS)[used] / num_images[used]
    for values in (confidences.astype(np.float64), hits.astype(np.float64))
  )
  gaps = np.abs(accuracy - confidence)
  error = float(np.average(gaps, weights=num_images[used]))
  return Calibration(confidence, accuracy, num_images[used], error)
