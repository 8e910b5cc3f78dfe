"""The routes of the server, and its answers to requests with errors."""

import asyncio
import json
import logging
import os
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from official.serve import tensors
from official.serve.batching import Batcher, FullError
from official.serve.model import ServedModel, Signature
from official.serve.tensors import BadRequestError

logger = logging.getLogger(__name__)

_T = TypeVar('_T')

_PAGE = os.path.join(os.path.dirname(__file__), 'demo.html')
# Reading JSON of fewer bytes takes less time than waking a thread.
_BYTES_FOR_A_THREAD = 2**16
# The page contains its scripts and styles and loads nothing else.
_CONTENT_POLICY = (
  "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
  "img-src 'self' blob: data:"
)


def make_app(
  model: ServedModel,
  *,
  max_batch_size: int = 32,
  max_waiting: int = 256,
  max_request_bytes: int = 16 * 2**20,
  timeout: float = 30.0,
) -> web.Application:
  """The server of one model.

  Args:
    model: The model to serve.
    max_batch_size: The greatest number of examples that are computed together;
      1 computes each one separately.
    max_waiting: The greatest number of requests that wait; one more gets 429.
    max_request_bytes: The greatest size of a request in bytes; a larger one
      gets 413.
    timeout: The seconds that a request may take to arrive, otherwise it gets
      408, and the seconds until its answer, otherwise it gets 503.
  """
  app = web.Application(
    client_max_size=max_request_bytes, middlewares=[_errors(max_request_bytes)]
  )
  batcher = Batcher(max_batch_size, max_waiting)
  handlers = _Handlers(model, batcher, timeout)
  app.on_cleanup.append(handlers.close)
  name = r'/v1/models/{name}'
  for path in (name, name + r'/versions/{version}'):
    app.router.add_get(path, handlers.status)
    app.router.add_get(path + '/metadata', handlers.metadata)
    app.router.add_post(path + ':predict', handlers.predict)
  app.router.add_get('/', handlers.page)
  app.router.add_get('/demo.json', handlers.demo)
  return app


class _Handlers:
  """The handlers of the routes."""

  def __init__(self, model: ServedModel, batcher: Batcher, timeout: float):
    self._model, self._batcher, self._timeout = model, batcher, timeout
    with open(_PAGE, encoding='utf-8') as f:
      self._page = f.read()

  async def close(self, app: web.Application) -> None:
    del app
    self._batcher.close()

  async def page(self, request: web.Request) -> web.Response:
    del request
    return web.Response(
      text=self._page,
      content_type='text/html',
      headers={'Content-Security-Policy': _CONTENT_POLICY},
    )

  async def demo(self, request: web.Request) -> web.Response:
    """The properties of the model that the page needs, as JSON."""
    del request
    model = self._model
    pixels = model.pixels()
    return web.json_response({
      'name': model.name,
      'version': model.version,
      'class_names': model.class_names,
      'pixels': pixels and {'signature': pixels[0], 'shape': pixels[1]},
      'encoded': model.encoded(),
    })

  async def status(self, request: web.Request) -> web.Response:
    self._check_name(request)
    return web.json_response(self._model.status())

  async def metadata(self, request: web.Request) -> web.Response:
    self._check_name(request)
    return web.json_response(self._model.metadata())

  async def predict(self, request: web.Request) -> web.Response:
    self._check_name(request)
    try:
      async with asyncio.timeout(self._timeout):
        body = await request.read()
    except TimeoutError:
      raise web.HTTPRequestTimeout(
        text=f'the request took longer than {self._timeout:g} seconds to arrive'
      ) from None
    parsed, signature, arrays = await _without_blocking(
      len(body), lambda: self._parse(body)
    )
    try:
      async with asyncio.timeout(self._timeout):
        outputs = await self._batcher(signature, arrays)
    except TimeoutError:
      raise web.HTTPServiceUnavailable(
        text=f'there was no answer within {self._timeout:g} seconds'
      ) from None
    size = sum(array.nbytes for array in outputs.values())
    text = await _without_blocking(
      size, lambda: json.dumps(tensors.response(parsed, outputs))
    )
    return web.json_response(text=text)

  def _parse(
    self, body: bytes
  ) -> tuple[dict[str, Any], Signature, dict[str, np.ndarray]]:
    """The request, the signature that it names, and its inputs."""
    parsed = tensors.parse(body)
    signature = self._model.signature(parsed.get('signature_name'))
    return parsed, signature, tensors.arrays(parsed, signature.inputs)

  def _check_name(self, request: web.Request) -> None:
    name = request.match_info['name']
    if name != self._model.name:
      raise web.HTTPNotFound(
        text=f'there is no model {name!r:.80}, only {self._model.name!r}'
      )
    version = request.match_info.get('version', self._model.version)
    if version != self._model.version:
      raise web.HTTPNotFound(
        text=f'there is no version {version!r:.80}, only {self._model.version}'
      )


async def _without_blocking(size: int, function: Callable[[], _T]) -> _T:
  """Calls a function that reads or writes JSON.

  Large JSON is handled in a thread, so that other requests get answers
  meanwhile.

  Args:
    size: The size of the JSON in bytes, roughly.
    function: The function to call.
  """
  if size < _BYTES_FOR_A_THREAD:
    return function()
  return await asyncio.get_running_loop().run_in_executor(None, function)


def _errors(max_request_bytes: int) -> Middleware:
  """A middleware that turns each error into JSON with the key `error`.

  TensorFlow Serving does the same.
  """

  @web.middleware
  async def middleware(
    request: web.Request, handler: Handler
  ) -> web.StreamResponse:
    try:
      return await handler(request)
    except BadRequestError as e:
      return _error(400, str(e))
    except FullError as e:
      return _error(429, str(e), {'Retry-After': '1'})
    except web.HTTPRequestEntityTooLarge:
      return _error(
        413, f'a request may have at most {max_request_bytes:,} bytes'
      )
    except web.HTTPException as e:
      if e.status < 400:
        raise
      return _error(e.status, _reason(request, e), dict(e.headers))
    except Exception:  # Only this request fails; the server goes on.
      logger.exception('a request failed')
      return _error(500, 'the server failed; its output says why')

  return middleware


def _reason(request: web.Request, error: web.HTTPException) -> str:
  if error.status == 404 and error.text == '404: Not Found':
    return f'there is nothing at {request.path!r:.80}; see /v1/models/NAME'
  if error.status == 405:
    return f'{request.method:.20} is not possible at {request.path!r:.80}'
  return error.text or error.reason


def _error(
  status: int, message: str, headers: dict[str, str] | None = None
) -> web.Response:
  kept = {
    key: value
    for key, value in (headers or {}).items()
    if key in ('Allow', 'Retry-After')
  }
  return web.json_response({'error': message}, status=status, headers=kept)
