"""The progress of a run: a bar on a terminal, plain lines elsewhere."""

import contextlib
import time
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.progress import (
  BarColumn,
  MofNCompleteColumn,
  Progress,
  SpinnerColumn,
  TextColumn,
  TimeElapsedColumn,
)

from official.estimator import Hook, Run
from official.run.durations import duration

_REFRESH_SECONDS = 0.2
_SILENT_SECONDS = 60


class ProgressHook(Hook):
  """Shows step, loss, accuracy, rate, images per second and the time left.

  Args:
    batch_size: Images per step, over all replicas.
    steps_per_epoch: Steps per epoch, which may be a fraction.
    total_steps: The global step at which the whole run ends.
    every_n_steps: Steps between plain lines.

  Attributes:
    images: Number of images trained so far, over all calls of `train`.
    seconds: Seconds that these images took.
  """

  def __init__(
    self,
    batch_size: int,
    steps_per_epoch: float,
    total_steps: int,
    every_n_steps: int = 100,
  ):
    self._batch_size = batch_size
    self._steps_per_epoch = steps_per_epoch
    self._total_steps = total_steps
    self._every_n_steps = every_n_steps
    self._bar: _Bar | None = None
    self._recent = _Recent()
    self._last = self._shown = 0.0  # Readings of the clock; `begin` sets them.
    self.images, self.seconds = 0, 0.0

  def begin(self, run: Run) -> None:
    """See `Hook`."""
    self._recent = _Recent()
    self._last = self._shown = time.monotonic()
    if is_terminal():
      self._bar = _Bar(self._total_steps)

  def after_run(self, run: Run) -> None:
    """See `Hook`."""
    now = time.monotonic()
    images = run.steps_in_loop * self._batch_size
    if run.global_step - run.steps_in_loop > run.first_step:
      # The first loop also sets up the device, so its speed is not counted.
      self.images += images
      self.seconds += now - self._last
    self._last = now
    self._recent.add(run.history())
    if self._bar is not None and now - self._shown >= _REFRESH_SECONDS:
      self._shown = now
      self._bar.show(run.global_step, self._epoch(run), self._text(run))
    if self._is_line_due(run):
      if self._bar is None:
        print(
          f'step {run.global_step:>{len(str(self._total_steps))}}'
          f'/{self._total_steps}  {self._epoch(run)}  {self._text(run)}',
          flush=True,
        )
      self._recent = _Recent()

  def end(self, run: Run) -> None:
    """See `Hook`."""
    self._close()

  def abort(self, run: Run, error: BaseException) -> None:
    """See `Hook`."""
    self._close()

  def _close(self) -> None:
    if self._bar is not None:
      self._bar.close()
      self._bar = None

  def _is_line_due(self, run: Run) -> bool:
    before = run.global_step - run.steps_in_loop
    every = self._every_n_steps
    return before // every < run.global_step // every

  def _epoch(self, run: Run) -> str:
    return f'epoch {run.global_step / self._steps_per_epoch:.2f}'

  def _text(self, run: Run) -> str:
    values = self._recent.means()
    parts = [f'loss {values["loss"]:.4f}']
    if 'train_accuracy' in values:
      parts.append(f'accuracy {100 * values["train_accuracy"]:.2f} %')
    if 'learning_rate' in values:
      parts.append(f'rate {run.values["learning_rate"]:.2g}')
    if self.seconds:
      speed = self.images / self.seconds
      left = (self._total_steps - run.global_step) * self._batch_size / speed
      parts += [f'{speed:,.0f} images/s', f'{duration(left)} left']
    return '  '.join(parts)


class BatchProgressHook(Hook):
  """Shows the progress of an evaluation or a prediction, and the time left.

  On a terminal it is a bar. Elsewhere it is one line each minute, so a short
  evaluation prints none.

  Args:
    batches: Number of batches in all.
    what: The word for the work, such as `'evaluating'`.
  """

  def __init__(self, batches: int, what: str):
    self._batches, self._what = batches, what
    self._bar: _Bar | None = None
    self._done = 0
    self._start = self._shown = 0.0  # Readings of the clock; `begin` sets them.

  def begin(self, run: Run) -> None:
    """See `Hook`."""
    self._done = 0
    self._start = self._shown = time.monotonic()
    if is_terminal():
      self._bar = _Bar(self._batches)

  def after_run(self, run: Run) -> None:
    """See `Hook`."""
    self._done += 1
    now = time.monotonic()
    per_batch = (now - self._start) / self._done
    left = f'{duration((self._batches - self._done) * per_batch)} left'
    if self._bar is not None:
      self._bar.show(self._done, self._what, left)
    elif now - self._shown >= _SILENT_SECONDS:
      self._shown = now
      print(f'{self._what} {self._done}/{self._batches}  {left}', flush=True)

  def end(self, run: Run) -> None:
    """See `Hook`."""
    if self._bar is not None:
      self._bar.close()
      self._bar = None

  def abort(self, run: Run, error: BaseException) -> None:
    """See `Hook`."""
    self.end(run)


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
  """Shows a line for as long as some work takes; only on a terminal."""
  if not is_terminal():
    yield
    return
  with Progress(
    SpinnerColumn(),
    TextColumn('{task.description}'),
    TimeElapsedColumn(),
    console=Console(),
    transient=True,
  ) as shown:
    shown.add_task(what, total=None)
    yield


def is_terminal() -> bool:
  """Whether standard output is a terminal that can redraw a line."""
  console = Console()
  return console.is_terminal and not console.is_dumb_terminal


class _Recent:
  """Means of the scalars since the last line."""

  def __init__(self) -> None:
    self._sums: dict[str, float] = {}
    self._count = 0

  def add(self, history: Sequence[Mapping[str, float]]) -> None:
    for values in history:
      self._count += 1
      for name, value in values.items():
        self._sums[name] = self._sums.get(name, 0.0) + value

  def means(self) -> dict[str, float]:
    return {name: total / self._count for name, total in self._sums.items()}


class _Bar:
  """One live line at the bottom of the terminal, which `close` removes."""

  def __init__(self, total: int):
    self._progress = Progress(
      TextColumn('{task.description}'),
      BarColumn(bar_width=24),
      MofNCompleteColumn(),
      TextColumn('{task.fields[text]}'),
      console=Console(),
      transient=True,
    )
    self._progress.start()
    self._task = self._progress.add_task('', total=total, text='')

  def show(self, completed: int, description: str, text: str) -> None:
    self._progress.update(
      self._task, completed=completed, description=description, text=text
    )

  def close(self) -> None:
    self._progress.stop()
