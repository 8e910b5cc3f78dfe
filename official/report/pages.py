"""A report as HTML without links to the network, or as Markdown."""

import base64
import os
from collections.abc import Mapping, Sequence

import jinja2

from official.report.charts import PlotFiles
from official.report.content import Content
from official.report.language import Language
from official.report.tables import Table


def html(
  template: str,
  content: Content,
  plots: Mapping[str, PlotFiles],
  say: Language,
  **values: object,
) -> str:
  """The text of the whole page, with the plots in it.

  Args:
    template: `'page.html'` or `'slides.html'`.
    content: The content of the report.
    plots: The files of each plot, by its name.
    say: The language of the texts.
    **values: Further variables of the template.
  """
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(os.path.dirname(__file__)), autoescape=True
  )
  images = {name: _data_uri(files) for name, files in plots.items()}
  return environment.get_template(template).render(
    content=content, images=images, say=say, **values
  )


def _data_uri(files: PlotFiles) -> str:
  kind, fmt = 'svg+xml', 'svg'
  # An SVG of images is several times as large as their PNG.
  if len(files['png']) < len(files['svg']) / 4:
    kind = fmt = 'png'
  data = base64.b64encode(files[fmt]).decode()
  return f'data:image/{kind};base64,{data}'


def markdown(content: Content, say: Language) -> str:
  """The report as Markdown; its plots are files beside it, `<name>.png`."""
  lines = [f'# {content.title}', '', content.lead, '']
  lines += [f'## {say("Conclusion")}', '']
  lines += [f'- {sentence}' for sentence in content.sentences]
  lines += ['', *content.notes, '', f'## {say("Results")}', '']
  lines += [*_table(content.results), '', f'## {say("Curves")}', '']
  for name in content.curves:
    lines += _image(content, name)
  for close_up in content.close_ups:
    lines += [f'## {close_up.title}', '']
    for name in close_up.plots:
      lines += [f'### {content.titles[name]}', '', *_image(content, name)]
    if close_up.classes:
      lines += [f'### {say("Results by class")}', '']
      lines += [*_table(close_up.classes), '']
  lines += [f'## {say("Runs")}', '', *_table(content.runs), '']
  lines += [f'## {say("Settings")}', '', *_table(content.settings), '']
  facts = ' · '.join(f'{k} {v}' for k, v in content.environment.items())
  return '\n'.join([*lines, f'## {say("Environment")}', '', facts, ''])


def _image(content: Content, name: str) -> list[str]:
  return [f'![{content.titles[name]}]({name}.png)', '']


def _table(table: Table) -> list[str]:
  dashes = ['---'] + ['---:'] * (len(table.header) - 1)
  return [_row(table.header), _row(dashes), *map(_row, table.rows)]


def _row(cells: Sequence[str]) -> str:
  return f'| {" | ".join(cell.replace("|", "&#124;") for cell in cells)} |'
