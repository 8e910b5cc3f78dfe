"""The predictions of a run for the test images, from `predictions.npz`."""

import dataclasses
import os
import zipfile

import numpy as np

from official.report.runs import Run
from official.run import folder as run_folder


@dataclasses.dataclass(frozen=True)
class Predictions:
  """The predictions of a network for N test images, with its M worst mistakes.

  `official.run.predictions.save` writes them.

  Attributes:
    labels: int32 [N], the true classes.
    classes: int32 [N], the predicted classes.
    confidences: float32 [N], the probabilities of the predicted classes.
    mistakes: int32 [M], indices of images that are classified wrongly, the
      most confident mistake first.
    mistake_images: uint8 [M, H, W, C].
    filters: float32 [k, k, C, F], the kernel of the first convolution.
    multiply_adds: Number of multiply-adds for one image.
  """

  labels: np.ndarray
  classes: np.ndarray
  confidences: np.ndarray
  mistakes: np.ndarray
  mistake_images: np.ndarray
  filters: np.ndarray
  multiply_adds: int


def load(run: Run) -> Predictions | None:
  """The predictions of the newest checkpoint; None where there are none."""
  names = [field.name for field in dataclasses.fields(Predictions)]
  try:
    with np.load(os.path.join(run.folder, run_folder.PREDICTIONS)) as file:
      if int(file['step']) != run.step:
        return None
      values = {name: file[name] for name in names}
  except (OSError, KeyError, ValueError, zipfile.BadZipFile):
    return None
  multiply_adds = int(values.pop('multiply_adds'))
  return Predictions(**values, multiply_adds=multiply_adds)
