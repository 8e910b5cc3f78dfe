"""Requests a second and their latency, with batching and without.

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

import aiohttp

_BATCHING = {'with batching': 32, 'one at a time': 1}


def main() -> None:
  """Prints a line a server."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--export_dir', required=True)
  parser.add_argument('--clients', type=int, default=32)
  parser.add_argument('--requests', type=int, default=4000, help='a round')
  parser.add_argument('--rounds', type=int, default=5)
  args = parser.parse_args()
  bodies = _bodies()
  servers = {
    name: _serve(args.export_dir, size) for name, size in _BATCHING.items()
  }
  try:
    found = {name: [] for name in servers}
    for number in range(args.rounds + 1):
      for name, (_, url) in servers.items():
        round_ = asyncio.run(_ask(url, bodies, args.clients, args.requests))
        if number:  # The first one warms up.
          found[name].append(round_)
  finally:
    for process, _ in servers.values():
      process.terminate()
      process.wait()
  for name, rounds in found.items():
    rates, halves, tails = zip(*rounds, strict=True)
    print(
      f'{name:14} {statistics.median(rates):6,.0f} requests/s '
      f'({min(rates):,.0f} to {max(rates):,.0f}), latency median '
      f'{statistics.median(halves):.0f} ms, 99 % '
      f'{statistics.median(tails):.0f} ms'
    )
  ratios = [
    with_[0] / without[0]
    for with_, without in zip(*found.values(), strict=True)
  ]
  print(
    f'with / without: {statistics.median(ratios):.2f} '
    f'({min(ratios):.2f} to {max(ratios):.2f})'
  )


def _bodies() -> list[bytes]:
  from official.datasets import mnist

  images = mnist.read(None)['test', 'images'][:256]
  return [
    json.dumps({'instances': [image[:, :, None].tolist()]}).encode()
    for image in images
  ]


def _serve(export_dir: str, max_batch_size: int) -> tuple:
  process = subprocess.Popen(
    [
      *(sys.executable, '-m', 'official.serve', '--port=0'),
      f'--export_dir={export_dir}',
      f'--max_batch_size={max_batch_size}',
    ],
    stdout=subprocess.PIPE,
    text=True,
  )
  lines = [process.stdout.readline() for _ in range(3)]
  return process, lines[2].split()[1]


async def _ask(
  url: str, bodies: list[bytes], clients: int, requests: int
) -> tuple[float, float, float]:
  """Requests a second, and the median and 99 % latency in milliseconds."""
  left = iter(range(requests))
  latencies = []

  async def client(session: aiohttp.ClientSession) -> None:
    for number in left:
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
  return (
    requests / seconds,
    latencies[len(latencies) // 2],
    latencies[int(len(latencies) * 0.99)],
  )


if __name__ == '__main__':
  main()
