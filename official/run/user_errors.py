"""Errors of a run that the user can correct, each as one line."""

import contextlib
import os
from collections.abc import Iterator, Sequence

import tensorflow as tf

from official import estimator as estimator_lib
from official import tensorflow_errors
from official.datasets.image_dataset import ImageDataset
from official.errors import UsageError, UserError, file_errors_as_user_errors
from official.run import console

# Errors of TensorFlow where a file cannot be read or written.
_OF_FILES = (
  tf.errors.FailedPreconditionError,
  tf.errors.NotFoundError,
  tf.errors.PermissionDeniedError,
  tf.errors.ResourceExhaustedError,
)
# Errors of TensorFlow where an op that reads an example cannot use it.
_OF_EXAMPLES = (tf.errors.InvalidArgumentError, tf.errors.DataLossError)
_INPUT_OP = 'IteratorGetNext'


@contextlib.contextmanager
def converted(
  dataset: ImageDataset, folders: Sequence[str | None]
) -> Iterator[None]:
  """Within it such errors become `UserError`s; a bug keeps its traceback.

  Args:
    dataset: The data set of the run.
    folders: The files and folders that the user named.
  """
  try:
    with file_errors_as_user_errors(folders):
      yield
  except estimator_lib.WarmStartError as e:
    raise UsageError(_of_warm_start(e)) from e
  except estimator_lib.IncompatibleCheckpointError as e:
    raise UsageError(str(e)) from e
  except estimator_lib.NanLossDuringTrainingError as e:
    raise UserError(
      f'{e} Try a lower --base_lr, or --on_nan restore, which halves the rate'
    ) from e
  except (
    estimator_lib.CheckpointWriteError,
    estimator_lib.WorkerLostError,
  ) as e:
    raise UserError(str(e)) from e
  except tf.errors.OpError as e:
    if isinstance(e, _OF_FILES) and _names(e, folders):
      raise UserError(tensorflow_errors.reason(e)) from e
    of_input = isinstance(e, _OF_EXAMPLES) and _INPUT_OP in e.message
    if of_input and dataset.check is not None:
      console.say('an example cannot be used; looking for all such examples')
      dataset.check()  # Raises an error with their names.
    raise


def _of_warm_start(error: estimator_lib.WarmStartError) -> str:
  flag = '--pretrained_model_checkpoint_path'
  if isinstance(error, estimator_lib.IncompleteWarmStartError):
    return (
      f'--fine_tune trains only the dense layer, but {error}; give {flag} a '
      'checkpoint of the same network'
    )
  return f'{flag}: {error}'


def _names(error: tf.errors.OpError, folders: Sequence[str | None]) -> bool:
  """Whether a message names a file in one of the folders."""
  return any(f and os.path.join(f, '') in error.message for f in folders)
