"""A driver that kills runs and continues them, and functions to compare them.

python -m tests.faults [--kills 100] [--seed 0] [--folder DIR]
"""

import argparse
import hashlib
import json
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

from official import estimator as est
from official.estimator import checkpoints

ROOT = pathlib.Path(__file__).parent.parent

# Points in the life of a checkpoint, of a line of the log, of an evaluation and
# of an export.
POINTS = (
  'trace:train:before:1',
  'trace:train:after:1',
  'SaveV2::before:2',
  'SaveV2::after:2',
  'replace:.json.tmp:before:2',
  'fsync::before:4',
  'replace:.data-:before:2',
  'replace:.data-:after:2',
  'replace:.json.tmp:after:2',
  'replace:.index:before:2',
  'replace:.index:after:2',
  'remove:.index:before:1',
  'remove:.index:after:1',
  'remove:.data-:after:1',
  'replace:checkpoint.tmp:before:2',
  'rmtree:tmp-checkpoint:before:2',
  'call:train:before:5',
  'call:train:after:5',
  'append::torn:7',
  'replace:metrics.jsonl:before:1',
  'replace:config.json:before:1',
  'call:eval:before:2',
  'call:eval:after:1',
)
EXPORT_POINTS = (
  'rename:temp-:before:1',
  'rename:temp-:after:1',
)


def start(point, arguments, module='resnet.mnist_main', devices=1):
  """A process of the command, killed at a point or not at all."""
  return subprocess.Popen(
    [
      *(sys.executable, '-m', 'tests.killed_at', point, str(devices), module),
      *map(str, arguments),
    ],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def digest(model_dir):
  """SHA-256 over the names and bits of all variables and slots."""
  checkpoint = est.Checkpoints(str(model_dir)).latest()
  reader = checkpoints.read(checkpoint)
  result = hashlib.sha256()
  for name in sorted(reader.get_variable_to_shape_map()):
    result.update(name.encode())
    result.update(np.ascontiguousarray(reader.get_tensor(name)).tobytes())
  return result.hexdigest()


def story(model_dir):
  """Every step's loss and every evaluation, in order, without the times."""
  lines = (pathlib.Path(model_dir) / 'metrics.jsonl').read_text().splitlines()
  records = [json.loads(line) for line in lines]
  return [{k: v for k, v in r.items() if k != 'time'} for r in records]


def leftovers(model_dir):
  """The files that a kill may leave but a finished run must not."""
  names = os.listdir(model_dir)
  return [n for n in names if n.startswith('tmp-') or n.endswith('.tmp')]


def finish(process):
  """Waits; returns code, output and errors."""
  stdout, stderr = process.communicate(timeout=600)
  return process.returncode, stdout, stderr


def kill_at_random(arguments, model_dir, kills, seed, most_seconds):
  """Kills a run repeatedly; returns the failures, and a summary.

  Each moment is uniform over the first `most_seconds` of the process, so that
  start, trace, training, checkpoints and evaluations are all hit.
  """
  generator = random.Random(seed)
  wrong, resumed, ends, saved = [], [], 0, 0
  for _ in range(kills):
    process = start('none', [*arguments, f'--model_dir={model_dir}'])
    time.sleep(generator.uniform(0, most_seconds))
    process.send_signal(signal.SIGKILL)
    code, stdout, stderr = finish(process)
    if code not in (0, -signal.SIGKILL) or stderr:
      wrong.append((code, stderr))
    ends += code == 0
    found = re.search(r'going on from step ([\d,]+)', stdout)
    if found:
      step = int(found[1].replace(',', ''))
      resumed.append(step)
      if step < saved:
        wrong.append((step, f'the checkpoint of step {saved} was lost'))
    latest = est.Checkpoints(str(model_dir)).latest()
    saved = est.step_of(latest) if latest else 0
  return wrong, {'resumed': resumed, 'ended': ends, 'saved': saved}


def main():
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--kills', type=int, default=100)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument('--folder', default=tempfile.mkdtemp())
  parser.add_argument('--seconds', type=float, default=14)
  parser.add_argument('--epochs', type=int, default=6)
  given = parser.parse_args()
  folder = pathlib.Path(given.folder)
  arguments = [
    '--resnet_size=8',
    '--batch_size=64',
    f'--train_epochs={given.epochs}',
    '--save_checkpoints_steps=20',
  ]
  begin = time.monotonic()
  wrong, told = kill_at_random(
    arguments, folder / 'killed', given.kills, given.seed, given.seconds
  )
  code, _, stderr = finish(
    start('none', [*arguments, f'--model_dir={folder}/killed'])
  )
  seconds = time.monotonic() - begin
  reference = finish(
    start('none', [*arguments, f'--model_dir={folder}/unbroken'])
  )
  same = {
    'variables': digest(folder / 'killed') == digest(folder / 'unbroken'),
    'losses': story(folder / 'killed') == story(folder / 'unbroken'),
  }
  print(f'{given.kills} kills in {seconds:.0f} s, seed {given.seed}: {told}')
  print(f'went wrong: {wrong}; last run {code} {stderr}; {reference[0]}')
  print(
    f'equal to the unbroken run: {same}; left: {leftovers(folder / "killed")}'
  )
  print(digest(folder / 'killed'), folder)


if __name__ == '__main__':
  main()
