"""The pictures of a report: what one network sees, and where it errs."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.figure import Figure

from official.pictures import filter_images, picture
from official.report import measures
from official.report.groups import Group
from official.report.language import Language
from official.report.runs import Predictions

_MOST_CLASSES = 30  # that fit into a matrix one can read
_MOST_FILTERS = 96
_COLUMNS = 8


def draw(groups: Sequence[Group], say: Language) -> dict[str, Figure]:
  """Name to figure, of those groups that have predictions."""
  plots: dict[str, Callable[..., Figure | None]] = {
    'confusion': _confusion,
    'calibration': _calibration,
    'mistakes': _mistakes,
    'filters': _filters,
  }
  result = {}
  for number, group in enumerate(groups):
    if group.predictions is None:
      continue
    for name, plot in plots.items():
      figure = plot(group.predictions, class_names(group), say)
      if figure is not None:
        result[f'{name}_{number + 1}'] = figure
  return result


def class_names(group: Group) -> tuple[str, ...]:
  """One a class that occurs."""
  predictions = group.predictions
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
  # The shade is the share of a class that is wrong, so that errors are seen.
  errors = np.where(np.eye(count, dtype=bool), 0, matrix)
  shade = errors / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
  axes.imshow(shade, cmap='Oranges', vmin=0, vmax=max(shade.max(), 1e-9) * 1.6)
  for row, column in np.ndindex(matrix.shape):
    if matrix[row, column]:
      axes.text(
        *(column, row, f'{matrix[row, column]}'),
        ha='center',
        va='center',
        fontsize=8,
      )
  axes.set_xticks(range(count), names, rotation=0 if _are_short(names) else 60)
  axes.set_yticks(range(count), names)
  axes.set(xlabel=say('taken for'), ylabel=say('is'))
  axes.grid(visible=False)
  return figure


def _are_short(names: Sequence[str]) -> bool:
  return max(map(len, names)) <= 3


def _calibration(
  predictions: Predictions, names: Sequence[str], say: Language
) -> Figure:
  del names
  found = measures.calibration(
    predictions.labels == predictions.classes, predictions.confidences
  )
  figure = Figure(figsize=(4.8, 4), layout='constrained')
  axes = figure.subplots()
  axes.plot([0, 1], [0, 1], '--', color='#888888')
  axes.plot(found.confidence, found.accuracy, 'o-', color='#0072B2')
  for x, y, count in zip(*found[:3], strict=True):
    axes.annotate(
      *(f'{count:,}', (x, y)),
      xytext=(-4, 6),
      textcoords='offset points',
      ha='right',
      fontsize=7,
    )
  axes.set(
    xlabel=say('claimed probability'),
    ylabel=say('share that is right'),
    title=say(
      'expected calibration error {error} %', error=f'{100 * found.error:.2f}'
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
      '{label}, taken for {given}\n{percent} %',
      label=names[predictions.labels[index]],
      given=names[predictions.classes[index]],
      percent=f'{100 * predictions.confidences[index]:.1f}',
    )
    for index in predictions.mistakes
  ]
  return _grid(predictions.mistake_images, titles, size=1.1)


def _filters(
  predictions: Predictions, names: Sequence[str], say: Language
) -> Figure | None:
  """Kernels of 3 channels in colour, others by their mean over the channels."""
  del names, say
  kernels = predictions.filters
  if not kernels.size or kernels.shape[0] == 1:
    return None
  filters = filter_images(kernels)[:_MOST_FILTERS]
  images = np.stack([picture(image) for image in filters])
  return _grid(images, [''] * len(images), size=0.45, columns=2 * _COLUMNS)


def _grid(
  images: np.ndarray,
  titles: Sequence[str],
  size: float,
  columns: int = _COLUMNS,
) -> Figure:
  """Pictures uint8 [N, H, W, 1 or 3] in rows."""
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
