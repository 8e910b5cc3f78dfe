"""Exporters, which decide after which evaluations to export."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from official.estimator import metric_values
from official.estimator.receivers import ReceiverFns

_RESULT = 'eval_result.json'

EvalResult = dict[str, Any]


class ExportsSavedModels(Protocol):
  """The methods of an Estimator that exporters use."""

  def export_saved_model(
    self,
    export_dir_base: str,
    serving_input_receiver_fn: ReceiverFns | None,
    assets_extra: Mapping[str, str] | None = None,
    checkpoint_path: str | None = None,
  ) -> str:
    """See `Estimator.export_saved_model`."""


class Exporter:
  """Exports to `<model_dir>/export/<name>` after evaluations that it wants.

  Args:
    name: Name of the directory; exporters of one `EvalSpec` need different
      ones.
    serving_input_receiver_fn: See `Estimator.export_saved_model`.
    assets_extra: See `Estimator.export_saved_model`.
    exports_to_keep: Number of the newest exports to keep; None for all.

  Attributes:
    name: As given.

  Raises:
    ValueError: `exports_to_keep` is not positive, or `name` is empty.
  """

  def __init__(
    self,
    name: str,
    serving_input_receiver_fn: ReceiverFns | None,
    assets_extra: dict[str, str] | None = None,
    exports_to_keep: int | None = None,
  ):
    if not isinstance(name, str) or not name:
      raise ValueError(
        f'An Exporter must have a non-empty string name, given: {name!r}'
      )
    if exports_to_keep is not None and exports_to_keep <= 0:
      raise ValueError(
        '`exports_to_keep`, if provided, must be a positive number. '
        f'Got {exports_to_keep}'
      )
    self.name = name
    self._receiver_fn = serving_input_receiver_fn
    self._assets_extra = assets_extra or {}
    self._exports_to_keep = exports_to_keep

  def export(
    self,
    estimator: ExportsSavedModels,
    export_path: str,
    checkpoint_path: str,
    eval_result: EvalResult,
    is_the_final_export: bool,
  ) -> str | None:
    """Exports a checkpoint if this exporter wants its evaluation.

    Args:
      estimator: The Estimator that evaluated.
      export_path: The folder of the exports of this exporter.
      checkpoint_path: The prefix of the checkpoint that was evaluated.
      eval_result: The result of `Estimator.evaluate`.
      is_the_final_export: Whether training has ended.

    Returns:
      The new directory, or None.
    """
    if not self._wants(export_path, eval_result, is_the_final_export):
      return None
    with tempfile.TemporaryDirectory() as scratch:
      # The result travels inside the export, so that the two appear together.
      source = os.path.join(scratch, _RESULT)
      with open(source, 'w', encoding='utf-8') as f:
        json.dump(
          {k: metric_values.as_json(v) for k, v in eval_result.items()}, f
        )
      path = estimator.export_saved_model(
        export_path,
        self._receiver_fn,
        self._assets_extra | {_RESULT: source},
        checkpoint_path,
      )
    if self._exports_to_keep:
      for old in _exports(export_path)[: -self._exports_to_keep]:
        shutil.rmtree(old)
    return path

  def _wants(
    self, export_path: str, eval_result: EvalResult, is_final: bool
  ) -> bool:
    """Whether to export after this evaluation."""
    raise NotImplementedError


class LatestExporter(Exporter):
  """Exports after every evaluation; keeps the 5 newest."""

  def __init__(
    self,
    name: str,
    serving_input_receiver_fn: ReceiverFns | None,
    assets_extra: dict[str, str] | None = None,
    exports_to_keep: int | None = 5,
  ):
    super().__init__(
      name, serving_input_receiver_fn, assets_extra, exports_to_keep
    )

  def _wants(
    self, export_path: str, eval_result: EvalResult, is_final: bool
  ) -> bool:
    return True


class FinalExporter(Exporter):
  """Exports once, at the end of training."""

  def _wants(
    self, export_path: str, eval_result: EvalResult, is_final: bool
  ) -> bool:
    return is_final


def loss_smaller(
  best_eval_result: EvalResult, current_eval_result: EvalResult
) -> bool:
  """Whether the current loss is strictly smaller than the best one."""
  return current_eval_result['loss'] < best_eval_result['loss']


class BestExporter(Exporter):
  """Exports when an evaluation is better than all before it.

  The best result is read from the newest export itself, so a restarted run
  never replaces a better model by a worse one.

  Args:
    name: See `Exporter`.
    serving_input_receiver_fn: See `Exporter`.
    compare_fn: Function of `best_eval_result` and `current_eval_result` that
      returns whether the second is better.
    assets_extra: See `Exporter`.
    exports_to_keep: See `Exporter`.
  """

  def __init__(
    self,
    name: str = 'best_exporter',
    serving_input_receiver_fn: ReceiverFns | None = None,
    compare_fn: Callable[..., bool] = loss_smaller,
    assets_extra: dict[str, str] | None = None,
    exports_to_keep: int | None = 5,
  ):
    super().__init__(
      name, serving_input_receiver_fn, assets_extra, exports_to_keep
    )
    self._compare_fn = compare_fn

  def _wants(
    self, export_path: str, eval_result: EvalResult, is_final: bool
  ) -> bool:
    exports = _exports(export_path)
    if not exports:
      return True
    with open(
      os.path.join(exports[-1], 'assets.extra', _RESULT), encoding='utf-8'
    ) as f:
      best = json.load(f)
    return self._compare_fn(
      best_eval_result=best, current_eval_result=eval_result
    )


def _exports(directory: str) -> list[str]:
  """Paths of the exports in a directory, the newest last."""
  if not os.path.isdir(directory):
    return []
  stamps = sorted(int(n) for n in os.listdir(directory) if n.isdigit())
  return [os.path.join(directory, str(stamp)) for stamp in stamps]
