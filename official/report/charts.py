"""From figures to files, by Matplotlib: PNG for a blog, SVG for a page."""

import contextlib
import functools
import io
import os
from collections.abc import Iterator, Mapping, Sequence

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.figure import Figure
from PIL import Image

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
# Files of fonts with Chinese letters, as systems have them.
_CHINESE_FONTS = (
  *('notosanscjk', 'notosanssc', 'sourcehansans', 'pingfang', 'msyh', 'simhei'),
  *('wqy-microhei', 'wqy-zenhei', 'hiragino sans gb', 'arial unicode'),
  *('droidsansfallback',),
)

Files = Mapping[str, bytes]


def draw(groups: Sequence[Group], say: Language) -> dict[str, Files]:
  """Name to format to the file's content, for each plot."""
  with _style(font_for(say)):
    figures = plots.draw(groups, say) | pictures.draw(groups, say)
    return {
      name: {fmt: _file(figure, fmt) for fmt in FORMATS}
      for name, figure in figures.items()
    }


def font_for(say: Language) -> str | None:
  """The file of a font that has the letters; None if there is or need be none.

  Matplotlib's own has those of English.
  """
  return _chinese_font() if say.needs_font else None


@functools.cache
def _chinese_font() -> str | None:
  files = sorted(font_manager.findSystemFonts())
  for name in _CHINESE_FONTS:
    for file in files:
      if os.path.basename(file).lower().startswith(name):
        return file
  return None


@contextlib.contextmanager
def _style(font: str | None) -> Iterator[None]:
  fonts = {}
  if font:
    font_manager.fontManager.addfont(font)
    name = font_manager.FontProperties(fname=font).get_name()
    fonts = {'font.family': [name, 'DejaVu Sans']}
  with mpl.rc_context(_STYLE | fonts):
    yield


def _file(figure: Figure, fmt: str) -> bytes:
  content = io.BytesIO()
  # No date, so that the same runs give the same bytes.
  metadata = {'Date': None} if fmt == 'svg' else {}
  figure.savefig(content, format=fmt, dpi=150, metadata=metadata)
  return _palette(content) if fmt == 'png' else content.getvalue()


def _palette(png: io.BytesIO) -> bytes:
  """The same in 256 colours: a third of the bytes."""
  small = io.BytesIO()
  with Image.open(png) as image:
    image.convert('RGB').quantize(256).save(small, 'png', optimize=True)
  return small.getvalue()
