"""Writes the report of runs: a page, slides, a PDF, Markdown and plots.

python -m official.report --out DIR RUN_DIR...

A RUN_DIR is the --model_dir of a run. Runs that differ only in their seed are
one row, with an interval over the seeds.
"""

from absl import flags

from official import cli, errors
from official.flags import paths
from official.report import writing
from official.report.language import LANGUAGES


def define_flags() -> None:
  """Defines the flags of this command."""
  paths.define('out', 'report', 'Folder to write to.')
  flags.DEFINE_enum('lang', 'en', LANGUAGES, 'English or Chinese.')


def main(arguments: list[str]) -> None:
  """Reads the runs and writes their report."""
  writing.check_installed()
  folders = [paths.named(argument) for argument in arguments]
  out = flags.FLAGS.out
  with errors.file_errors_as_user_errors([*folders, out]):
    writing.write(folders, out, flags.FLAGS.lang)


def run() -> None:
  """Runs the command."""
  define_flags()
  cli.run(main, with_tensorflow=False, arguments='RUN_DIR')


if __name__ == '__main__':
  run()
