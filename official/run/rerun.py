"""Runs the main of a run again, with the flags in its config.json."""

import os
import subprocess
import sys

from official.errors import UsageError
from official.flags import effects
from official.run import folder as run_folder


def rerun(model_dir: str, purpose: str, *arguments: str) -> None:
  """Runs the main that trained, with its flags and some more, quietly.

  Args:
    model_dir: The folder of the run.
    purpose: The participle for the error message, such as `'exported'`.
    *arguments: Further flags, such as `'--export_only'`.

  Raises:
    UsageError: The folder is not that of a run, or the main ends with an error.
  """
  config = run_folder.read_config(model_dir).get('config', {})
  if not config.get('main'):
    raise UsageError(
      f'--model_dir {model_dir} is not the folder of a run of `python -m`'
    )
  result = subprocess.run(
    [
      *(sys.executable, '-m', config['main']),
      # Flags of training have no effect here, and would be refused.
      *effects.acting(config['arguments'], *arguments),
      f'--model_dir={os.path.abspath(model_dir)}',
      *arguments,
    ],
    cwd=config['working_dir'] if os.path.isdir(config['working_dir']) else None,
    env=os.environ | {'PYTHONPATH': python_path()},
    capture_output=True,
    text=True,
  )
  if result.returncode:
    reason = result.stderr.strip().splitlines() or ['no reason given']
    raise UsageError(
      f'--model_dir {model_dir} cannot be {purpose}: '
      f'{reason[-1].removeprefix("error: ")}'
    )


def python_path() -> str:
  """A PYTHONPATH with which Python finds this project from any folder."""
  root = os.path.abspath(__file__)
  for _ in range(3):  # run/, official/, the checkout
    root = os.path.dirname(root)
  return os.pathsep.join(filter(None, [root, os.environ.get('PYTHONPATH')]))
