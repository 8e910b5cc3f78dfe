"""The files of the plots, by Matplotlib: PNG for a blog, SVG for a page."""

import contextlib
import functools
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

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
  # Text as outlines looks the same on every machine, whatever its fonts.
  'svg.fonttype': 'path',
  # Without it the ids in an SVG are random, so the same runs give other bytes.
  'svg.hashsalt': 'official.report',
}
# How the files of fonts with Chinese letters begin, the best font first.
_CHINESE_FONTS = (
  'notosanscjk',
  'notosanssc',
  'sourcehansans',
  'pingfang',
  'msyh',
  'simhei',
  'wqy-microhei',
  'wqy-zenhei',
  'hiragino sans gb',
  'arial unicode',
  'droidsansfallback',
)

PlotFiles = Mapping[str, bytes]  # format -> content of the file


def draw(groups: Sequence[Group], say: Language) -> dict[str, PlotFiles]:
  """The files of each plot, by its name."""
  with _style(font_for(say)):
    figures = plots.draw(groups, say) | pictures.draw(groups, say)
    return {
      name: {fmt: _file(figure, fmt) for fmt in FORMATS}
      for name, figure in figures.items()
    }


def font_for(say: Language) -> str | None:
  """The file of a font with the letters of a language.

  It is None where Matplotlib's own font has them, or where this machine has no
  such font.
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
  settings: dict[Any, Any] = dict(_STYLE)
  if font:
    font_manager.fontManager.addfont(font)
    name = font_manager.FontProperties(fname=font).get_name()
    settings['font.family'] = [name, 'DejaVu Sans']
  with mpl.rc_context(settings):
    yield


def _file(figure: Figure, fmt: str) -> bytes:
  file = io.BytesIO()
  # Without a date the same runs give the same bytes.
  metadata = {'Date': None} if fmt == 'svg' else {}
  figure.savefig(file, format=fmt, dpi=150, metadata=metadata)
  return _with_palette(file) if fmt == 'png' else file.getvalue()


def _with_palette(png: io.BytesIO) -> bytes:
  """The same PNG in 256 colours, which takes a third of the bytes."""
  smaller = io.BytesIO()
  with Image.open(png) as image:
    image.convert('RGB').quantize(256).save(smaller, 'png', optimize=True)
  return smaller.getvalue()
