"""Training steps of the project and of its peers, in turns."""

import argparse

from benchmarks import jobs, turns

# Name, module, what the module is told.
SIDES = (
  ('project', 'benchmarks.sides.project', 'train'),
  ('Keras fit', 'benchmarks.sides.keras_peer', 'fit'),
  ('tf.function + tape', 'benchmarks.sides.keras_peer', 'tape'),
  ('PyTorch eager', 'benchmarks.sides.torch_peer', 'eager'),
  ('PyTorch channels_last', 'benchmarks.sides.torch_peer', 'channels_last'),
  ('PyTorch compile', 'benchmarks.sides.torch_peer', 'compile'),
)


def measure(name: str, rounds: int) -> list[list[str]]:
  """Rows of one job: images a second, and the lead, by both clocks."""
  job = jobs.JOBS[name]
  sides = [turns.Side(side, module, word, name) for side, module, word in SIDES]
  try:
    results = turns.alternate(sides, job.steps, rounds)
  finally:
    for side in sides:
      side.close()
  images = job.batch_size * job.steps
  rows = []
  for side in sides:
    row = [name, side.name, f'{side.facts["parameters"]:,}']
    for clock in ('wall', 'cpu'):
      rates = turns.rates(results[side.name], images, clock)
      ours = turns.rates(results[SIDES[0][0]], images, clock)
      row += [turns.spread(rates), turns.spread(turns.ratios(ours, rates))]
    rows.append(row)
  return rows


def main() -> None:
  """The command."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('jobs', nargs='*', default=list(jobs.JOBS))
  parser.add_argument('--rounds', type=int, default=7)
  args = parser.parse_args()
  header = (
    'job',
    'side',
    'parameters',
    'images/s',
    'project is ... times as fast',
    'images/CPU-s',
    '... by CPU time',
  )
  rows = [row for name in args.jobs for row in measure(name, args.rounds)]
  print(turns.table(header, rows))


if __name__ == '__main__':
  main()
