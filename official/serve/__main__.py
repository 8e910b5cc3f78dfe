"""Serves a SavedModel of images: a REST API, and a page to try it.

python -m official.serve --export_dir DIR

The page, at http://127.0.0.1:8501/, classifies a digit that you draw or an
image that you drop on it. The requests are those of TensorFlow Serving: POST
/v1/models/model:predict, GET /v1/models/model and /v1/models/model/metadata.
"""

import gc
import importlib.util
import socket

from absl import flags

from official import cli
from official.errors import UsageError, UserError
from official.export import folders as export_folders
from official.flags import checks, paths


def define_flags() -> None:
  """Defines the flags of this command."""
  paths.define('export_dir', None, 'A SavedModel, or a folder of SavedModels.')
  flags.DEFINE_string('model_name', 'model', 'NAME in /v1/models/NAME.')
  flags.DEFINE_string(
    'host',
    '127.0.0.1',
    'Address to listen at; the default is visible to this machine only.',
  )
  flags.DEFINE_integer('port', 8501, 'Port to listen at; 0 takes any free one.')
  flags.DEFINE_integer(
    'max_batch_size',
    32,
    'At most this many examples, of requests that wait at the same time, are '
    'computed together; 1 computes each one separately.',
  )
  flags.DEFINE_integer('max_waiting', 256, 'Number of requests that may wait.')
  flags.DEFINE_integer(
    'max_request_bytes', 16 * 2**20, 'Size that a request may have.'
  )
  flags.DEFINE_float('timeout', 30, 'Seconds a request may take.')
  checks.check('export_dir', _is_given)
  checks.check('model_name', _is_name)
  checks.check_range('port', 0, 65535)
  checks.check_range('max_batch_size', 1)
  checks.check_range('max_waiting', 1)
  checks.check_range('max_request_bytes', 1)
  checks.check_range('timeout', 0.1)


def _is_given(value: str | None) -> bool:
  if value:
    return True
  raise flags.ValidationError('--export_dir must name a SavedModel')


def _is_name(value: str) -> bool:
  if value and all(c.isalnum() or c in '._-' for c in value):
    return True
  raise flags.ValidationError(
    f'--model_name must be letters, digits and ._-, given: {value}'
  )


def main() -> None:
  """Loads the model and serves until a signal comes."""
  flags_obj = flags.FLAGS
  if importlib.util.find_spec('aiohttp') is None:
    raise UsageError(
      'the server needs aiohttp: pip install -r requirements-serve.txt'
    )
  export_dir = export_folders.newest_export(flags_obj.export_dir)
  listener = _listen(flags_obj.host, flags_obj.port)
  from aiohttp import web

  from official.serve.app import make_app
  from official.serve.model import ServedModel

  model = ServedModel(export_dir, flags_obj.model_name)
  model.warm_up()
  # TensorFlow's objects, about a million, stay until the end. Each time that
  # Python looked through them for garbage, every answer would wait for a
  # quarter of a second.
  gc.collect()
  gc.freeze()
  host, port = listener.getsockname()[:2]
  print(f'serving {export_dir}, version {model.version}')
  print(f'  page: http://{host}:{port}/')
  print(
    f'  REST: http://{host}:{port}/v1/models/{model.name}:predict', flush=True
  )
  web.run_app(
    make_app(
      model,
      max_batch_size=flags_obj.max_batch_size,
      max_waiting=flags_obj.max_waiting,
      max_request_bytes=flags_obj.max_request_bytes,
      timeout=flags_obj.timeout,
    ),
    sock=listener,
    access_log=None,
    print=None,
    shutdown_timeout=flags_obj.timeout,
  )
  print('stopped')


def _listen(host: str, port: int) -> socket.socket:
  """A socket at the address.

  It is made before the model is loaded, so that an address in use is reported
  at once.
  """
  try:
    return socket.create_server((host, port), backlog=512)
  except (OSError, OverflowError) as e:
    raise UserError(
      f'cannot listen at {host}:{port}: {e}; give another --port'
    ) from e


def run() -> None:
  """Runs the command."""
  define_flags()
  cli.run(main)


if __name__ == '__main__':
  run()
