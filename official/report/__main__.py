"""Writes the report of runs: a page, Markdown and plots.

python -m official.report --out DIR RUN_DIR...

A RUN_DIR is the --model_dir of a run. Runs that differ in their seed alone are
one row, with an interval over the seeds.
"""

import importlib.util
import os

from absl import flags

from official import cli, run_directory
from official.errors import UsageError

_PACKAGES = ('matplotlib', 'jinja2')


def define_flags() -> None:
  """The flags of this command."""
  flags.DEFINE_string('out', 'report', 'Folder to write to.')


def main(folders: list[str]) -> None:
  """Reads the runs, then writes report.html, report.md and the plots."""
  missing = [p for p in _PACKAGES if importlib.util.find_spec(p) is None]
  if missing:
    raise UsageError(
      f'the report needs {" and ".join(missing)}: pip install -r '
      'requirements-report.txt'
    )
  out = flags.FLAGS.out
  run_directory.check_writable('out', out)
  from official.report import conclusion, pages, plots, runs

  groups = conclusion.group([runs.load(folder) for folder in folders])
  sentences = conclusion.sentences(groups)
  drawn = plots.draw(groups)
  for name, files in drawn.items():
    for fmt, content in files.items():
      with open(os.path.join(out, f'{name}.{fmt}'), 'wb') as f:
        f.write(content)
  for name, text in (
    ('report.html', pages.html(groups, sentences, drawn)),
    ('report.md', pages.markdown(groups, sentences)),
  ):
    with open(os.path.join(out, name), 'w', encoding='utf-8') as f:
      f.write(text)
  for sentence in sentences:
    print(sentence)
  print(f'next: open {os.path.join(out, "report.html")}')


def run() -> None:
  """The command."""
  define_flags()
  cli.run(main, arguments='RUN_DIR')


if __name__ == '__main__':
  run()
