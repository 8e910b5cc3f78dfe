"""What config.json tells of a run, besides what it may never change."""

import os
from typing import Any

from official import cli, environment, flag_parsing, run_directory
from official.datasets.image_dataset import ImageDataset

# Flags that say what to do with a run and where, not what it is.
OF_ONE_CALL = (
  *('clean', 'eval_only', 'export_dir', 'export_formats', 'model_dir'),
  *('image_bytes_as_serving_input', 'distribution_strategy', 'num_gpus'),
  *('worker_hosts', 'task_index', 'cluster_timeout', 'sync_batch_norm'),
  *('all_reduce_alg', 'num_packs', 'save_predictions', 'summaries'),
)


def config(flags_obj: Any, dataset: ImageDataset) -> dict[str, Any]:
  """Every flag, the data, the machine and how to do it again."""
  is_command = flag_parsing.is_command_line(flags_obj)
  return flag_parsing.value_dict(flags_obj) | {
    'class_names': dataset.class_names,
    'num_images': dict(dataset.num_images),
    'environment': environment.describe(),
    # What an export in another process needs.
    'main': cli.main_module() if is_command else None,
    'arguments': flag_parsing.arguments(flags_obj, but=OF_ONE_CALL),
    'working_dir': os.getcwd(),
  }


def trains(flags_obj: Any) -> bool:
  """Whether the flags ask for training, and not for a look at what is there."""
  only_looks = flags_obj.eval_only or flags_obj.export_only
  return not only_looks and flags_obj.train_epochs > 0


def are_unknown(flags_obj: Any, model_dir: str) -> bool:
  """Whether later commands must be told what is evaluated, a lone one."""
  return flags_obj.eval_only and not run_directory.read_config(model_dir)


def training(flags_obj: Any) -> dict[str, Any]:
  """What a run cannot go on without: its variables and its place in the data.

  Epochs, rate, decay and the like may change.
  """
  names = ('batch_size', 'enable_lars', 'fine_tune', 'optimizer', 'seed')
  return {name: getattr(flags_obj, name) for name in names} | {
    'loss_scale': 'dynamic' if flags_obj.loss_scale == 'dynamic' else 'fixed',
  }
