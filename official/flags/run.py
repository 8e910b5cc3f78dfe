"""The settings of a run's data, length and results."""

import dataclasses
from collections.abc import Sequence
from typing import Any, ClassVar

from official.flags.conditions import (
  EXPORT,
  LOSS,
  REAL_IMAGES,
  TRAINING,
  TRAINING_OR_SYNTHETIC,
  Condition,
  is_cluster,
)
from official.flags.declaration import DeclaredSettings, Rule, setting

HOOKS = (
  'LoggingTensorHook',
  'ProfilerHook',
  'ExamplesPerSecondHook',
  'StepCounterHook',
)
SUMMARIES = ('graph', 'images', 'filters', 'hparams', 'histograms')
EXPORT_FORMATS = ('tflite', 'onnx')
DISTRIBUTION_STRATEGIES = (
  'off',
  'one_device',
  'mirrored',
  'multi_worker_mirrored',
)


def _evaluates_before_the_end(f: Any) -> bool:
  if f.use_train_and_evaluate:
    return not is_cluster(f) or bool(f.save_checkpoints_steps)
  return (f.epochs_between_evals or 1) < (f.train_epochs or 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSettings(DeclaredSettings):
  """The settings of a run's data, length and results."""

  data_dir: str | None = setting(
    None,
    'Folder of the data; without it, the embedded data.',
    short_name='dd',
    is_path=True,
  )
  model_dir: str | None = setting(
    None,
    'Folder of the run: checkpoints, events, metrics.jsonl, config.json. The '
    'same folder again goes on with the run. Default: runs/<data>-<network>.',
    short_name='md',
    is_path=True,
    of_one_call=True,
  )
  clean: bool = setting(
    False,
    'Delete --model_dir first, if it holds a run.',
    acts_when=TRAINING,
    of_one_call=True,
  )
  train_epochs: int = setting(
    1,
    'Passes over the training images. Schedules of the rate stretch with '
    'it: with more epochs a finished run jumps back up to a higher rate.',
    short_name='te',
    low=0,
    # Not refused beside --eval_only: the name of the run may depend on it.
    acts_when=LOSS,
  )
  epochs_between_evals: int = setting(
    1,
    'Epochs from one evaluation to the next.',
    short_name='ebe',
    low=1,
    acts_when=(
      *TRAINING,
      Condition(
        lambda f: not f.use_train_and_evaluate,
        'with --use_train_and_evaluate, which evaluates after checkpoints: see '
        '--save_checkpoints_steps',
      ),
      Condition(
        lambda f: (
          f.train_epochs is None
          or f.train_epochs > 1
          # With 1 the run evaluates as often as it would anyway.
          or f.epochs_between_evals == 1
        ),
        'with --train_epochs 1, after which it evaluates anyway',
      ),
    ),
  )
  stop_threshold: float | None = setting(
    None,
    'Stop once the test accuracy is at least this, by the evaluations before '
    'the last.',
    short_name='st',
    low=0.0,
    high=1.0,
    acts_when=(
      *TRAINING,
      Condition(
        _evaluates_before_the_end,
        'where the only evaluation is that at the end: see --train_epochs and '
        '--epochs_between_evals, or --save_checkpoints_steps',
      ),
    ),
  )
  batch_size: int = setting(
    32,
    'Images per step, over all GPUs and workers together.',
    short_name='bs',
    low=1,
    acts_when=LOSS,
  )
  num_gpus: int | None = setting(
    None,
    'GPUs to use on each worker. -1 or no flag: all GPUs (the original: 1).',
    short_name='ng',
    low=-1,
    of_one_call=True,
  )
  hooks: tuple[str, ...] = setting(
    (),
    f'Extra hooks, of {", ".join(HOOKS)}.',
    short_name='hk',
    choices=HOOKS,
    acts_when=TRAINING,
  )
  export_dir: str | None = setting(
    None,
    'Write a SavedModel to a new folder in this one. It takes uint8 pixels '
    '[N, H, W, C] or encoded images; preprocessing is inside.',
    short_name='ed',
    is_path=True,
    of_one_call=True,
  )
  distribution_strategy: str | None = setting(
    None,
    'How to use the devices. Default: multi_worker_mirrored in a cluster, '
    'mirrored for several GPUs, otherwise one_device.',
    short_name='ds',
    choices=DISTRIBUTION_STRATEGIES,
    of_one_call=True,
  )
  seed: int = setting(
    1,
    'Seed of initial weights, order and augmentation.',
    low=0,
    high=2**31 - 1,
    acts_when=(*LOSS, TRAINING_OR_SYNTHETIC),
  )
  deterministic: bool | None = setting(
    None,
    'The same command gives the same bits, also over a restart. Default: on a '
    'CPU, where it costs nothing; a GPU is slower with it.',
    acts_when=LOSS,
  )
  on_nan: str = setting(
    'stop',
    'When the loss is NaN or infinite. restore: go on from the last checkpoint '
    'with half the learning rate.',
    choices=('stop', 'restore'),
    acts_when=TRAINING,
  )
  save_checkpoints_steps: int | None = setting(
    None,
    'Steps between checkpoints; each evaluation writes one too. Default: one '
    'checkpoint every 10 minutes.',
    low=1,
    acts_when=TRAINING,
  )
  keep_checkpoint_max: int = setting(
    5,
    'Checkpoints to keep; 0 keeps all.',
    low=0,
    acts_when=TRAINING,
  )
  log_steps: int = setting(
    100,
    'Steps between printed lines, and between summaries.',
    low=1,
    acts_when=TRAINING,
  )
  summaries: tuple[str, ...] = setting(
    SUMMARIES[:-1],
    f'For TensorBoard besides the scalars, of {", ".join(SUMMARIES)}.',
    choices=SUMMARIES,
    acts_when=TRAINING,
    of_one_call=True,
  )
  eval_only: bool = setting(
    False,
    'Evaluate the newest checkpoint and write the figures into --model_dir. '
    'Leave out the flags of training, except --train_epochs.',
    of_one_call=True,
  )
  save_predictions: bool = setting(
    False,
    'Write what the network predicts for every test image to predictions.npz '
    'in --model_dir, for the report.',
    acts_when=(*LOSS, REAL_IMAGES),
    of_one_call=True,
  )
  export_only: bool = setting(
    False, 'Export the newest checkpoint to --export_dir.'
  )
  image_bytes_as_serving_input: bool = setting(
    False,
    'The default signature of the export takes encoded images, not pixels.',
    acts_when=(EXPORT,),
    of_one_call=True,
  )
  export_formats: tuple[str, ...] = setting(
    (),
    f'Write these beside the SavedModel too, of {", ".join(EXPORT_FORMATS)}.',
    choices=EXPORT_FORMATS,
    acts_when=(EXPORT,),
    of_one_call=True,
  )
  use_train_and_evaluate: bool = setting(
    False,
    'Run by Estimator.train_and_evaluate: evaluate after checkpoints, at most '
    'every 10 minutes, and at the end.',
    acts_when=TRAINING,
  )

  rules: ClassVar[Sequence[Rule]] = (
    Rule(
      ('export_only', 'export_dir', 'eval_only'),
      lambda f: (
        not f['export_only'] or (f['export_dir'] and not f['eval_only'])
      ),
      '--export_only needs --export_dir, and no --eval_only',
    ),
  )
