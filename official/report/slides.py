"""A report as slides: the same ones for a browser and for a PDF."""

import dataclasses
import math

from official.report.content import Content, Table
from official.report.language import Language

_SENTENCES = 6  # a slide at most
_ROWS = 12


@dataclasses.dataclass(frozen=True)
class Slide:
  """One slide; what is empty is not on it.

  Attributes:
    title: its heading.
    lines: sentences.
    plots: names of at most two plots, side by side.
    table: figures.
    is_cover: whether it is the first one.
  """

  title: str
  lines: list[str] = dataclasses.field(default_factory=list)
  plots: list[str] = dataclasses.field(default_factory=list)
  table: Table | None = None
  is_cover: bool = False


def of(content: Content, say: Language) -> list[Slide]:
  """What is said first, what it rests on, then a closer look."""
  facts = ' · '.join(f'{k} {v}' for k, v in content.environment.items())
  slides = [Slide(content.title, [content.lead], is_cover=True)]
  count = math.ceil(len(content.sentences) / _SENTENCES)
  size = math.ceil(len(content.sentences) / count)
  for start in range(0, len(content.sentences), size):
    lines = content.sentences[start : start + size]
    slides.append(Slide(say('Conclusion'), lines))
  for table in _parts(content.results):
    slides.append(Slide(say('Results'), table=table))
  for pair in _pairs(content.curves):
    slides.append(Slide(_title(content, pair), plots=pair))
  # Of each kind of network the last group, the longest.
  for close in {close.kind: close for close in content.closer}.values():
    for pair in _pairs(close.plots):
      title = f'{close.title} · {_title(content, pair)}'
      slides.append(Slide(title, plots=pair))
    for table in _parts(close.classes) if close.classes else []:
      slides.append(Slide(f'{close.title} · {say("Every class")}', table=table))
  slides.append(Slide(say('Environment'), [facts, *content.notes]))
  return slides


def _pairs(names: list[str]) -> list[list[str]]:
  return [names[start : start + 2] for start in range(0, len(names), 2)]


def _title(content: Content, names: list[str]) -> str:
  return ' · '.join(content.titles[name] for name in names)


def _parts(table: Table) -> list[Table]:
  return [
    Table(table.header, table.rows[start : start + _ROWS])
    for start in range(0, len(table.rows), _ROWS)
  ]
