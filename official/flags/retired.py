"""Flags and values of the original that have no meaning here, and the reason.

The reason is printed when one of them is given, by its long or its short name.
"""

from collections.abc import Sequence

_NO_TPU = 'TPUs are not supported'
_TUNED = 'tf.data tunes it: leave it out'
_NOT_SENT = 'nothing is sent anywhere: read metrics.jsonl in --model_dir'

# By name, in the order of the original's modules. The last ones are older.
RETIRED = {
  'run_eagerly': 'a model_fn is always traced: use tf.print in it to look',
  'turn_off_distribution_strategy': 'use --distribution_strategy off',
  'num_parallel_calls': _TUNED,
  'datasets_num_parallel_batches': _TUNED,
  'training_dataset_cache': 'data sets are in memory already',
  'tf_data_experimental_slack': 'it was inert in this loop and still would be',
  'fp16_implementation': 'there is one implementation, casting: use --dtype',
  'benchmark_logger_type': 'metrics.jsonl in --model_dir is always written',
  'benchmark_test_id': 'name the run by its --model_dir',
  'benchmark_log_dir': 'metrics.jsonl is in --model_dir',
  'gcp_project': _NOT_SENT,
  'bigquery_data_set': _NOT_SENT,
  'bigquery_run_table': _NOT_SENT,
  'bigquery_run_status_table': _NOT_SENT,
  'bigquery_metric_table': _NOT_SENT,
  'tpu': _NO_TPU,
  'tpu_zone': _NO_TPU,
  'tpu_gcp_project': _NO_TPU,
  'num_tpu_shards': _NO_TPU,
  'version': 'use --resnet_version',
  'multi_gpu': 'all GPUs are used; --num_gpus says how many',
  'epochs_per_eval': 'use --epochs_between_evals',
}

SHORT_NAMES = {
  'npc': 'num_parallel_calls',
  'bti': 'benchmark_test_id',
  'bld': 'benchmark_log_dir',
  'gp': 'gcp_project',
  'bds': 'bigquery_data_set',
  'brt': 'bigquery_run_table',
  'brst': 'bigquery_run_status_table',
  'bmt': 'bigquery_metric_table',
  'epe': 'epochs_per_eval',
}

# Values that the original took, by flag and value in lower case.
_VALUES = {
  ('distribution_strategy', 'default'): (
    'without the flag, the number of GPUs decides: leave it out'
  ),
  ('distribution_strategy', 'collective'): (
    'its name is multi_worker_mirrored now'
  ),
  ('distribution_strategy', 'parameter_server'): (
    'parameter servers are not supported: use multi_worker_mirrored'
  ),
  ('distribution_strategy', 'tpu'): _NO_TPU,
  ('hooks', 'loggingmetrichook'): (
    'metrics.jsonl in --model_dir has the metrics of every step: leave it out'
  ),
  ('task_index', '-1'): (
    'without --worker_hosts there is one worker: leave it out'
  ),
}


def reason_of(name: str) -> str | None:
  """The reason why an unknown flag is not used any more.

  Args:
    name: The name as it was given, without dashes: long or short, or with `no`
      before it.

  Returns:
    A line; None for a name that the original did not have either.
  """
  for known in (name, name.removeprefix('no')):
    long_name = SHORT_NAMES.get(known, known)
    if long_name in RETIRED:
      short = f' (--{long_name})' if long_name != known else ''
      return f'--{name}{short} is not used any more: {RETIRED[long_name]}'
  return None


def check_values(words: Sequence[str], names: dict[str, str]) -> str | None:
  """The reason why a value of a command line is not used any more.

  Args:
    words: The command line without the command.
    names: Any name of a flag, also a short one, to its long name.

  Returns:
    A line about the first such value; None where there is none.
  """
  for index, word in enumerate(words):
    if word == '--':
      break
    name, equals, value = word.lstrip('-').partition('=')
    if not word.startswith('-') or name not in names:
      continue
    if not equals:
      value = words[index + 1] if index + 1 < len(words) else ''
    for part in value.split(','):
      reason = _VALUES.get((names[name], part.strip().lower()))
      if reason:
        return f'--{names[name]} {part.strip()} is not used any more: {reason}'
  return None
