"""Sides that work in turns, each in a process of its own.

The machine's speed drifts, so the sides are compared turn by turn: in each
round every side does one short piece of work, and ratios are taken within a
round. A side that waits for its turn uses no CPU.
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
  """Yields the amount of work of each turn, and times the caller's work.

  A side calls this in its own process, once it is warm.

  Args:
    **facts: Facts to send to the parent first, such as the number of
      parameters.
  """
  _send(facts)
  for line in sys.stdin:
    cpu, wall = time.process_time(), time.perf_counter()
    yield int(line)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    _send({'wall': wall, 'cpu': cpu})


def repeat(work: Callable[[], Any], num_warm_up: int = 5) -> None:
  """Calls `work` as often as each turn orders, after some calls to warm up."""
  for _ in range(num_warm_up):
    work()
  for amount in orders():
    for _ in range(amount):
      work()


def _send(message: Mapping[str, Any]) -> None:
  print(_MARK, json.dumps(message), flush=True)


class Side:
  """The parent's end of a side.

  Args:
    name: The side's name in the tables.
    module: The module that `python -m MODULE ARGUMENTS` runs; it calls
      `orders`.
    *arguments: The arguments of that command.

  Attributes:
    facts: The facts that the side gave to `orders`.
  """

  def __init__(self, name: str, module: str, *arguments: str) -> None:
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
    self.facts = self._receive()

  def work(self, amount: int) -> dict[str, float]:
    """Does one turn; returns `wall` and `cpu`, in seconds."""
    self._process.stdin.write(f'{amount}\n')
    self._process.stdin.flush()
    return self._receive()

  def close(self) -> None:
    """Ends the process."""
    self._process.kill()
    self._process.communicate()

  def _receive(self) -> dict[str, Any]:
    for line in self._process.stdout:
      if line.startswith(_MARK):
        return json.loads(line.removeprefix(_MARK))
    self._errors.seek(0)
    raise RuntimeError(f'{self.name} ended:\n{self._errors.read()[-3000:]}')


Turns = list[dict[str, float]]


def alternate(sides: Sequence[Side], amount: int, rounds: int) -> list[Turns]:
  """Gives every side one turn in each round, and closes the sides at the end.

  Args:
    sides: The sides, in the order of their turns.
    amount: The amount of work of one turn, in the unit of the sides.
    rounds: The number of rounds that count. One more comes before them, because
      the first turn of a process is slow.

  Returns:
    For each side its turns, in order.
  """
  results: list[Turns] = [[] for _ in sides]
  try:
    for number in range(rounds + 1):
      for side, turns_of_side in zip(sides, results, strict=True):
        turn = side.work(amount)
        if number:
          turns_of_side.append(turn)
  finally:
    for side in sides:
      side.close()
  return results


def rates(
  turns: Sequence[Mapping[str, float]], units: float, clock: str = 'wall'
) -> list[float]:
  """Returns the units per second of each turn."""
  return [units / turn[clock] for turn in turns]


def compare(
  names: Sequence[str], results: Sequence[Turns], units: float
) -> list[list[str]]:
  """Returns the rows of a table: each side's speed, and the first side's lead.

  Both are computed from wall time and from the time of all processors.

  Args:
    names: The names of the sides.
    results: The turns of each side.
    units: The number of units, such as images, in one turn.
  """
  rows = []
  for name, turns_of_side in zip(names, results, strict=True):
    row = [name]
    for clock in ('wall', 'cpu'):
      speeds = rates(turns_of_side, units, clock)
      leads = ratios(rates(results[0], units, clock), speeds)
      row += [spread(speeds), spread(leads)]
    rows.append(row)
  return rows


def header(unit: str) -> list[str]:
  """Returns the header of the rows of `compare`."""
  first = 'the first is ... times as fast'
  return ['side', f'{unit}/s', first, f'{unit}/CPU-s', f'{first}, by CPU time']


def spread(values: Sequence[float]) -> str:
  """Returns the median, with the lowest and the highest value in brackets."""
  median, lowest, highest = (
    f'{number:,.0f}' if number >= 100 else f'{number:.3g}'
    for number in (statistics.median(values), min(values), max(values))
  )
  return f'{median} ({lowest} to {highest})'


def ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
  """Returns ours over theirs, round by round."""
  return [a / b for a, b in zip(ours, theirs, strict=True)]


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
  """Returns a Markdown table."""
  lines = [header, ['---'] * len(header), *rows]
  return '\n'.join(f'| {" | ".join(map(str, line))} |' for line in lines)
