"""From a command line to flag values, or to one line that says why not."""

from collections.abc import Sequence
from typing import Any

from absl import flags

from official.errors import UsageError

# Flags of the original without a meaning here, and the reason.
RETIRED = {
  'tpu': 'TPUs are not supported',
  'tpu_zone': 'TPUs are not supported',
  'tpu_gcp_project': 'TPUs are not supported',
  'num_tpu_shards': 'TPUs are not supported',
  'fp16_implementation': 'there is one implementation, casting: use --dtype',
  'num_parallel_calls': 'tf.data tunes it: leave it out',
  'datasets_num_parallel_batches': 'tf.data tunes it: leave it out',
  'training_dataset_cache': 'data sets are in memory already',
  'tf_data_experimental_slack': 'it was inert in this loop and still would be',
  'run_eagerly': 'a model_fn is always traced: use tf.print in it to look',
  'benchmark_logger_type': 'metrics.jsonl in --model_dir is always written',
  'benchmark_log_dir': 'metrics.jsonl is in --model_dir',
  'benchmark_test_id': 'name the run by its --model_dir',
  'gcp_project': 'nothing is sent anywhere: read metrics.jsonl',
  'bigquery_data_set': 'nothing is sent anywhere: read metrics.jsonl',
  'bigquery_run_table': 'nothing is sent anywhere: read metrics.jsonl',
  'bigquery_run_status_table': 'nothing is sent anywhere: read metrics.jsonl',
  'bigquery_metric_table': 'nothing is sent anywhere: read metrics.jsonl',
}

_LIBRARIES = ('absl', 'tensorflow', 'keras', 'etils', 'apache_beam')


def parse(argv: Sequence[str], arguments: str | None = None) -> list[str]:
  """Parses a command line.

  Args:
    argv: the command and its words.
    arguments: what the words that are no flags mean; None allows none.

  Returns:
    These words.

  Raises:
    UsageError: a flag is unknown, retired, or has a value it cannot have; or
      there are such words where none are allowed, or none where some must be.
  """
  try:
    rest = flags.FLAGS(argv)
  except flags.UnrecognizedFlagError as e:
    reason = RETIRED.get(e.flagname)
    raise UsageError(
      f'--{e.flagname} is not used any more: {reason}' if reason else str(e)
    ) from e
  except flags.Error as e:
    message = ' '.join(str(e).replace('Fatal error: ', '').split())
    raise UsageError(message) from e
  if arguments and len(rest) == 1:
    raise UsageError(f'{arguments} is missing: name one or more')
  if not arguments and len(rest) > 1:
    raise UsageError(
      f'{rest[1]!r} is no flag; flags are written --name=value or --name value'
    )
  return rest[1:]


def help_text() -> str:
  """What every flag of ours is for, and its default."""
  return '\n'.join(flags.FLAGS.module_help(name) for name in _modules())


def value_dict() -> dict[str, Any]:
  """Name to value of every flag of ours."""
  return {flag.name: flag.value for flag in flags_of_ours()}


def flags_of_ours() -> list[flags.Flag]:
  """Every flag that no library defines."""
  by_module = flags.FLAGS.flags_by_module_dict()
  return [flag for name in _modules() for flag in by_module[name]]


def arguments(but: Sequence[str] = ()) -> list[str]:
  """The flags of ours that are not at their defaults, as one types them.

  Args:
    but: names to leave out.
  """
  return sorted(flag.serialize() for flag in changed() if flag.name not in but)


def changed() -> list[flags.Flag]:
  """The flags of ours that are not at their defaults."""
  return [flag for flag in flags_of_ours() if flag.value != flag.default]


def _modules() -> list[str]:
  """Modules that define flags, less those of libraries."""
  names = sorted(flags.FLAGS.flags_by_module_dict())
  return [n for n in names if not n.split('.')[0].startswith(_LIBRARIES)]
