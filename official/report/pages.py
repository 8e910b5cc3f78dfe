"""The report as one page that needs no network, and as Markdown."""

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jinja2

from official.report.conclusion import Group

TITLES = {
  'accuracy_by_epoch': 'Accuracy with the epochs',
  'accuracy_by_time': 'Accuracy with the time',
  'loss_by_epoch': 'Loss with the epochs',
  'learning_rate': 'Learning rate',
  'seconds_per_epoch': 'Time of an epoch',
  'accuracy_by_parameters': 'Accuracy and size',
}

HEADER = (
  'network', 'parameters', 'seeds', 'epochs', 'test accuracy, %',
  '95 % interval', 'cross-entropy', 's an epoch',
)  # fmt: skip


def title_of(groups: Sequence[Group]) -> str:
  """Such as `AlexNet and ResNet-18 v1 on MNIST`."""
  names = list(dict.fromkeys(group.name for group in groups))
  datasets = list(dict.fromkeys(group.runs[0].dataset for group in groups))
  return f'{_and(names)} on {_and(datasets)}'


def rows(groups: Sequence[Group]) -> list[list[str]]:
  """The table of results, a row a group."""
  result = []
  for group in groups:
    found = group.accuracy(group.epochs)
    last = group.at(group.epochs)
    entropy = sum(e.cross_entropy for e in last) / len(last)
    result.append([
      group.name,
      f'{group.parameters:,}',
      ', '.join(str(run.seed) for run in group.runs),
      f'{group.epochs:.4g}',
      f'{100 * found.estimate:.2f}',
      f'{100 * found.low:.2f} to {100 * found.high:.2f}',
      f'{entropy:.4f}',
      f'{group.seconds_per_epoch:.1f}',
    ])
  return result


def html(
  groups: Sequence[Group],
  sentences: Sequence[str],
  plots: Mapping[str, Mapping[str, bytes]],
) -> str:
  """The whole page."""
  folder = os.path.dirname(__file__)
  environment = jinja2.Environment(
    loader=jinja2.FileSystemLoader(folder), autoescape=True
  )
  return environment.get_template('page.html').render(
    _values(groups, sentences),
    images={
      name: base64.b64encode(files['svg']).decode()
      for name, files in plots.items()
    },
  )


def markdown(groups: Sequence[Group], sentences: Sequence[str]) -> str:
  """The same with the plots as files beside it, `<name>.png`."""
  values = _values(groups, sentences)
  lines = [f'# {values["title"]}', '', values['lead'], '', '## Conclusion', '']
  lines += [f'- {sentence}' for sentence in sentences]
  lines += ['', '## Results', '', _row(HEADER), _row(['---'] * len(HEADER))]
  lines += [_row(row) for row in values['rows']]
  lines += ['', '## Curves', '']
  for name, title in TITLES.items():
    lines += [f'![{title}]({name}.png)', '']
  lines += ['## Runs', '']
  lines += [
    f'- `{run.folder}`: {run.network}, seed {run.seed}, '
    f'`{" ".join(run.settings) or "defaults"}`'
    for run in values['runs']
  ]
  facts = ' · '.join(f'{k} {v}' for k, v in values['environment'].items())
  return '\n'.join([*lines, '', facts, ''])


def _values(
  groups: Sequence[Group], sentences: Sequence[str]
) -> dict[str, Any]:
  runs = [run for group in groups for run in group.runs]
  first = runs[0]
  images = first.num_images
  return {
    'title': title_of(groups),
    'lead': (
      f'{len(runs)} run{"s" if len(runs) > 1 else ""} on '
      f'{images["train"]:,} training and {images["test"]:,} test images. '
      'Every figure and every sentence is computed from what the runs wrote.'
    ),
    'sentences': sentences,
    'header': HEADER,
    'rows': rows(groups),
    'titles': TITLES,
    'runs': runs,
    'environment': first.environment,
  }


def _row(cells: Sequence[str]) -> str:
  return f'| {" | ".join(cells)} |'


def _and(names: Sequence[str]) -> str:
  if len(names) == 1:
    return names[0]
  return f'{", ".join(names[:-1])} and {names[-1]}'
