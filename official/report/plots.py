"""The curves of a report: accuracy, loss and rate by epoch, time and size."""

from collections.abc import Callable, Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from official.report.groups import Group
from official.report.language import Language
from official.report.runs import Evaluation, Run, smoothed

# Okabe and Ito's colours, which colour-blind readers can distinguish too.
_COLOURS = (
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#E69F00',
  '#56B4E9',
  '#000000',
  '#F0E442',
)


def draw(groups: Sequence[Group], say: Language) -> dict[str, Figure]:
  """The figures by name; a figure without data is left out."""
  plots = {
    'accuracy_by_epoch': _accuracy_by_epoch,
    'accuracy_by_time': _accuracy_by_time,
    'loss_by_epoch': _loss_by_epoch,
    'loss_by_time': _loss_by_time,
    'seconds_per_epoch': _seconds_per_epoch,
    'learning_rate': _learning_rate,
    'accuracy_by_parameters': _accuracy_by_parameters,
  }
  if any(group.predictions is not None for group in groups):
    plots['accuracy_by_multiply_adds'] = _accuracy_by_multiply_adds
  figures = {}
  for name, plot in plots.items():
    figure = Figure(figsize=(6.4, 4), layout='constrained')
    axes = figure.subplots()
    plot(axes, groups, say)
    if axes.get_xlabel() == say('epoch'):
      axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    figures[name] = figure
  return figures


def _coloured(groups: Sequence[Group]) -> Iterator[tuple[Group, str]]:
  for i, group in enumerate(groups):
    yield group, _COLOURS[i % len(_COLOURS)]


def _per_run(
  groups: Sequence[Group],
) -> Iterator[tuple[Run, str, str | None]]:
  """Each run with its colour, and a label for the first run of each group."""
  for group, colour in _coloured(groups):
    for i, run in enumerate(group.runs):
      yield run, colour, None if i else group.name


def _accuracy_by_epoch(
  axes: Axes, groups: Sequence[Group], say: Language
) -> None:
  _dots(axes, groups, lambda e: e.epoch, lambda e: 100 * e.accuracy)
  axes.set(xlabel=say('epoch'), ylabel=say('test accuracy, %'))


def _accuracy_by_time(
  axes: Axes, groups: Sequence[Group], say: Language
) -> None:
  _dots(axes, groups, lambda e: e.seconds / 60, lambda e: 100 * e.accuracy)
  axes.set(xlabel=say('run time, minutes'), ylabel=say('test accuracy, %'))


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


def _loss_by_epoch(axes: Axes, groups: Sequence[Group], say: Language) -> None:
  for run, colour, _ in _per_run(groups):
    curve = smoothed(run.curves['loss'])
    axes.plot(curve.epochs, curve.values, color=colour, alpha=0.4)
  _dots(axes, groups, lambda e: e.epoch, lambda e: e.cross_entropy)
  axes.set(
    xlabel=say('epoch'),
    ylabel=say('training loss (pale), test cross-entropy (dots)'),
    yscale='log',
  )


def _loss_by_time(axes: Axes, groups: Sequence[Group], say: Language) -> None:
  _dots(axes, groups, lambda e: e.seconds / 60, lambda e: e.cross_entropy)
  axes.set(xlabel=say('run time, minutes'), ylabel=say('test cross-entropy'))
  values = {
    evaluation.cross_entropy
    for group in groups
    for run in group.runs
    for evaluation in run.evaluations
  }
  if len(values) > 1:
    axes.set_yscale('log')  # Matplotlib cannot scale a single value so.


def _learning_rate(axes: Axes, groups: Sequence[Group], say: Language) -> None:
  for run, colour, label in _per_run(groups):
    curve = smoothed(run.curves['learning_rate'])
    axes.plot(curve.epochs, curve.values, color=colour, label=label)
  axes.set(xlabel=say('epoch'), ylabel=say('learning rate'), ylim=(0, None))
  axes.legend()


def _seconds_per_epoch(
  axes: Axes, groups: Sequence[Group], say: Language
) -> None:
  names = [group.name for group in groups]
  seconds = [group.seconds_per_epoch for group in groups]
  colours = [colour for _, colour in _coloured(groups)]
  bars = axes.barh(names, seconds, color=colours)
  axes.bar_label(bars, fmt='%.1f', padding=3)
  axes.set(xlabel=say('training time per epoch, s'))
  axes.grid(axis='y', visible=False)
  axes.invert_yaxis()


def _accuracy_by_parameters(
  axes: Axes, groups: Sequence[Group], say: Language
) -> None:
  sizes = [group.parameters for group in groups]
  _accuracy_by(axes, groups, sizes, say)
  axes.set(xlabel=say('parameters'))


def _accuracy_by_multiply_adds(
  axes: Axes, groups: Sequence[Group], say: Language
) -> None:
  sizes = [
    None if group.predictions is None else group.predictions.multiply_adds
    for group in groups
  ]
  _accuracy_by(axes, groups, sizes, say)
  axes.set(xlabel=say('multiply-adds per image'))


def _accuracy_by(
  axes: Axes,
  groups: Sequence[Group],
  sizes: Sequence[int | None],
  say: Language,
) -> None:
  """Plots accuracy by a size, for the groups whose size is known."""
  known_sizes = []
  for (group, colour), size in zip(_coloured(groups), sizes, strict=True):
    if size is None:
      continue
    known_sizes.append(size)
    accuracy = group.accuracy(group.epochs)
    axes.errorbar(
      [size],
      [100 * accuracy.estimate],
      yerr=[
        [100 * (accuracy.estimate - accuracy.low)],
        [100 * (accuracy.high - accuracy.estimate)],
      ],
      fmt='o',
      color=colour,
      capsize=4,
      label=group.name,
    )
  smallest, largest = min(known_sizes), max(known_sizes)
  is_wide = largest > 5 * smallest
  axes.set(
    ylabel=say('test accuracy with 95 % interval, %'),
    xscale='log' if is_wide else 'linear',
    xlim=(0.5 * smallest if is_wide else 0, 1.2 * largest),
  )
  axes.xaxis.set_major_formatter(EngFormatter(sep=''))
  axes.legend()
