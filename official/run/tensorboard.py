"""Summaries for TensorBoard: graph, images, filters, settings, histograms."""

import importlib.util
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from official import estimator as estimator_lib
from official.datasets.image_dataset import ImageDataset
from official.errors import UsageError
from official.flags import Settings
from official.images import filter_images, to_uint8
from official.run import config as run_config

_IMAGES = 8
_LOOP = 'while/'
_ENLARGED = 6  # pixels for each weight of a filter
_HPARAMS_PACKAGE = 'tensorboard.plugins.hparams.summary_v2'


def check(settings: Settings) -> None:
  """Checks that the summaries of `--summaries` can be written.

  Raises:
    UsageError: Hyper-parameters are asked for, but TensorBoard is missing.
  """
  kinds = {kind.lower() for kind in settings.summaries}
  is_asked = settings.is_given('summaries') and 'hparams' in kinds
  if is_asked and not is_installed():
    raise UsageError(
      '--summaries hparams needs TensorBoard: pip install -r '
      'requirements-tensorboard.txt'
    )


def is_installed() -> bool:
  """Whether TensorBoard itself is installed."""
  return importlib.util.find_spec('tensorboard') is not None


class TensorBoardHook(estimator_lib.Hook):
  """Writes summaries to the event file of a run, at each call of `train`.

  Args:
    kinds: The kinds of summaries to write, from `flags.SUMMARIES`.
    dataset: The data set whose images are shown, as the network gets them.
    hparams: Settings by name, for the table of hyper-parameters.
  """

  def __init__(
    self,
    kinds: Sequence[str],
    dataset: ImageDataset,
    hparams: Mapping[str, Any],
  ):
    self._kinds = {kind.lower() for kind in kinds}
    self._dataset = dataset
    self._hparams = hparams
    self._began = False

  def begin(self, run: estimator_lib.Run) -> None:
    """See `Hook`."""
    if self._began:
      return
    self._began = True
    writer = run.estimator.event_writer()
    if 'graph' in self._kinds:
      graph = run.estimator.graph(estimator_lib.ModeKeys.TRAIN)
      assert graph is not None  # The network is built before hooks begin.
      writer.write_graph(_without_loop(graph.as_graph_def()))
    if 'images' in self._kinds:
      self._write_images(writer, run.global_step)
    if 'hparams' in self._kinds and is_installed():
      for summary in _hparams_summaries(self._hparams):
        writer.write_summary(summary, run.global_step)
    self._write_variables(run)

  def end(self, run: estimator_lib.Run) -> None:
    """See `Hook`."""
    self._write_variables(run)

  def _write_images(self, writer: Any, step: int) -> None:
    images, _ = next(
      iter(self._dataset.input_fn(True, _IMAGES, start_step=step))
    )
    for i, image in enumerate(images.numpy()):
      writer.write_image(f'images/train/{i}', to_uint8(image), step)

  def _write_variables(self, run: estimator_lib.Run) -> None:
    writer, step = run.estimator.event_writer(), run.global_step
    trained = {
      name: variable
      for name, variable in run.estimator.variables.items()
      if variable.trainable
    }
    if 'filters' in self._kinds:
      kernels = [v for v in trained.values() if v.shape.rank == 4]
      if kernels:
        writer.write_image('filters', grid(kernels[0].numpy()), step)
    if 'histograms' in self._kinds:
      for name, variable in trained.items():
        writer.write_histogram(f'weights/{name}', variable.numpy(), step)
    writer.flush()


def _without_loop(graph: tf.compat.v1.GraphDef) -> tf.compat.v1.GraphDef:
  """The graph with its nodes outside the scope of the loop over steps."""

  def bare(name: str) -> str:
    control = '^' if name.startswith('^') else ''
    return control + name.removeprefix('^').removeprefix(_LOOP)

  if len({bare(node.name) for node in graph.node}) == len(graph.node):
    for node in graph.node:
      node.name = bare(node.name)
      node.input[:] = [bare(name) for name in node.input]
  return graph


def grid(kernel: np.ndarray) -> np.ndarray:
  """The filters [k, k, C, F] as one picture uint8 [H, W, 1 or 3].

  Filters over 1 or 3 channels stay unchanged; others become their mean over the
  channels.
  """
  filters = filter_images(kernel)
  count, size, _, channels = filters.shape
  columns = int(np.ceil(np.sqrt(count)))
  rows = -(-count // columns)
  tiles = np.full([rows * columns, size + 1, size + 1, channels], filters.min())
  tiles[:count, :size, :size] = filters
  tiles = tiles.reshape([rows, columns, size + 1, size + 1, channels])
  grid_of_tiles = np.moveaxis(tiles, 2, 1).reshape([
    rows * (size + 1),
    columns * (size + 1),
    channels,
  ])
  enlarged = to_uint8(grid_of_tiles).repeat(_ENLARGED, axis=0)
  return enlarged.repeat(_ENLARGED, axis=1)


def hparams_of(settings: Settings) -> dict[str, Any]:
  """The settings of the run itself, first those that are not at their default.

  TensorBoard shows only the first columns unless a user asks for more.
  """
  changed = settings.invocation.changed if settings.invocation else {}
  hparams = {
    name: value
    for name, value in settings.as_dict().items()
    if isinstance(value, bool | int | float | str)
    and name not in run_config.OF_ONE_CALL
  }
  return dict(sorted(hparams.items(), key=lambda item: item[0] not in changed))


def _hparams_summaries(
  hparams: Mapping[str, Any],
) -> list[tf.compat.v1.Summary]:
  """The settings of a run, and the results to show beside them."""
  package = importlib.import_module(_HPARAMS_PACKAGE)
  columns = package.hparams_config_pb(
    hparams=[package.HParam(name) for name in hparams],
    metrics=[
      package.Metric(name, group='eval') for name in ('accuracy', 'loss')
    ],
  )
  values = package.hparams_pb(dict(hparams), start_time_secs=time.time())
  # TensorBoard has message classes of its own, so these are serialized first.
  return [
    tf.compat.v1.Summary.FromString(message.SerializeToString())
    for message in (columns, values)
  ]
