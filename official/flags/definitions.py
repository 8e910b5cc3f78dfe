"""The flags that every network's mains share: defined and explained.

Nothing here imports TensorFlow, so `--help` and a wrong flag answer at once.
What each flag needs to have an effect stands in `official.flags.effects`.
What depends on the machine (how many GPUs there are, say) is checked by
`official.devices` before any work.
"""

import os
from typing import Any

from absl import flags

from official.errors import UsageError
from official.flags import paths
from official.flags.checks import (
  check_addresses,
  check_names,
  check_positive,
  check_range,
  check_together,
)

FLAGS = flags.FLAGS

DTYPES = ('fp32', 'fp16', 'bf16')
DISTRIBUTION_STRATEGIES = (
  'off',
  'one_device',
  'mirrored',
  'multi_worker_mirrored',
)
HOOKS = (
  'LoggingTensorHook',
  'ProfilerHook',
  'ExamplesPerSecondHook',
  'StepCounterHook',
)
SCHEDULES = ('cosine', 'piecewise', 'constant')
SUMMARIES = ('graph', 'images', 'filters', 'hparams', 'histograms')
EXPORT_FORMATS = ('tflite', 'onnx')
OPTIMIZERS = ('momentum', 'adadelta', 'adam')


def define_base() -> None:
  """What to run on, for how long, and where it goes."""
  paths.define(
    'data_dir',
    None,
    'Folder of the data; the embedded data without it.',
    short_name='dd',
  )
  paths.define(
    'model_dir',
    None,
    'Folder of the run: checkpoints, events, metrics.jsonl, config.json. The '
    'same folder again goes on with the run. Default: runs/<data>-<network>.',
    short_name='md',
  )
  flags.DEFINE_bool('clean', False, 'Delete --model_dir first, if it is one.')
  flags.DEFINE_integer(
    'train_epochs',
    1,
    'Passes over the training images. Schedules of the rate stretch with '
    'it: with more epochs a finished run jumps back up to a higher rate.',
    short_name='te',
  )
  flags.DEFINE_integer(
    'epochs_between_evals',
    1,
    'Epochs from one evaluation to the next.',
    short_name='ebe',
  )
  flags.DEFINE_float(
    'stop_threshold',
    None,
    'Stop once the test accuracy is this or more, by the evaluations before '
    'the last.',
    short_name='st',
  )
  flags.DEFINE_integer(
    'batch_size',
    32,
    'Images a step, over all GPUs and workers together.',
    short_name='bs',
  )
  flags.DEFINE_integer(
    'num_gpus',
    None,
    'GPUs to use on each worker; -1 or nothing: all there are (the original: '
    '1).',
    short_name='ng',
  )
  flags.DEFINE_list(
    'hooks', [], f'Extra hooks, of {", ".join(HOOKS)}.', short_name='hk'
  )
  paths.define(
    'export_dir',
    None,
    'Write a SavedModel to a new folder in this one. It takes uint8 pixels '
    '[N, H, W, C] or encoded images; preprocessing is inside.',
    short_name='ed',
  )
  flags.DEFINE_enum(
    'distribution_strategy',
    None,
    DISTRIBUTION_STRATEGIES,
    'How to use the devices; without it: multi_worker_mirrored in a cluster, '
    'mirrored for several GPUs, one_device else.',
    short_name='ds',
  )
  flags.DEFINE_integer('seed', 1, 'Of initial weights, order and augmentation.')
  flags.DEFINE_bool(
    'deterministic',
    None,
    'The same command gives the same bits, also over a restart. Default: on a '
    'CPU, where it costs nothing; a GPU pays for it.',
  )
  flags.DEFINE_enum(
    'on_nan',
    'stop',
    ('stop', 'restore'),
    'When the loss is NaN or infinite. restore: go on from the last checkpoint '
    'with half the learning rate.',
  )
  flags.DEFINE_integer(
    'save_checkpoints_steps',
    None,
    'Steps between checkpoints; one is written at every evaluation too. '
    'Default: 10 minutes.',
  )
  flags.DEFINE_integer(
    'keep_checkpoint_max', 5, 'Checkpoints to keep; 0 for all.'
  )
  flags.DEFINE_integer('log_steps', 100, 'Steps between lines and summaries.')
  flags.DEFINE_list(
    'summaries',
    list(SUMMARIES[:-1]),
    f'For TensorBoard besides the scalars, of {", ".join(SUMMARIES)}.',
  )
  check_range('train_epochs', 0)
  check_range('epochs_between_evals', 1)
  check_range('batch_size', 1)
  check_range('num_gpus', -1)
  check_range('seed', 0, 2**31 - 1)
  check_range('save_checkpoints_steps', 1)
  check_range('keep_checkpoint_max', 0)
  check_range('log_steps', 1)
  check_range('stop_threshold', 0.0, 1.0)
  check_names('hooks', HOOKS)
  check_names('summaries', SUMMARIES)


