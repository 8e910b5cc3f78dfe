"""The frame of a command: how it ends, and that it restores the process."""

import logging
import os
import random
import signal
import subprocess
import sys

import pytest

from official import cli
from official.devices import cluster
from official.errors import UserError
from tests.conftest import ROOT

PRINT = """
import sys
from official import cli
def main():
  for i in range({lines}):
    print('line', i, flush={flush})
  if {lines} > 1000:
    raise AssertionError('the pipe is closed')
cli.run(main, with_tensorflow=False)
"""


@pytest.mark.parametrize(
  'lines, flush', [(10**6, True), (10**6, False), (10, False), (10, True)]
)
def test_a_pipe_that_nobody_reads_ends_a_command_in_silence(lines, flush):
  """Also where the first write of few lines is the last, at the very end."""
  code = PRINT.format(lines=lines, flush=flush)
  read, write = os.pipe()
  os.close(read)  # As `| head` does, a moment later.
  with os.fdopen(write, 'wb') as pipe:
    result = subprocess.run(
      [sys.executable, '-c', code],
      cwd=ROOT,
      stdout=pipe,
      stderr=subprocess.PIPE,
      text=True,
    )
  assert (result.returncode, result.stderr) == (141, '')


@pytest.mark.parametrize(
  'redirected, lines, ends',
  [
    ('>&-', 3, (0, '', '')),
    ('2>&-', 3, (0, 'line 0\nline 1\nline 2\n', '')),
    ('<&- >&- 2>&-', 3, (0, '', '')),
    ('>/dev/full', 3, 'full'),
    ('>/dev/full', 10**6, 'full'),
    ('--help >/dev/full', 3, 'full'),
  ],
)
def test_an_output_that_is_closed_or_full(redirected, lines, ends):
  code = '"A command."\n' + PRINT.format(lines=lines, flush=False)
  result = subprocess.run(
    ['bash', '-c', f'"$0" -c "$1" {redirected}', sys.executable, code],
    cwd=ROOT,
    capture_output=True,
    text=True,
  )
  if ends == 'full':
    reason = 'the output cannot be written: No space left on device'
    ends = (1, '', f'error: {reason}\n')
  assert (result.returncode, result.stdout, result.stderr) == ends


def state():
  """The state of the process that a library could change."""
  names = ('', 'official', 'official.estimator.warm_start', 'tensorflow')
  loggers = [logging.getLogger(name) for name in names]
  return {
    'loggers': [(list(each.handlers), each.level) for each in loggers],
    'signals': {n: signal.getsignal(n) for n in (2, 15)},
    'environment': dict(os.environ),
    'folder': os.getcwd(),
    'random': random.getstate(),
  }


def handler(number, frame):
  """The logging is that of a program that calls ours."""


def fail():
  raise UserError('as planned')


@pytest.mark.parametrize('main, code', [(lambda: None, None), (fail, 1)])
def test_a_program_that_calls_a_command_is_as_it_was(
  monkeypatch, main, code, capsys
):
  monkeypatch.setattr(sys, 'argv', ['command'])
  before_all = {n: signal.signal(n, handler) for n in (2, 15)}
  try:
    before = state()
    if code is None:
      cli.run(main)
    else:
      with pytest.raises(SystemExit) as ended:
        cli.run(main)
      assert ended.value.code == code
      assert capsys.readouterr().err == 'error: as planned\n'
    assert state() == before
  finally:
    for number, known in before_all.items():
      signal.signal(number, known)


def test_a_cluster_by_flags_leaves_the_environment_alone(monkeypatch):
  """Twice in one process, and another RunConfig is of no cluster."""
  monkeypatch.delenv('TF_CONFIG', raising=False)
  before = dict(os.environ)
  hosts = ['one:1', 'two:2']
  for index in (0, 1):
    config = cluster.read(hosts, index)
    assert dict(os.environ) == before
    assert config.cluster_spec == {'worker': hosts}
    assert (config.task_id, config.num_worker_replicas) == (index, 2)
    copy = config.replace(tf_random_seed=1, model_dir='x')
    assert copy.cluster_spec == config.cluster_spec
    assert copy.is_chief == config.is_chief == (index == 0)
  assert type(config)().cluster_spec == {}
