"""The frame that the benchmark commands share."""

import argparse
import platform
import statistics
import subprocess
import sys
from collections.abc import Sequence

from benchmarks import jobs


def parse(
  description: str, rounds: int = 7, **switches: str
) -> argparse.Namespace:
  """Parses the arguments and prints which machine this is.

  Args:
    description: The help text of the command.
    rounds: The default of `--rounds`.
    **switches: Name of each further switch, to its help text.

  Returns:
    The arguments; `jobs` lists the names that were given, or all of them.
  """
  parser = argparse.ArgumentParser(description=description)
  parser.add_argument(
    'jobs', nargs='*', help=f'any of {", ".join(jobs.JOBS)}; all by default'
  )
  parser.add_argument('--rounds', type=int, default=rounds)
  for name, meaning in switches.items():
    parser.add_argument(f'--{name}', action='store_true', help=meaning)
  args = parser.parse_args()
  unknown = set(args.jobs) - jobs.JOBS.keys()
  if unknown:
    parser.error(
      f'there is no job {", ".join(unknown)}; the jobs are '
      f'{", ".join(jobs.JOBS)}'
    )
  args.jobs = args.jobs or list(jobs.JOBS)
  print(f'machine: {_processor()}, Python {platform.python_version()}')
  return args


def print_job(name: str, parameters: int | None = None) -> None:
  """Prints the heading of a job's table."""
  job = jobs.JOBS[name]
  height, width, channels = job.image_shape
  size = f', {parameters:,} parameters' if parameters else ''
  print(
    f'\n{name}: {job.network}, {height}x{width}x{channels} images, batch '
    f'{job.batch_size}{size}\n',
    flush=True,
  )


def print_ceiling(name: str, images_per_second: Sequence[float]) -> None:
  """Prints how near training comes to the machine's largest rates.

  Args:
    name: A job.
    images_per_second: The measured rates of training; their median counts.
  """
  # Measured in a process of its own, because TensorFlow's threads of this
  # process would compete; and now, because a machine's speed drifts.
  result = subprocess.run(
    [sys.executable, '-m', 'benchmarks.ceilings', '--for', name],
    capture_output=True,
    text=True,
    check=True,
  )
  operations, *rates = map(float, result.stdout.split())
  # A step is the forward pass and the two gradients of each layer.
  gflops = 3 * operations * statistics.median(images_per_second) / 1e9
  shares = ', '.join(
    f'{100 * gflops / rate:.0f} % of {rate:.0f} GFLOP/s ({limit})'
    for rate, limit in zip(
      rates, ('large matrix product', 'large convolutions'), strict=True
    )
  )
  print(
    f'\nthe step computes {gflops:.0f} GFLOP/s, counted as direct '
    f'convolutions: {shares}',
    flush=True,
  )


def _processor() -> str:
  try:
    with open('/proc/cpuinfo', encoding='utf-8') as f:
      names = [line.split(':')[1].strip() for line in f if 'model name' in line]
  except OSError:
    return platform.processor() or platform.machine()
  return f'{len(names)} cores {names[0]}'
