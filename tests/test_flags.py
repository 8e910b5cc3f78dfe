"""Flags: the allowed values of each one, and the messages for others."""

import logging

import pytest
from absl import flags

from official import cli, devices
from official.devices import hardware
from official.errors import UsageError
from official.flags import Settings, retired


@pytest.mark.parametrize(
  'argument, message',
  [
    ('--train_epochs=-1', 'train_epochs must be 0 or more, given: -1'),
    ('--epochs_between_evals=0', 'epochs_between_evals must be 1 or more'),
    ('--batch_size=0', 'batch_size must be 1 or more, given: 0'),
    ('--num_gpus=-2', 'num_gpus must be -1 or more, given: -2'),
    ('--seed=-1', 'seed must be 0 to 2147483647, given: -1'),
    ('--save_checkpoints_steps=0', 'save_checkpoints_steps must be 1 or more'),
    ('--keep_checkpoint_max=-1', 'keep_checkpoint_max must be 0 or more'),
    ('--log_steps=0', 'log_steps must be 1 or more'),
    ('--stop_threshold=1.1', 'stop_threshold must be 0.0 to 1.0, given: 1.1'),
    ('--hooks=ProfilerHook,Other', 'hooks must be of .*, given: Other'),
    ('--inter_op_parallelism_threads=-1', 'must be 0 or more, given: -1'),
    ('--intra_op_parallelism_threads=-1', 'must be 0 or more, given: -1'),
    ('--max_train_steps=0', 'max_train_steps must be 1 or more, given: 0'),
    ('--dtype=int8', 'int8.*value should be one of <fp32.fp16.bf16>'),
    ('--loss_scale=abc', 'must be a positive number or dynamic, given: abc'),
    ('--loss_scale=-1', 'must be a positive number or dynamic, given: -1'),
    ('--datasets_num_private_threads=0', 'must be 1 or more, given: 0'),
    ('--steps_per_loop=0', 'steps_per_loop must be 1 or more, given: 0'),
    ('--data_format=NCHW', 'should be one of <channels_first.channels_last>'),
    ('--resnet_version=3', 'resnet_version must be one of 1, 2, given: 3'),
    ('--resnet_size=big', 'resnet_size=big: it must be a whole number'),
    ('--label_smoothing=1', 'label_smoothing must be 0.0 to 0.999, given: 1'),
    ('--weight_decay=-1', 'weight_decay must be 0.0 or more, given: -1'),
    ('--momentum=1', 'momentum must be 0.0 to 0.9999, given: 1'),
    ('--optimizer=sgd', 'should be one of <momentum.adadelta.adam>'),
    ('--batch_norm_momentum=1', 'must be 0.0 to 0.99999, given: 1'),
    ('--base_lr=-0.1', 'base_lr must be 0.0 or more, given: -0.1'),
    ('--lr_schedule=linear', 'should be one of <cosine.piecewise.constant>'),
    ('--fine_tune', 'fine_tune needs --pretrained_model_checkpoint_path'),
    ('--train_epochs=many', 'train_epochs.*many'),
    ('--on_nan=ignore', 'should be one of <stop.restore>'),
    ('--max_bad_examples=-1', 'max_bad_examples must be 0 or more, given: -1'),
    ('--cluster_timeout=0', 'cluster_timeout must be 1 or more, given: 0'),
    ('--worker_hosts=a:1,b', 'worker_hosts must be a list of host:port, .*: b'),
    ('--worker_hosts=a:1,b:99999', 'must be a list of host:port, .*: b:99999'),
    ('--worker_hosts=a:1,a:1', 'worker_hosts names a:1 twice'),
    ('--worker_hosts=a:1,b:1', 'task_index must say which of --worker_hosts'),
    ('--task_index=0', 'task_index must say which of --worker_hosts'),
    ('--distribution_strategy=cpu', 'should be one of <off.one_device'),
    ('--no_such_flag=1', "Unknown command line flag 'no_such_flag'"),
    ('--resnet_sise=18', 'Did you mean: resnet_size'),
    ('resnet18', "'resnet18' is not a flag; a flag is --name=value"),
  ],
)
def test_a_value_that_cannot_be(parse, argument, message):
  with pytest.raises(UsageError, match=message) as caught:
    parse(argument)
  assert '\n' not in str(caught.value)


