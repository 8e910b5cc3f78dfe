"""The slides of a report as a PDF, by ReportLab."""

import io
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor, white
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import cidfonts, pdfmetrics, ttfonts
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph
from reportlab.platypus import Table as PdfTable

from official.report.charts import PlotFiles
from official.report.language import Language
from official.report.slides import Slide
from official.report.tables import Table

_SIZE = (960, 540)  # points, 16 to 9
_MARGIN = 48  # points, like all lengths here
_WIDTH = _SIZE[0] - 2 * _MARGIN
_INK, _BLUE, _LINE = (
  HexColor('#1b1f24'),
  HexColor('#0b3c5d'),
  HexColor('#d8dee4'),
)
_GAP = 14


def render(
  slides: Sequence[Slide],
  plots: Mapping[str, PlotFiles],
  say: Language,
  font_file: str | None,
) -> bytes:
  """The PDF, with one page for each slide.

  The same slides give the same bytes.

  Args:
    slides: The content of the pages.
    plots: The files of each plot, by its name.
    say: The language.
    font_file: The file of a font to embed, where the language needs one. If it
      is None, or ReportLab cannot embed it, viewers use a font of their own.
  """
  file = io.BytesIO()
  canvas = Canvas(file, _SIZE, invariant=True)
  canvas.setTitle(slides[0].title)
  font = _font(say, font_file)
  for number, slide in enumerate(slides):
    _draw(canvas, slide, plots, font)
    if not slide.is_cover:
      canvas.setFont(font, 10)
      canvas.setFillColor(HexColor('#8b949e'))
      text = f'{number + 1} / {len(slides)}'
      canvas.drawRightString(_SIZE[0] - 24, 18, text)
    canvas.showPage()
  canvas.save()
  return file.getvalue()


def _font(say: Language, file: str | None) -> str:
  if not say.needs_font:
    return 'Helvetica'
  name = 'Report'
  try:
    pdfmetrics.registerFont(ttfonts.TTFont(name, file or ''))
  except ttfonts.TTFError:
    name = 'STSong-Light'
    pdfmetrics.registerFont(cidfonts.UnicodeCIDFont(name))
  return name


def _draw(
  canvas: Canvas,
  slide: Slide,
  plots: Mapping[str, PlotFiles],
  font: str,
) -> None:
  if slide.is_cover:
    canvas.setFillColor(_BLUE)
    canvas.rect(0, 0, *_SIZE, stroke=0, fill=1)
    y = _text(canvas, slide.title, 340, _style(font, 36, white))
    for line in slide.lines:
      y = _text(canvas, line, y - 2 * _GAP, _style(font, 16, white))
    return
  y = _text(canvas, slide.title, _SIZE[1] - 36, _style(font, 24, _BLUE))
  y -= 2 * _GAP
  for line in slide.lines:
    y = _text(canvas, f'– {line}', y, _style(font, 16, _INK)) - _GAP
  if slide.table:
    _table(canvas, slide.table, y, font)
  if slide.plots:
    _plots(canvas, [plots[name]['png'] for name in slide.plots], y)


def _style(font: str, size: int, colour: HexColor) -> ParagraphStyle:
  return ParagraphStyle(
    'slide',
    fontName=font,
    fontSize=size,
    leading=1.35 * size,
    textColor=colour,
    wordWrap=None if font == 'Helvetica' else 'CJK',
  )


def _text(
  canvas: Canvas, text: str, top: float, style: ParagraphStyle
) -> float:
  """Draws a paragraph below `top`; returns the y at which it ends."""
  paragraph = Paragraph(escape(text), style)
  _, height = paragraph.wrap(_WIDTH, _SIZE[1])
  paragraph.drawOn(canvas, _MARGIN, top - height)
  return top - height


def _table(canvas: Canvas, table: Table, top: float, font: str) -> None:
  drawing = PdfTable(
    [table.header, *table.rows],
    style=[
      ('FONT', (0, 0), (-1, -1), font, 11),
      ('TEXTCOLOR', (0, 0), (-1, -1), _INK),
      ('ALIGN', (1, 0), (-1, -1), 'RIGHT'),
      ('LINEBELOW', (0, 0), (-1, -1), 0.5, _LINE),
      ('LEFTPADDING', (0, 0), (0, -1), 0),
    ],
    hAlign='LEFT',
  )
  width, height = drawing.wrap(_WIDTH, _SIZE[1])
  canvas.saveState()
  scale = min(1.5, _WIDTH / width)
  canvas.translate(_MARGIN, top - scale * height)
  canvas.scale(scale, scale)
  drawing.drawOn(canvas, 0, 0)
  canvas.restoreState()


def _plots(canvas: Canvas, images: Sequence[bytes], top: float) -> None:
  width = (_WIDTH - _GAP * (len(images) - 1)) / len(images)
  for i, image in enumerate(images):
    canvas.drawImage(
      ImageReader(io.BytesIO(image)),
      *(_MARGIN + i * (width + _GAP), 40, width, top - 40),
      preserveAspectRatio=True,
      anchor='c',
      mask='auto',
    )
