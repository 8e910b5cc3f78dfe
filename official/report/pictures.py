"""The pictures of one network: its errors, its calibration, its filters."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from official.images import filter_images, to_uint8
from official.report import measures
from official.report.groups import Group
from official.report.language import Language
from official.report.predictions import Predictions

_MOST_CLASSES = 30  # A larger matrix cannot be read.
_MOST_FILTERS = 96
_COLUMNS = 8  # images side by side


def draw(groups: Sequence[Group], say: Language) -> dict[str, Figure]:
  """The figures by name, for each group that has predictions.

  A name ends with the number of its group, such as `confusion_1`.
  """
  plots: dict[str, Callable[..., Figure | None]] = {
    'confusion': _confusion,
    'calibration': _calibration,
    'mistakes': _mistakes,
    'filters': _filters,
  }
  figures = {}
  for number, group in enumerate(groups, start=1):
    predictions = group.predictions
    if predictions is None:
      continue
    names = class_names(group, predictions)
    for name, plot in plots.items():
      figure = plot(predictions, names, say)
      if figure is not None:
        figures[f'{name}_{number}'] = figure
  return figures


def class_names(group: Group, predictions: Predictions) -> tuple[str, ...]:
  """The names of the classes; their numbers where names are missing."""
  count = 1 + max(predictions.labels.max(), predictions.classes.max())
  names = group.runs[0].class_names
  return names if len(names) >= count else tuple(map(str, range(count)))


def _confusion(
  predictions: Predictions, names: Sequence[str], say: Language
) -> Figure | None:
  count = len(names)
  if count > _MOST_CLASSES:
    return None
  matrix = measures.confusion(predictions.labels, predictions.classes, count)
  figure = Figure(
    figsize=(2 + 0.42 * count, 1.6 + 0.38 * count), layout='constrained'
  )
  axes = figure.subplots()
  # The shade is the share of a class that is classified wrongly. If it were the
  # count, only the diagonal would be visible.
  errors = np.where(np.eye(count, dtype=bool), 0, matrix)
  shade = errors / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
  axes.imshow(shade, cmap='Oranges', vmin=0, vmax=max(shade.max(), 1e-9) * 1.6)
  for row, column in np.ndindex(matrix.shape):
    if matrix[row, column]:
      axes.text(
        column,
        row,
        f'{matrix[row, column]}',
        ha='center',
        va='center',
        fontsize=8,
      )
  axes.set_xticks(range(count), names, rotation=0 if _are_short(names) else 60)
  axes.set_yticks(range(count), names)
  axes.set(xlabel=say('predicted class'), ylabel=say('true class'))
  axes.grid(visible=False)
  return figure


def _are_short(names: Sequence[str]) -> bool:
  return max(map(len, names)) <= 3


def _calibration(
  predictions: Predictions, names: Sequence[str], say: Language
) -> Figure:
  del names
  calibration = measures.calibration(
    predictions.labels == predictions.classes, predictions.confidences
  )
  figure = Figure(figsize=(4.8, 4), layout='constrained')
  axes = figure.subplots()
  axes.plot([0, 1], [0, 1], '--', color='#888888')
  axes.plot(calibration.confidence, calibration.accuracy, 'o-', color='#0072B2')
  for x, y, count in zip(*calibration[:3], strict=True):
    axes.annotate(
      f'{count:,}',
      (x, y),
      xytext=(-4, 6),
      textcoords='offset points',
      ha='right',
      fontsize=7,
    )
  axes.set(
    xlabel=say('confidence'),
    ylabel=say('accuracy'),
    title=say(
      'expected calibration error {error} %',
      error=f'{100 * calibration.error:.2f}',
    ),
    xlim=(0, 1.02),
    ylim=(0, 1.05),
  )
  return figure


def _mistakes(
  predictions: Predictions, names: Sequence[str], say: Language
) -> Figure | None:
  count = len(predictions.mistakes)
  if not count:
    return None
  titles = [
    say(
      '{label}, predicted {prediction}\n{percent} %',
      label=names[predictions.labels[index]],
      prediction=names[predictions.classes[index]],
      percent=f'{100 * predictions.confidences[index]:.1f}',
    )
    for index in predictions.mistakes
  ]
  return _grid(predictions.mistake_images, titles, size=1.1)


def _filters(
  predictions: Predictions, names: Sequence[str], say: Language
) -> Figure | None:
  """The filters, each scaled by itself from black to white."""
  del names, say
  kernels = predictions.filters
  # A 1x1 kernel has no shape to show.
  if not kernels.size or kernels.shape[0] == 1:
    return None
  filters = filter_images(kernels)[:_MOST_FILTERS]
  images = np.stack([to_uint8(image) for image in filters])
  return _grid(images, [''] * len(images), size=0.45, columns=2 * _COLUMNS)


def _grid(
  images: np.ndarray,
  titles: Sequence[str],
  size: float,
  columns: int = _COLUMNS,
) -> Figure:
  """A figure of images in rows.

  Args:
    images: uint8 [N, H, W, 1 or 3].
    titles: One for each image; empty for none.
    size: Inches of each image.
    columns: Images side by side.
  """
  rows = math.ceil(len(images) / columns)
  height = size + (0.35 if any(titles) else 0.05)
  figure = Figure(figsize=(columns * size, rows * height), layout='constrained')
  for axes in figure.subplots(rows, columns, squeeze=False).flat:
    axes.set_axis_off()
  for axes, image, title in zip(figure.axes, images, titles, strict=False):
    if image.shape[-1] == 1:
      image = np.repeat(image, 3, axis=-1)
    axes.imshow(image)
    axes.set_title(title, fontsize=6.5)
  return figure
