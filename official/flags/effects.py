"""When each flag acts: one that is given where it cannot act is refused.

`EFFECTS` is the one table of it: a flag, and what must hold for it to have an
effect. A flag that is not in it acts always.
"""

import dataclasses
import os
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from absl import flags

from official.errors import UsageError


class _Values(types.SimpleNamespace):
  """Values of flags by name; None for a flag that a command does not have."""

  def __getattr__(self, name: str) -> None:
    return None


@dataclasses.dataclass(frozen=True)
class Condition:
  """What must hold for a flag to have an effect.

  Attributes:
    holds: from the values of all flags, as attributes, to whether it does; a
      flag that the command does not have is None.
    otherwise: why the flag has no effect; completes `--flag has no effect ...`.
  """

  holds: Callable[[Any], Any]
  otherwise: str


def _is_cluster(f: Any) -> bool:
  return len(f.worker_hosts or ()) > 1 or bool(os.environ.get('TF_CONFIG'))


def _evaluates_before_the_end(f: Any) -> bool:
  if f.use_train_and_evaluate:
    return not _is_cluster(f) or bool(f.save_checkpoints_steps)
  return (f.epochs_between_evals or 1) < (f.train_epochs or 1)


_NOT_EXPORT_ONLY = Condition(
  lambda f: not f.export_only,
  'with --export_only, which neither trains nor evaluates',
)
_NOT_EVAL_ONLY = Condition(
  lambda f: not f.eval_only, 'with --eval_only, which trains nothing'
)
_REAL_IMAGES = Condition(
  lambda f: not f.use_synthetic_data,
  'with --use_synthetic_data, whose images are random',
)
_OWN_RATE = Condition(
  lambda f: not f.enable_lars,
  'with --enable_lars, whose rate follows from --batch_size',
)
_WHOLE_NETWORK = Condition(
  lambda f: not f.fine_tune,
  'with --fine_tune, which trains the last layer alone',
)
_BATCH_NORM = Condition(
  lambda f: f.batch_norm is not False, 'without --batch_norm'
)
_EXPORT = Condition(lambda f: f.export_dir, 'without --export_dir')
_TRAINING_OR_SYNTHETIC = Condition(
  lambda f: (not f.eval_only and f.train_epochs != 0) or f.use_synthetic_data,
  'on an evaluation alone, of real images',
)

_LOSS = (_NOT_EXPORT_ONLY,)
_LENGTH = (_NOT_EXPORT_ONLY, _NOT_EVAL_ONLY)
_TRAINING = (
  *_LENGTH,
  Condition(
    lambda f: f.train_epochs != 0, 'with --train_epochs 0, which trains nothing'
  ),
)

EFFECTS: Mapping[str, tuple[Condition, ...]] = {
  # What to run on, for how long, and where it goes.
  'clean': _TRAINING,
  # Not refused beside --eval_only: it is a part of what the run is called by.
  'train_epochs': (_NOT_EXPORT_ONLY,),
  'epochs_between_evals': (
    *_TRAINING,
    Condition(
      lambda f: not f.use_train_and_evaluate,
      'with --use_train_and_evaluate, which evaluates after checkpoints: see '
      '--save_checkpoints_steps',
    ),
    Condition(
      lambda f: (
        f.train_epochs is None
        or f.train_epochs > 1
        # As often as it evaluates anyway: what is asked for is what is done.
        or f.epochs_between_evals == 1
      ),
      'with --train_epochs 1, after which it evaluates anyway',
    ),
  ),
  'stop_threshold': (
    *_TRAINING,
    Condition(
      _evaluates_before_the_end,
      'where the only evaluation is that at the end: see --train_epochs and '
      '--epochs_between_evals, or --save_checkpoints_steps',
    ),
  ),
  'batch_size': _LOSS,
  'hooks': _TRAINING,
  'seed': (_NOT_EXPORT_ONLY, _TRAINING_OR_SYNTHETIC),
  'deterministic': _LOSS,
  'on_nan': _TRAINING,
  'save_checkpoints_steps': _TRAINING,
  'keep_checkpoint_max': _TRAINING,
  'log_steps': _TRAINING,
  'summaries': _TRAINING,
  # How to compute.
  'max_train_steps': (_NOT_EXPORT_ONLY, _TRAINING_OR_SYNTHETIC),
  'loss_scale': (
    *_TRAINING,
    Condition(lambda f: f.dtype == 'fp16', 'without --dtype fp16'),
  ),
  'all_reduce_alg': _LOSS,
  'num_packs': (
    *_LOSS,
    Condition(
      lambda f: f.all_reduce_alg in ('nccl', 'hierarchical_copy'),
      'without --all_reduce_alg nccl or hierarchical_copy',
    ),
    Condition(lambda f: not _is_cluster(f), 'with several workers'),
  ),
  'per_gpu_thread_count': (
    Condition(
      lambda f: f.tf_gpu_thread_mode in ('gpu_private', 'gpu_shared'),
      'without --tf_gpu_thread_mode gpu_private or gpu_shared',
    ),
  ),
  'datasets_num_private_threads': _LOSS,
  'enable_xla': _LOSS,
  'steps_per_loop': _TRAINING,
  'cluster_timeout': (Condition(_is_cluster, 'without several workers'),),
  # What to train and how.
  'fine_tune': _TRAINING,
  'pretrained_model_checkpoint_path': _TRAINING,
  'save_predictions': (*_LOSS, _REAL_IMAGES),
  'image_bytes_as_serving_input': (_EXPORT,),
  'export_formats': (_EXPORT,),
  'use_train_and_evaluate': _TRAINING,
  'optimizer': (
    *_TRAINING,
    Condition(
      lambda f: not f.enable_lars,
      'with --enable_lars, which is an optimizer itself',
    ),
  ),
  'enable_lars': _LOSS,
  'label_smoothing': _LOSS,
  'weight_decay': (
    *_LOSS,
    Condition(
      lambda f: not (f.enable_lars and (f.eval_only or f.train_epochs == 0)),
      'on an evaluation with --enable_lars, whose loss leaves it out',
    ),
  ),
  'base_lr': (*_TRAINING, _OWN_RATE),
  'lr_schedule': (*_TRAINING, _OWN_RATE),
  'momentum': (
    *_TRAINING,
    Condition(
      lambda f: f.optimizer in (None, 'momentum') or f.enable_lars,
      'without --optimizer momentum or --enable_lars',
    ),
  ),
  # Of networks that have them.
  'batch_norm_momentum': (*_TRAINING, _BATCH_NORM, _WHOLE_NETWORK),
  'sync_batch_norm': (*_TRAINING, _BATCH_NORM, _WHOLE_NETWORK),
  'dropout_rate': (*_TRAINING, _WHOLE_NETWORK),
  'auxiliary_heads': (*_TRAINING, _WHOLE_NETWORK),
  # Which data. Those of --data_dir and --dataset give synthetic images their
  # size, number and classes.
  'held_out_images': (_REAL_IMAGES,),
  'augment': (*_TRAINING, _REAL_IMAGES),
  'max_bad_examples': (_REAL_IMAGES,),
}


