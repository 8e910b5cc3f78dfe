"""The server's requests per second and their latency, with and without batches.

python -m benchmarks.serving --export_dir DIR

`python -m official.serve` answers 32 clients, each of which sends a real MNIST
image as soon as its last one is answered. The two servers take turns; they and
the clients share the machine's cores.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import NamedTuple

import aiohttp

from benchmarks import turns

# The name of a server, to its `--max_batch_size`.
_SERVERS = {'with batching': 32, 'one at a time': 1}


class _Round(NamedTuple):
  """The clients' measurements in one round; latencies are in milliseconds."""

  requests_per_second: float
  median_latency: float
  latency_99: float


class _Server(NamedTuple):
  process: subprocess.Popen[str]
  url: str  # where to send predictions


def main() -> None:
  """Prints one line for each server, and their ratio."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--export_dir', required=True)
  parser.add_argument('--clients', type=int, default=32)
  parser.add_argument('--requests', type=int, default=4000, help='per round')
  parser.add_argument('--rounds', type=int, default=5)
  args = parser.parse_args()
  bodies = _request_bodies()
  servers = {
    name: _start(args.export_dir, max_batch_size)
    for name, max_batch_size in _SERVERS.items()
  }
  rounds: dict[str, list[_Round]] = {name: [] for name in servers}
  try:
    for number in range(args.rounds + 1):
      for name, server in servers.items():
        measured = asyncio.run(
          _measure(server.url, bodies, args.clients, args.requests)
        )
        if number:  # The first one warms up.
          rounds[name].append(measured)
  finally:
    for server in servers.values():
      server.process.terminate()
      server.process.wait()
  _print(rounds)


def _print(rounds: Mapping[str, list[_Round]]) -> None:
  for name, of_server in rounds.items():
    rates, medians, tails = zip(*of_server, strict=True)
    print(
      f'{name:14} {turns.spread(rates)} requests/s, latency median '
      f'{statistics.median(medians):.0f} ms, 99 % '
      f'{statistics.median(tails):.0f} ms'
    )
  ratios = turns.ratios(
    *(
      [each.requests_per_second for each in of_server]
      for of_server in rounds.values()
    )
  )
  print(f'with / without: {turns.spread(ratios)}')


def _request_bodies() -> list[bytes]:
  """Returns requests with one test image each."""
  from official.datasets import mnist

  images = mnist.read(None)['test', 'images'][:256]
  return [
    json.dumps({'instances': [image[:, :, None].tolist()]}).encode()
    for image in images
  ]


def _start(export_dir: str, max_batch_size: int) -> _Server:
  """Starts a server, and waits until it says where it listens."""
  process = subprocess.Popen(
    [
      sys.executable,
      '-m',
      'official.serve',
      '--port=0',  # any free one
      f'--export_dir={export_dir}',
      f'--max_batch_size={max_batch_size}',
    ],
    stdout=subprocess.PIPE,
    text=True,
  )
  lines = [process.stdout.readline() for _ in range(3)]
  return _Server(process, lines[2].split()[1])  # '  REST: http://...'


async def _measure(
  url: str, bodies: list[bytes], clients: int, requests: int
) -> _Round:
  """Sends requests from several clients at once, and waits for all answers."""
  numbers = iter(range(requests))  # The clients share it.
  latencies: list[float] = []

  async def client(session: aiohttp.ClientSession) -> None:
    for number in numbers:
      start = time.perf_counter()
      async with session.post(url, data=bodies[number % len(bodies)]) as answer:
        await answer.read()
        assert answer.status == 200
      latencies.append(1000 * (time.perf_counter() - start))

  connector = aiohttp.TCPConnector(limit=clients)
  async with aiohttp.ClientSession(connector=connector) as session:
    start = time.perf_counter()
    await asyncio.gather(*(client(session) for _ in range(clients)))
    seconds = time.perf_counter() - start
  latencies.sort()
  return _Round(
    requests / seconds,
    latencies[len(latencies) // 2],
    latencies[int(len(latencies) * 0.99)],
  )


if __name__ == '__main__':
  main()
