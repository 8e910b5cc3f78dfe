"""From the folders of runs to the files of their report."""

import importlib.util
import os
from collections.abc import Sequence

from official.errors import UsageError
from official.report.language import Language
from official.run import folder as run_folder
from official.run import rerun

_PACKAGES = ('matplotlib', 'jinja2', 'reportlab')


def check_installed() -> None:
  """Whether what draws is there, before any long work starts.

  Raises:
    UsageError: it is not.
  """
  missing = [p for p in _PACKAGES if importlib.util.find_spec(p) is None]
  if missing:
    raise UsageError(
      f'the report needs {" and ".join(missing)}: pip install -r '
      'requirements-report.txt'
    )


def write(folders: Sequence[str], out: str, language: str) -> None:
  """Writes the report of the runs in these folders, and says its conclusion.

  A page, `report.html`, that needs no network; `slides.html`, `slides.pdf`;
  `report.md` with the plots, PNG and SVG, beside it.

  Args:
    folders: of runs.
    out: folder to write to.
    language: one of `LANGUAGES`.

  Raises:
    UsageError: `out` cannot be written.
    DataError: one of the folders is no run's.
  """
  run_folder.check_writable('out', out)
  from official.report import charts, content, groups, pages, pdf, runs, slides

  say = Language(language)
  loaded = [runs.load(folder) for folder in folders]
  grouped = groups.group(loaded, say)
  if _predict(grouped):
    grouped = groups.group(loaded, say)
  drawn = charts.draw(*_labelled(grouped, loaded, say))
  told = content.of(grouped, list(drawn), say)
  deck = slides.of(told, say)
  font = charts.font_for(say)
  files: dict[str, bytes] = {
    f'{name}.{fmt}': data
    for name, formats in drawn.items()
    for fmt, data in formats.items()
  }
  files['report.html'] = pages.html('page.html', told, drawn, say).encode()
  files['slides.html'] = pages.html(
    'slides.html', told, drawn, say, slides=deck
  ).encode()
  files['slides.pdf'] = pdf.render(deck, drawn, say, font)
  files['report.md'] = pages.markdown(told, say).encode()
  os.makedirs(out, exist_ok=True)
  for name, data in files.items():
    with open(os.path.join(out, name), 'wb') as f:
      f.write(data)
  for sentence in told.sentences:
    print(sentence)
  page, deck_page = (
    os.path.join(out, name) for name in ('report.html', 'slides.html')
  )
  print(f'next: open {page}, or {deck_page} (slides.pdf)')


def _labelled(
  grouped: Sequence, loaded: Sequence, say: Language
) -> tuple[Sequence, Language]:
  """The groups and the language of the plots: English if a font is missing."""
  from official.report import charts, groups

  if not say.needs_font or charts.font_for(say):
    return grouped, say
  print(
    'note: no font of this machine has Chinese letters, so the plots are '
    'labelled in English; install Noto Sans CJK'
  )
  english = Language('en')
  return groups.group(loaded, english), english


def _predict(grouped: Sequence) -> bool:
  """Has the first run of a group look at the test images, where none has.

  Returns:
    Whether any did.
  """
  done = False
  for group in grouped:
    if group.predictions is not None:
      continue
    folder = group.runs[0].folder
    print(f'{group.name}: looking at the test images', flush=True)
    try:
      rerun.rerun(
        folder,
        'asked for its predictions',
        *('--eval_only', '--save_predictions'),
      )
      done = True
    except UsageError as e:
      print(f'note: without its predictions: {e}')
  return done
