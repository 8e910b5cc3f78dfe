"""From the folders of runs to the files of their report."""

import importlib.util
import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from official import output_folders
from official.errors import UsageError
from official.report.language import Language
from official.run import rerun

# The modules that draw need packages that may be missing, so they are imported
# after `check_installed` has checked for them.
if TYPE_CHECKING:
  from official.report.content import Content
  from official.report.groups import Group
  from official.report.runs import Run

_PACKAGES = ('matplotlib', 'jinja2', 'reportlab')


def check_installed() -> None:
  """Checks that the packages that draw are installed, before any long work.

  Raises:
    UsageError: A package is missing.
  """
  missing = [p for p in _PACKAGES if importlib.util.find_spec(p) is None]
  if missing:
    raise UsageError(
      f'the report needs {" and ".join(missing)}: pip install -r '
      'requirements-report.txt'
    )


def write(folders: Sequence[str], out: str, language: str) -> None:
  """Writes the report of the runs in these folders and prints its conclusion.

  The files are the page `report.html`, which loads nothing from the network,
  the slides `slides.html` and `slides.pdf`, and `report.md` with the plots
  beside it, as PNG and SVG.

  Args:
    folders: The folders of the runs.
    out: The folder to write to.
    language: One of `LANGUAGES`.

  Raises:
    UsageError: `out` cannot be written.
    DataError: One of the folders is not the folder of a run.
  """
  output_folders.check_writable('out', out)
  from official.report import groups, runs

  say = Language(language)
  loaded_runs = [runs.load(folder) for folder in folders]
  run_groups = groups.group_runs(loaded_runs, say)
  if _predict(run_groups):
    run_groups = groups.group_runs(loaded_runs, say)
  content, files = _make(loaded_runs, run_groups, say)
  os.makedirs(out, exist_ok=True)
  for name, data in files.items():
    with open(os.path.join(out, name), 'wb') as f:
      f.write(data)
  for sentence in content.sentences:
    print(sentence)
  page, slides_page = (
    os.path.join(out, name) for name in ('report.html', 'slides.html')
  )
  print(f'next: open {page}, or {slides_page} (slides.pdf)')


def _make(
  loaded_runs: Sequence['Run'], run_groups: Sequence['Group'], say: Language
) -> tuple['Content', Mapping[str, bytes]]:
  """The content of the report and its files, by their names."""
  from official.report import charts, content, pages, pdf, slides

  plots = charts.draw(*_groups_to_plot(loaded_runs, run_groups, say))
  composed = content.compose(run_groups, list(plots), say)
  deck = slides.compose(composed, say)
  page = pages.html('page.html', composed, plots, say)
  slides_page = pages.html('slides.html', composed, plots, say, slides=deck)
  files = {
    f'{name}.{fmt}': data
    for name, formats in plots.items()
    for fmt, data in formats.items()
  } | {
    'report.html': page.encode(),
    'slides.html': slides_page.encode(),
    'slides.pdf': pdf.render(deck, plots, say, charts.font_for(say)),
    'report.md': pages.markdown(composed, say).encode(),
  }
  return composed, files


def _groups_to_plot(
  loaded_runs: Sequence['Run'], run_groups: Sequence['Group'], say: Language
) -> tuple[Sequence['Group'], Language]:
  """The groups and the language of the plots; English where a font is missing.

  Without the font Matplotlib would draw boxes in place of the letters.
  """
  from official.report import charts, groups

  if not say.needs_font or charts.font_for(say):
    return run_groups, say
  print(
    'note: no font on this machine has Chinese letters, so the labels of the '
    'plots are English; install Noto Sans CJK'
  )
  english = Language('en')
  return groups.group_runs(loaded_runs, english), english


def _predict(run_groups: Sequence['Group']) -> bool:
  """Makes the first run of each group predict the test images, if none has.

  The main of the run does it, in a process of its own.

  Returns:
    Whether there are new predictions.
  """
  has_predicted = False
  for group in run_groups:
    if group.predictions is not None:
      continue
    print(f'{group.name}: predicting the test images', flush=True)
    try:
      rerun.rerun(
        group.runs[0].folder,
        'asked for its predictions',
        '--eval_only',
        '--save_predictions',
      )
      has_predicted = True
    except UsageError as e:
      print(f'note: there are no predictions of {group.name}: {e}')
  return has_predicted
