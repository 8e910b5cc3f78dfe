"""The report's plots, by Matplotlib: PNG for a blog, SVG for a page."""

import io
from collections.abc import Callable, Iterator, Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from official.report.conclusion import Group
from official.report.runs import Evaluation, Run, smoothed

FORMATS = ('png', 'svg')

# Okabe and Ito's colours, told apart by colour-blind readers too.
_COLOURS = (
  *('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9'),
  *('#000000', '#F0E442'),
)
_STYLE = {
  'font.size': 10,
  'axes.grid': True,
  'grid.alpha': 0.3,
  'axes.spines.top': False,
  'axes.spines.right': False,
  'legend.frameon': False,
  'svg.fonttype': 'path',  # The same letters on every machine.
  'svg.hashsalt': 'official.report',
}


def draw(groups: Sequence[Group]) -> dict[str, dict[str, bytes]]:
  """Name to format to the file's content, for each plot."""
  plots = {
    'accuracy_by_epoch': _accuracy_by_epoch,
    'accuracy_by_time': _accuracy_by_time,
    'loss_by_epoch': _loss_by_epoch,
    'learning_rate': _learning_rate,
    'seconds_per_epoch': _seconds_per_epoch,
    'accuracy_by_parameters': _accuracy_by_parameters,
  }
  result = {}
  with mpl.rc_context(_STYLE):
    for name, plot in plots.items():
      figure = Figure(figsize=(6.4, 4), layout='constrained')
      plot(figure.subplots(), groups)
      result[name] = {fmt: _file(figure, fmt) for fmt in FORMATS}
  return result


def _file(figure: Figure, fmt: str) -> bytes:
  content = io.BytesIO()
  # No date, so that the same runs give the same bytes.
  metadata = {'Date': None} if fmt == 'svg' else {}
  figure.savefig(content, format=fmt, dpi=150, metadata=metadata)
  return content.getvalue()


def _coloured(groups: Sequence[Group]) -> Iterator[tuple[Group, str]]:
  for i, group in enumerate(groups):
    yield group, _COLOURS[i % len(_COLOURS)]


def _per_run(
  groups: Sequence[Group],
) -> Iterator[tuple[Run, str, str | None]]:
  """Each run, its colour and a label for the first one of its group."""
  for group, colour in _coloured(groups):
    for i, run in enumerate(group.runs):
      yield run, colour, None if i else group.name


def _accuracy_by_epoch(axes: Axes, groups: Sequence[Group]) -> None:
  _dots(axes, groups, lambda e: e.epoch, lambda e: 100 * e.accuracy)
  axes.set(xlabel='epoch', ylabel='test accuracy, %')


def _accuracy_by_time(axes: Axes, groups: Sequence[Group]) -> None:
  _dots(axes, groups, lambda e: e.seconds / 60, lambda e: 100 * e.accuracy)
  axes.set(xlabel='minutes at work', ylabel='test accuracy, %')


def _dots(
  axes: Axes,
  groups: Sequence[Group],
  x: Callable[[Evaluation], float],
  y: Callable[[Evaluation], float],
) -> None:
  """The evaluations of every run."""
  for run, colour, label in _per_run(groups):
    axes.plot(
      list(map(x, run.evaluations)),
      list(map(y, run.evaluations)),
      'o-',
      color=colour,
      label=label,
      markersize=4,
    )
  axes.legend()


def _loss_by_epoch(axes: Axes, groups: Sequence[Group]) -> None:
  for run, colour, _ in _per_run(groups):
    curve = smoothed(run.curves['loss'])
    axes.plot(curve.epochs, curve.values, color=colour, alpha=0.4)
  _dots(axes, groups, lambda e: e.epoch, lambda e: e.cross_entropy)
  axes.set(
    xlabel='epoch',
    ylabel='pale: training loss, dots: test cross-entropy',
    yscale='log',
  )


def _learning_rate(axes: Axes, groups: Sequence[Group]) -> None:
  for run, colour, label in _per_run(groups):
    curve = smoothed(run.curves['learning_rate'])
    axes.plot(curve.epochs, curve.values, color=colour, label=label)
  axes.set(xlabel='epoch', ylabel='learning rate', ylim=(0, None))
  axes.legend()


def _seconds_per_epoch(axes: Axes, groups: Sequence[Group]) -> None:
  names = [group.name for group in groups]
  seconds = [group.seconds_per_epoch for group in groups]
  colours = [colour for _, colour in _coloured(groups)]
  bars = axes.barh(names, seconds, color=colours)
  axes.bar_label(bars, fmt='%.1f', padding=3)
  axes.set(xlabel='seconds an epoch of training')
  axes.grid(axis='y', visible=False)
  axes.invert_yaxis()


def _accuracy_by_parameters(axes: Axes, groups: Sequence[Group]) -> None:
  for group, colour in _coloured(groups):
    found = group.accuracy(group.epochs)
    axes.errorbar(
      [group.parameters],
      [100 * found.estimate],
      yerr=[
        [100 * (found.estimate - found.low)],
        [100 * (found.high - found.estimate)],
      ],
      fmt='o',
      color=colour,
      capsize=4,
      label=group.name,
    )
  axes.set(
    xlabel='parameters',
    ylabel='test accuracy, %, with its 95 % interval',
    xscale='log',
  )
  axes.legend()