@pytest.mark.parametrize(
  'words, message',
  [
    (f'--{name}=1', f'--{name} is not used any more: {reason}')
    for name, reason in retired.RETIRED.items()
  ]
  + [
    ('-npc=4', r'--npc \(--num_parallel_calls\) is not used any more: tf.data'),
    ('-npc 4', r'--npc \(--num_parallel_calls\) is not used any more: tf.data'),
    ('-bti x', r'--bti \(--benchmark_test_id\) .*: name the run by'),
    ('-bld x', r'--bld \(--benchmark_log_dir\) .*: metrics.jsonl is in'),
    ('-gp x', r'--gp \(--gcp_project\) .*: nothing is sent anywhere'),
    ('-bds x', r'--bds \(--bigquery_data_set\) .*: nothing is sent'),
    ('-brt x', r'--brt \(--bigquery_run_table\) .*: nothing is sent'),
    ('-brst x', r'--brst \(--bigquery_run_status_table\) .*: nothing is sent'),
    ('-bmt x', r'--bmt \(--bigquery_metric_table\) .*: nothing is sent'),
    ('--norun_eagerly', '--norun_eagerly is not used any more: a model_fn is'),
    ('--turn_off_distribution_strategy', 'use --distribution_strategy off'),
    (
      '--distribution_strategy default',
      '--distribution_strategy default is not used any more: without the flag',
    ),
    ('-ds=collective', 'its name is multi_worker_mirrored now'),
    ('-ds=parameter_server', 'use multi_worker_mirrored'),
    ('--distribution_strategy=tpu', 'TPUs are not supported'),
    (
      '--hooks LoggingMetricHook',
      '--hooks LoggingMetricHook is not used any more: metrics.jsonl in',
    ),
    ('-hk ProfilerHook,loggingmetrichook', 'hooks loggingmetrichook is not'),
    ('--task_index -1', '--task_index -1 is not used any more: without --work'),
    ('--task_index=-1', '--task_index -1 is not used any more: without --work'),
  ],
)
def test_what_the_original_had_and_is_retired_says_why(parse, words, message):
  with pytest.raises(UsageError, match=message) as caught:
    parse(*words.split())
  assert '\n' not in str(caught.value)


def test_flags_of_libraries_act_or_are_refused(parse):
  for flag in ('--only_check_args', '--log_dir=x', '--alsologtostderr'):
    name = flag.lstrip('-').partition('=')[0]
    with pytest.raises(UsageError, match=f'--{name} is a flag of a library'):
      parse(flag)
    flags.FLAGS[name].unparse()


@pytest.mark.parametrize(
  'arguments, level, of_warm_start',
  [
    ([], logging.WARNING, logging.INFO),
    (['--hooks=ProfilerHook'], logging.INFO, logging.INFO),
    (['-v=1'], logging.DEBUG, logging.DEBUG),
    (['-v', '0'], logging.INFO, logging.INFO),
    (['--verbosity=-2', '--hooks=ProfilerHook'], logging.ERROR, logging.ERROR),
  ],
)
def test_verbosity_decides_what_is_logged(
  parse, arguments, level, of_warm_start
):
  names = ('official', 'official.estimator.warm_start', 'tensorflow')
  loggers = [logging.getLogger(name) for name in names]
  before = [logger.level for logger in loggers]
  try:
    cli._set_levels(parse(*arguments))
    of_tensorflow = level if arguments and 'v' in arguments[0] else 40
    assert [logger.level for logger in loggers] == [
      level,
      of_warm_start,
      of_tensorflow,
    ]
  finally:
    for logger, old in zip(loggers, before, strict=True):
      logger.setLevel(old)


def test_the_defaults_of_the_original_and_of_the_main(parse):
  found = parse()
  assert found.resnet_version == 1
  assert (found.momentum, found.label_smoothing) == (0.9, 0.0)
  assert found.epochs_between_evals == 1
  assert (found.resnet_size, found.batch_size) == (18, 128)