def define_performance() -> None:
  """How to compute."""
  flags.DEFINE_integer(
    'inter_op_parallelism_threads',
    0,
    'Ops at a time; 0: TensorFlow decides.',
    short_name='inter',
  )
  flags.DEFINE_integer(
    'intra_op_parallelism_threads',
    0,
    'Threads an op; 0: TensorFlow decides.',
    short_name='intra',
  )
  flags.DEFINE_bool(
    'use_synthetic_data',
    False,
    'Random images, of the size and number of --data_dir or --dataset: '
    'measures speed alone.',
    short_name='synth',
  )
  flags.DEFINE_integer(
    'max_train_steps',
    None,
    'Stop training at this global step.',
    short_name='mts',
  )
  flags.DEFINE_enum(
    'dtype',
    'fp32',
    DTYPES,
    'Of the computation; weights stay fp32.',
    short_name='dt',
  )
  flags.DEFINE_string(
    'loss_scale',
    None,
    'Multiplies the loss before the gradient, with --dtype fp16; dynamic: as '
    'much as does not overflow. Default 128.',
    short_name='ls',
  )
  flags.DEFINE_enum(
    'all_reduce_alg',
    None,
    ('nccl', 'hierarchical_copy', 'ring'),
    'How several GPUs, or workers (nccl, ring), add up gradients.',
    short_name='ara',
  )
  flags.DEFINE_integer(
    'num_packs', None, 'Gradient packs of --all_reduce_alg. Default 1.'
  )
  flags.DEFINE_enum(
    'tf_gpu_thread_mode',
    None,
    ('global', 'gpu_private', 'gpu_shared'),
    'Threads that launch GPU kernels.',
    short_name='gt_mode',
  )
  flags.DEFINE_integer(
    'per_gpu_thread_count',
    None,
    'Threads of --tf_gpu_thread_mode. Default 2.',
    short_name='pgtc',
  )
  flags.DEFINE_integer(
    'datasets_num_private_threads',
    None,
    'Threads of the input pipeline alone; without it, it shares.',
  )
  flags.DEFINE_bool(
    'enable_xla',
    False,
    'Compile the step with XLA. On a CPU it trains at 0.4 to 0.7 the speed.',
  )
  flags.DEFINE_integer(
    'steps_per_loop',
    None,
    'Steps inside the graph between turns of Python. Default: what takes a '
    'second, 10 at most.',
  )
  check_range('inter_op_parallelism_threads', 0)
  check_range('intra_op_parallelism_threads', 0)
  check_range('max_train_steps', 1)
  check_range('num_packs', 0)
  check_range('per_gpu_thread_count', 1)
  check_range('datasets_num_private_threads', 1)
  check_range('steps_per_loop', 1)
  check_positive('loss_scale', 'dynamic')


def define_distribution() -> None:
  """Several workers, each a process on a machine of its own."""
  flags.DEFINE_list(
    'worker_hosts',
    None,
    'host:port of every worker, in the same order on each. The first one is '
    'the chief: it tells and writes what happens, in a --model_dir that all '
    'can read. Or set TF_CONFIG.',
  )
  flags.DEFINE_integer(
    'task_index', None, 'Which of --worker_hosts this one is, from 0.'
  )
  flags.DEFINE_integer(
    'cluster_timeout', 600, 'Seconds to wait at the start for all workers.'
  )
  check_addresses('worker_hosts')
  check_range('cluster_timeout', 1)
  check_together(
    ('worker_hosts', 'task_index'),
    lambda f: (
      f['task_index'] is None
      if not f['worker_hosts']
      else f['task_index'] in range(len(f['worker_hosts']))
    ),
    '--task_index must tell which of --worker_hosts this worker is, from 0',
  )


def define_image() -> None:
  """How images lie in memory."""
  flags.DEFINE_enum(
    'data_format',
    None,
    ('channels_first', 'channels_last'),
    'Layout of feature maps; without it: channels_first on a GPU.',
    short_name='df',
  )