def check(flags_obj: flags.FlagValues) -> None:
  """Refuses flags that were given where they have no effect, all in a line.

  Raises:
    UsageError: there are such flags.
  """
  values = flags_obj.flag_values_dict()
  given = [name for name in EFFECTS if _is_asked(flags_obj, name)]
  by_reason: dict[str, list[str]] = {}
  for name, reason in _without_effect(given, values).items():
    by_reason.setdefault(reason, []).append(_as_typed(flags_obj[name]))
  told = [
    f'{_and(names)} {"have" if len(names) > 1 else "has"} no effect {reason}; '
    f'leave {"them" if len(names) > 1 else "it"} out'
    for reason, names in by_reason.items()
  ]
  if told:
    raise UsageError('. '.join(told))


def acting(arguments: Iterable[str], *more: str) -> list[str]:
  """Those of a run's flags that act in another call of its command.

  Args:
    arguments: flags as `parsing.arguments` writes them.
    *more: flags of the call, such as `--export_only`.
  """
  arguments = list(arguments)
  values = dict(map(_parsed, [*arguments, *more]))
  names = [_parsed(argument)[0] for argument in arguments]
  useless = _without_effect(names, values)
  return [a for a in arguments if _parsed(a)[0] not in useless]


def _without_effect(
  names: Iterable[str], values: Mapping[str, Any]
) -> dict[str, str]:
  """Those of the flags that have no effect, and why."""
  view = _Values(**values)
  found = {}
  for name in names:
    for condition in EFFECTS.get(name, ()):
      if not condition.holds(view):
        found[name] = condition.otherwise
        break
  return found


def _as_typed(flag: flags.Flag) -> str:
  """`--augment`, or `--noaugment`."""
  is_off = flag.boolean and not flag.value
  return f'--no{flag.name}' if is_off else f'--{flag.name}'


def _is_asked(flags_obj: flags.FlagValues, name: str) -> bool:
  """Whether a flag was given, and not only to say that it is off."""
  if name not in flags_obj or not flags_obj[name].present:
    return False
  flag = flags_obj[name]
  return bool(flag.value) or flag.value != flag.default


def _parsed(argument: str) -> tuple[str, Any]:
  """`--a=5` -> ('a', 5); `--a` -> ('a', True); `--noa` -> ('a', False)."""
  name, equals, value = argument.removeprefix('--').partition('=')
  if equals:
    return name, int(value) if re.fullmatch('-?[0-9]+', value) else value
  if name not in EFFECTS and name.removeprefix('no') in EFFECTS:
    return name.removeprefix('no'), False
  return name, True


def _and(words: list[str]) -> str:
  if len(words) == 1:
    return words[0]
  return f'{", ".join(words[:-1])} and {words[-1]}'
