"""The texts that --help and --helpfull print."""

import re
import sys
import textwrap
from collections.abc import Mapping
from typing import Any

from absl import flags

from official.flags import parsing
from official.flags.invocation import own_flags

_WIDTH = 80

_VERBOSITY = """
of every command:
  -v,--verbosity: What to log to standard error: -2 errors, -1 warnings (the
    default), 0 also messages of hooks and checkpoints, 1 everything.
  --flagfile: A file with more flags, one on each line.
""".strip('\n')

# The flags of a run that most people use, by purpose. A network's own flags,
# which no module of `official` defines, are listed too.
_USES: Mapping[str, tuple[str, ...]] = {
  'Data': ('data_dir', 'dataset', 'image_size', 'held_out_images', 'augment'),
  'Training': (
    *('train_epochs', 'batch_size', 'base_lr', 'lr_schedule', 'optimizer'),
    *('weight_decay', 'stop_threshold', 'seed'),
  ),
  'The run': ('model_dir', 'clean', 'eval_only', 'save_predictions', 'hooks'),
  'A model to serve': ('export_dir', 'export_only', 'export_formats'),
  'Another start': ('pretrained_model_checkpoint_path', 'fine_tune'),
  'Machines': ('num_gpus', 'dtype', 'worker_hosts', 'task_index'),
}


def short(command: str) -> str:
  """One line for each flag: all of a small command, the most used of a run.

  Args:
    command: The command that prints the others with --helpfull, such as
      `python -m net.mnist_main`.
  """
  own = own_flags(flags.FLAGS)
  by_name = {flag.name: flag for flag in own}
  if not {'model_dir', 'train_epochs'} <= by_name.keys():
    return _lines(own)
  official = {
    flag.name
    for name, of_module in flags.FLAGS.flags_by_module_dict().items()
    if name.startswith('official.')
    for flag in of_module
  }
  parts = {'Network': [f for f in own if f.name not in official]}
  for use, names in _USES.items():
    parts[use] = [by_name[name] for name in names if name in by_name]
  text = '\n'.join(
    f'{use}\n{_lines(of_use)}' for use, of_use in parts.items() if of_use
  )
  return f'{text}\nAll flags: {command} --helpfull'


def _lines(of_use: list[flags.Flag[Any]]) -> str:
  names = [_name(flag) for flag in of_use]
  indent = min(max(map(len, names), default=0), 24) + 4
  return ''.join(
    _line(name, flag, indent) for name, flag in zip(names, of_use, strict=True)
  )


def _name(flag: flags.Flag[Any]) -> str:
  return f'--{"[no]" if flag.boolean else ""}{flag.name}'


def _line(name: str, flag: flags.Flag[Any], indent: int) -> str:
  meaning = ' '.join((flag.help or '').split())
  values = getattr(flag.parser, 'enum_values', None)
  if values:
    # absl puts them in front of the help.
    meaning = re.sub(r'^<[^>]*>: ', '', meaning)
    meaning += f' One of {", ".join(values)}.'
  if flag.default not in (None, [], '') and not flag.boolean:
    default = flag.default
    shown = ','.join(default) if isinstance(default, list) else default
    meaning += f' [{shown}]'
  elif flag.boolean and flag.default:
    meaning += ' [on]'
  lead = f'  {name}'
  margin = ' ' * indent
  filled = textwrap.fill(
    meaning, _WIDTH, initial_indent=margin, subsequent_indent=margin
  )
  if len(lead) < indent:
    return f'{lead}{filled[len(lead) :]}\n'
  return f'{lead}\n{filled}\n'


def of(words: list[str], command: str) -> str:
  """The text that a command line with `--help` or `--helpfull` asks for."""
  if '--helpfull' in words:
    text = f'{parsing.help_text()}\n{_VERBOSITY}'
  else:
    text = short(command)
  about = sys.modules['__main__'].__doc__ or ''
  return f'{about.rstrip()}\n\n{text}'