def define_training() -> None:
  """What to train and how, whatever the network."""
  flags.DEFINE_bool(
    'fine_tune',
    False,
    'Train the last layer alone; freeze the rest.',
    short_name='ft',
  )
  paths.define(
    'pretrained_model_checkpoint_path',
    None,
    'Start from this checkpoint, all but the last layer.',
    short_name='pmcp',
  )
  flags.DEFINE_bool(
    'eval_only',
    False,
    'Evaluate the newest checkpoint, and write the figures into --model_dir; '
    'leave out the flags of training, except --train_epochs.',
  )
  flags.DEFINE_bool(
    'save_predictions',
    False,
    'Write what the network says of every test image to predictions.npz in '
    '--model_dir, for the report.',
  )
  flags.DEFINE_bool(
    'export_only', False, 'Export the newest checkpoint to --export_dir.'
  )
  flags.DEFINE_bool(
    'image_bytes_as_serving_input',
    False,
    'The default signature of the export takes encoded images, not pixels.',
  )
  flags.DEFINE_list(
    'export_formats',
    [],
    f'Write these beside the SavedModel too, of {", ".join(EXPORT_FORMATS)}.',
  )
  flags.DEFINE_bool(
    'use_train_and_evaluate',
    False,
    'Run by Estimator.train_and_evaluate: evaluate after checkpoints, every 10 '
    'minutes at most, and at the end.',
  )
  flags.DEFINE_enum('optimizer', 'momentum', OPTIMIZERS, 'What steps down.')
  flags.DEFINE_bool('enable_lars', False, 'LARS, for very large batches.')
  flags.DEFINE_float(
    'label_smoothing', 0.0, 'Share of the label spread over all classes.'
  )
  flags.DEFINE_float(
    'weight_decay', 1e-4, 'Times half the sum of squares of the weights.'
  )
  flags.DEFINE_float(
    'base_lr',
    0.1,
    'Peak learning rate. It is meant for the default --batch_size, and scaled '
    'in proportion for another.',
  )
  flags.DEFINE_enum(
    'lr_schedule',
    'cosine',
    SCHEDULES,
    'cosine: to 0 over --train_epochs after a warm-up; piecewise: falls at '
    'parts of --train_epochs (the original: at epochs 91, 136, ...); constant.',
  )
  flags.DEFINE_float('momentum', 0.9, 'Of --optimizer momentum and of LARS.')
  check_range('label_smoothing', 0.0, 0.999)
  check_range('weight_decay', 0.0)
  check_range('base_lr', 0.0)
  check_range('momentum', 0.0, 0.9999)
  check_names('export_formats', EXPORT_FORMATS)
  check_together(
    ('export_formats', 'dtype'),
    lambda f: not f['export_formats'] or f['dtype'] == 'fp32',
    '--export_formats needs --dtype fp32',
  )
  check_together(
    ('export_only', 'export_dir', 'eval_only'),
    lambda f: not f['export_only'] or (f['export_dir'] and not f['eval_only']),
    '--export_only needs --export_dir, and no --eval_only',
  )
  check_together(
    (
      'fine_tune',
      'pretrained_model_checkpoint_path',
      'eval_only',
      'export_only',
    ),
    lambda f: (
      not f['fine_tune']
      or f['pretrained_model_checkpoint_path']
      or f['eval_only']  # Then it has no effect, and is refused for that.
      or f['export_only']
    ),
    '--fine_tune needs --pretrained_model_checkpoint_path: the layers it '
    'freezes must come from somewhere',
  )


def define_batch_norm() -> None:
  """For networks that have it."""
  flags.DEFINE_float(
    'batch_norm_momentum', 0.997, 'Share of the moving statistics kept a step.'
  )
  flags.DEFINE_bool(
    'sync_batch_norm',
    False,
    'Normalise by the batches of all GPUs and workers together.',
  )
  check_range('batch_norm_momentum', 0.0, 0.99999)


def define_dataset() -> None:
  """Which data, for sets that fit in memory."""
  flags.DEFINE_string(
    'dataset',
    None,
    'Name of an image-classification set of TensorFlow Datasets.',
  )
  flags.DEFINE_integer(
    'held_out_images',
    0,
    'Test on so many of the training images, not on the test images.',
  )
  _define_examples()
  check_range('held_out_images', 0)


def define_photographs() -> None:
  """Which data, for large images read from files."""
  flags.DEFINE_integer(
    'image_size',
    224,
    'Height and width of what the network gets. The orientation that EXIF '
    'notes in a photograph is not applied.',
  )
  flags.DEFINE_bool(
    'background_class',
    True,
    'With TFRecords: class 0 is the background, so there are 1001; else 1000.',
  )
  _define_examples()
  check_range('image_size', 8)


def _define_examples() -> None:
  flags.DEFINE_bool('augment', True, 'Change training images at random.')
  flags.DEFINE_integer(
    'max_bad_examples',
    0,
    'Leave out so many examples that cannot be used, and name them; one more '
    'ends the run.',
  )
  check_range('max_bad_examples', 0)


def set_defaults(**values: Any) -> None:
  """Changes the defaults of a main's flags."""
  for name, value in values.items():
    FLAGS.set_default(name, value)


def require_directory(flag: str, path: str) -> None:
  """Checks that a flag names a folder.

  Raises:
    UsageError: it does not.
  """
  if not os.path.isdir(path):
    raise UsageError(f'--{flag}: there is no folder {path}')
