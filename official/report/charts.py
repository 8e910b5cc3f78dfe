"""From figures to files, by Matplotlib: PNG for a blog, SVG for a page."""

import contextlib
import io
from collections.abc import Iterator, Mapping, Sequence

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.figure import Figure

from official.report import pictures, plots
from official.report.groups import Group
from official.report.language import Language

FORMATS = ('png', 'svg')

_STYLE = {
  'font.size': 10,
  'axes.grid': True,
  'axes.titlesize': 10,
  'grid.alpha': 0.3,
  'axes.spines.top': False,
  'axes.spines.right': False,
  'legend.frameon': False,
  'svg.fonttype': 'path',  # The same letters on every machine.
  'svg.hashsalt': 'official.report',
}
_CHINESE_FONTS = (
  *('Noto Sans CJK SC', 'Noto Sans SC', 'Source Han Sans SC', 'PingFang SC'),
  *('Microsoft YaHei', 'SimHei', 'Hiragino Sans GB', 'WenQuanYi Micro Hei'),
  *('WenQuanYi Zen Hei', 'Arial Unicode MS', 'Droid Sans Fallback'),
)

Files = Mapping[str, bytes]


def draw(groups: Sequence[Group], say: Language) -> dict[str, Files]:
  """Name to format to the file's content, for each plot.

  Without a font of the language on this machine the labels are in English.
  """
  font = font_for(say)
  labels = say if font or not say.needs_font else Language('en')
  with _style(font):
    figures = plots.draw(groups, labels) | pictures.draw(groups, labels)
    return {
      name: {fmt: _file(figure, fmt) for fmt in FORMATS}
      for name, figure in figures.items()
    }


def font_for(say: Language) -> str | None:
  """A font of this machine that has the letters; None for Matplotlib's own."""
  if not say.needs_font:
    return None
  known = set(font_manager.get_font_names())
  return next((name for name in _CHINESE_FONTS if name in known), None)


@contextlib.contextmanager
def _style(font: str | None) -> Iterator[None]:
  fonts = {'font.family': [font, 'DejaVu Sans']} if font else {}
  with mpl.rc_context(_STYLE | fonts):
    yield


def _file(figure: Figure, fmt: str) -> bytes:
  content = io.BytesIO()
  # No date, so that the same runs give the same bytes.
  metadata = {'Date': None} if fmt == 'svg' else {}
  figure.savefig(content, format=fmt, dpi=150, metadata=metadata)
  return content.getvalue()
