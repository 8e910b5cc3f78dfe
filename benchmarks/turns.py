"""Turns: every side is a process of its own, and they work one at a time.

The machine's speed drifts, so sides are compared turn by turn: all of them do
a short piece of work in each round, and a ratio is taken within a round. A
side that waits for its turn uses no CPU.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

_ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_MARK = 'turn:'


def orders(**facts: Any) -> Iterator[int]:
  """Yields how much to do, turn by turn; what lies between is timed.

  Called by a side, in its own process, once it is warm.

  Args:
    **facts: told to the parent first, such as the number of parameters.
  """
  _tell(facts)
  for line in sys.stdin:
    cpu, wall = time.process_time(), time.perf_counter()
    yield int(line)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    _tell({'wall': wall, 'cpu': cpu})


def repeat(work: Callable[[], Any], warm: int = 5) -> None:
  """Does `work` as often as each turn orders."""
  for _ in range(warm):
    work()
  for amount in orders():
    for _ in range(amount):
      work()


def _tell(message: Mapping[str, Any]) -> None:
  print(_MARK, json.dumps(message), flush=True)


class Side:
  """The parent's end of a side.

  Args:
    name: for people.
    module: run as `python -m MODULE ARGUMENTS`; it works through `orders`.
    arguments: of the command.

  Attributes:
    facts: what the side told of itself.
  """

  def __init__(self, name: str, module: str, *arguments: str):
    self.name = name
    self._errors = tempfile.TemporaryFile('w+')
    self._process = subprocess.Popen(
      [sys.executable, '-m', module, *arguments],
      cwd=_ROOT,
      stdin=subprocess.PIPE,
      stdout=subprocess.PIPE,
      stderr=self._errors,
      text=True,
    )
    self.facts = self._listen()

  def work(self, amount: int) -> dict[str, float]:
    """Does one turn; returns `wall` and `cpu`, in seconds."""
    self._process.stdin.write(f'{amount}\n')
    self._process.stdin.flush()
    return self._listen()

  def close(self) -> None:
    """Ends the process."""
    self._process.kill()
    self._process.communicate()

  def _listen(self) -> dict[str, Any]:
    for line in self._process.stdout:
      if line.startswith(_MARK):
        return json.loads(line.removeprefix(_MARK))
    self._errors.seek(0)
    raise RuntimeError(f'{self.name} ended:\n{self._errors.read()[-3000:]}')


Turns = list[dict[str, float]]


def alternate(sides: Sequence[Side], amount: int, rounds: int) -> list[Turns]:
  """Gives every side its turn in each of so many rounds, after one to warm.

  Then the sides are closed.

  Returns:
    The turns of each side, in order.
  """
  results: list[Turns] = [[] for _ in sides]
  try:
    for number in range(rounds + 1):
      for side, done in zip(sides, results, strict=True):
        turn = side.work(amount)
        if number:
          done.append(turn)
  finally:
    for side in sides:
      side.close()
  return results


def rates(
  turns: Sequence[Mapping[str, float]], units: float, clock: str = 'wall'
) -> list[float]:
  """Units a second of each turn."""
  return [units / turn[clock] for turn in turns]


def compare(
  names: Sequence[str], results: Sequence[Turns], units: float
) -> list[list[str]]:
  """Rows of a table: each side's units a second, and the first side's lead.

  Both by the clock on the wall and by the time of all processors.
  """
  rows = []
  for name, theirs in zip(names, results, strict=True):
    row = [name]
    for clock in ('wall', 'cpu'):
      speed = rates(theirs, units, clock)
      lead = ratios(rates(results[0], units, clock), speed)
      row += [spread(speed), spread(lead)]
    rows.append(row)
  return rows


def header(unit: str) -> list[str]:
  """That of the rows of `compare`."""
  first = 'the first is ... times as fast'
  return ['side', f'{unit}/s', first, f'{unit}/CPU-s', f'{first}, by CPU time']


def spread(values: Sequence[float]) -> str:
  """The median, and the least and most in brackets."""
  middle, least, most = (
    f'{number:,.0f}' if number >= 100 else f'{number:.3g}'
    for number in (statistics.median(values), min(values), max(values))
  )
  return f'{middle} ({least} to {most})'


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
  """Ours over theirs, round by round."""
  return [a / b for a, b in zip(ours, theirs, strict=True)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """A Markdown table."""
  lines = [header, ['---'] * len(header), *rows]
  return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)