def test_short_names(parse):
  found = parse(
    '-rs=20', '-rv=2', '-bs=64', '-te=3', '-ebe=2', '-dd=in', '-md=out',
    '-ed=export', '-st=0.9', '-dt=bf16', '-df=channels_last', '-ng=0',
    '-hk=StepCounterHook', '-mts=9', '-synth',
  )  # fmt: skip
  assert (found.resnet_size, found.resnet_version) == (20, 2)
  assert (found.batch_size, found.train_epochs) == (64, 3)
  assert (found.epochs_between_evals, found.max_train_steps) == (2, 9)
  assert (found.data_dir, found.model_dir) == ('in', 'out')
  assert (found.export_dir, found.stop_threshold) == ('export', 0.9)
  assert (found.dtype, found.data_format) == ('bf16', 'channels_last')
  assert (found.num_gpus, found.hooks) == (0, ['StepCounterHook'])
  assert found.use_synthetic_data


def test_every_flag_that_the_original_had_is_there_or_retired(parse):
  original = """
    data_dir model_dir clean train_epochs epochs_between_evals stop_threshold
    batch_size num_gpus hooks export_dir distribution_strategy run_eagerly
    tpu tpu_zone tpu_gcp_project num_tpu_shards datasets_num_parallel_batches
    training_dataset_cache log_steps turn_off_distribution_strategy
    inter_op_parallelism_threads intra_op_parallelism_threads
    use_synthetic_data max_train_steps dtype loss_scale fp16_implementation
    all_reduce_alg num_packs tf_gpu_thread_mode per_gpu_thread_count
    datasets_num_private_threads tf_data_experimental_slack enable_xla
    data_format resnet_version resnet_size fine_tune
    pretrained_model_checkpoint_path eval_only image_bytes_as_serving_input
    use_train_and_evaluate enable_lars label_smoothing weight_decay
    benchmark_logger_type benchmark_log_dir benchmark_test_id gcp_project
    bigquery_data_set bigquery_run_table bigquery_run_status_table
    bigquery_metric_table worker_hosts task_index num_parallel_calls
    """.split()
  there = set(parse()) | set(retired.RETIRED)
  assert [name for name in original if name not in there] == []
  short_names = """
    dd md te ebe st bs ng hk ed ds npc inter intra synth mts dt ls ara gt_mode
    pgtc df rv rs ft pmcp bti bld gp bds brt brst bmt
    """.split()
  there |= set(retired.SHORT_NAMES)
  assert [name for name in short_names if name not in there] == []


def test_every_value_of_the_flags_is_told(parse):
  values = Settings.of(parse('--batch_size=64')).as_dict()
  assert values['batch_size'] == 64
  assert {'resnet_size', 'seed', 'dataset', 'dtype'} <= values.keys()


@pytest.mark.parametrize(
  'arguments, message',
  [
    (['--num_gpus=1'], 'num_gpus 1: TensorFlow sees 0 on this machine'),
    (
      ['--data_format=channels_first'],
      'channels_first needs a GPU: .* use channels_last',
    ),
    (['--dtype=fp16'], 'dtype fp16 needs a GPU'),
    (
      ['--tf_gpu_thread_mode=gpu_private'],
      'tf_gpu_thread_mode has a meaning on GPUs only',
    ),
    (['--all_reduce_alg=nccl'], 'all_reduce_alg has a meaning on GPUs only'),
    (['--all_reduce_alg=ring'], 'ring has a meaning in a cluster only'),
    (['--sync_batch_norm'], 'a meaning on several GPUs or workers only'),
    (
      ['--distribution_strategy=multi_worker_mirrored'],
      'needs several workers, by --worker_hosts or TF_CONFIG',
    ),
    (
      ['--distribution_strategy=mirrored', '--enable_xla'],
      'enable_xla works on one device only',
    ),
  ],
)
def test_what_this_machine_cannot_do(parse, arguments, message):
  with pytest.raises(UsageError, match=message):
    devices.configure(parse('--nodeterministic', *arguments))


def test_bf16_needs_its_instructions(parse, monkeypatch):
  monkeypatch.setattr(hardware, '_instructions', lambda: {'avx2'})
  with pytest.raises(UsageError, match='neither AVX512_BF16 nor AMX'):
    devices.configure(parse('--nodeterministic', '--dtype=bf16'))


def test_one_device_is_no_strategy(parse):
  found = devices.configure(parse('--nodeterministic'))
  assert (found.strategy, found.num_replicas) == (None, 1)
  assert found.data_format == 'channels_last'
  assert found.description.startswith('CPU (')
