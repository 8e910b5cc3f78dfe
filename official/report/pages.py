"""A report as a page that needs no network, as a deck, and as Markdown."""

import base64
import os
from collections.abc import Mapping, Sequence

import jinja2

from official.report.content import Content, Table
from official.report.language import Language


def html(
  template: str,
  content: Content,
  drawn: Mapping[str, Mapping[str, bytes]],
  say: Language,
  **values: object,
) -> str:
  """The whole page.

  Args:
    template: `'page.html'`, or `'slides.html'`.
    content: what to say.
    drawn: the plots.
    say: the language.
    **values: what else the template needs.
  """
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(os.path.dirname(__file__)), autoescape=True
  )
  images = {name: _data_uri(files) for name, files in drawn.items()}
  return environment.get_template(template).render(
    content=content, images=images, say=say, **values
  )


def _data_uri(files: Mapping[str, bytes]) -> str:
  kind, fmt = 'svg+xml', 'svg'
  # A picture of pixels, of which an SVG is much larger.
  if len(files['png']) < len(files['svg']) / 4:
    kind = fmt = 'png'
  data = base64.b64encode(files[fmt]).decode()
  return f'data:image/{kind};base64,{data}'


def markdown(content: Content, say: Language) -> str:
  """The same with the plots as files beside it, `<name>.png`."""
  lines = [f'# {content.title}', '', content.lead, '']
  lines += [f'## {say("Conclusion")}', '']
  lines += [f'- {sentence}' for sentence in content.sentences]
  lines += ['', *content.notes, '', f'## {say("Results")}', '']
  lines += [*_table(content.results), '', f'## {say("Curves")}', '']
  for name in content.curves:
    lines += _image(content, name)
  for close in content.closer:
    lines += [f'## {close.title}', '']
    for name in close.plots:
      lines += [f'### {content.titles[name]}', '', *_image(content, name)]
    if close.classes:
      lines += [f'### {say("Every class")}', '', *_table(close.classes), '']
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
