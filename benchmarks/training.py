"""Training steps of the project and of its peers, in turns."""

from benchmarks import command, jobs, turns

_PROJECT = 'benchmarks.sides.project'
_KERAS = 'benchmarks.sides.keras_peer'
_TORCH = 'benchmarks.sides.torch_peer'

# The name of a side, its module, and the name of its command.
PEERS = (
  ('project', _PROJECT, 'train'),
  ('Keras fit', _KERAS, 'fit'),
  ('tf.function + tape', _KERAS, 'tape'),
  ('PyTorch eager', _TORCH, 'eager'),
  ('PyTorch channels_last', _TORCH, 'channels_last'),
  ('PyTorch compile', _TORCH, 'compile'),
)
FORMS = (
  ('project', _PROJECT, 'train'),
  ('--steps_per_loop 1', _PROJECT, 'train-1-step-a-loop'),
  ('--enable_xla', _PROJECT, 'train-xla'),
  ('--dtype bf16', _PROJECT, 'train-bf16'),
)
RELIABLE = (
  ('project', _PROJECT, 'train'),
  ('--deterministic', _PROJECT, 'train-deterministic'),
  ('a checkpoint every 20 steps', _PROJECT, 'train-saving'),
)


def main() -> None:
  """Prints one table for each job."""
  args = command.parse(
    __doc__,
    forms='compare forms of the project in place of peers: XLA, bf16, loops',
    reliable='compare the project with itself under determinism and saving',
  )
  compared = RELIABLE if args.reliable else FORMS if args.forms else PEERS
  for name in args.jobs:
    job = jobs.JOBS[name]
    sides = [
      turns.Side(side, module, word, name) for side, module, word in compared
    ]
    results = turns.alternate(sides, job.steps, args.rounds)
    counts = {side.facts['parameters'] for side in sides}
    assert len(counts) == 1, f'the networks differ: {counts} parameters'
    command.print_job(name, counts.pop())
    images = job.batch_size * job.steps
    rows = turns.compare([side.name for side in sides], results, images)
    print(turns.table(turns.header('images'), rows), flush=True)
    command.print_ceiling(name, turns.rates(results[0], images))


if __name__ == '__main__':
  main()
