"""The slides of a report, the same for a browser and for a PDF."""

import dataclasses
import math

from official.report.content import CloseUp, Content
from official.report.language import Language
from official.report.tables import Table

_SENTENCES_PER_SLIDE = 6
_ROWS_PER_SLIDE = 12


@dataclasses.dataclass(frozen=True)
class Slide:
  """One slide; empty fields do not appear on it.

  Attributes:
    title: The heading of the slide.
    lines: Sentences.
    plots: Names of at most two plots, side by side.
    table: A table of at most `_ROWS_PER_SLIDE` rows.
    is_cover: Whether it is the first slide.
  """

  title: str
  lines: list[str] = dataclasses.field(default_factory=list)
  plots: list[str] = dataclasses.field(default_factory=list)
  table: Table | None = None
  is_cover: bool = False


def compose(content: Content, say: Language) -> list[Slide]:
  """The conclusion, then its results and curves, then closer looks."""
  facts = ' · '.join(f'{k} {v}' for k, v in content.environment.items())
  # Of the groups of one variant, the last one with predictions is shown.
  close_ups = {close_up.variant: close_up for close_up in content.close_ups}
  return [
    Slide(content.title, [content.lead], is_cover=True),
    *_conclusion(content, say),
    *(
      Slide(say('Results'), table=table) for table in _parts_of(content.results)
    ),
    *(
      Slide(_titles(content, pair), plots=pair)
      for pair in _pairs(content.curves)
    ),
    *(
      slide
      for close_up in close_ups.values()
      for slide in _closer(close_up, content, say)
    ),
    Slide(say('Environment'), [facts, *content.notes]),
  ]


def _conclusion(content: Content, say: Language) -> list[Slide]:
  """The sentences, spread evenly over as few slides as they need."""
  count = math.ceil(len(content.sentences) / _SENTENCES_PER_SLIDE)
  size = math.ceil(len(content.sentences) / count)
  return [
    Slide(say('Conclusion'), content.sentences[start : start + size])
    for start in range(0, len(content.sentences), size)
  ]


def _closer(close_up: CloseUp, content: Content, say: Language) -> list[Slide]:
  slides = [
    Slide(f'{close_up.title} · {_titles(content, pair)}', plots=pair)
    for pair in _pairs(close_up.plots)
  ]
  if close_up.classes:
    title = f'{close_up.title} · {say("Results by class")}'
    slides += [
      Slide(title, table=table) for table in _parts_of(close_up.classes)
    ]
  return slides


def _pairs(names: list[str]) -> list[list[str]]:
  return [names[start : start + 2] for start in range(0, len(names), 2)]


def _titles(content: Content, plots: list[str]) -> str:
  return ' · '.join(content.titles[name] for name in plots)


def _parts_of(table: Table) -> list[Table]:
  return [
    Table(table.header, table.rows[start : start + _ROWS_PER_SLIDE])
    for start in range(0, len(table.rows), _ROWS_PER_SLIDE)
  ]
