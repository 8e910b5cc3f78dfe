"""The server: TensorFlow Serving's requests, limits, and malformed requests.

Each test asks a server on a real socket of this machine.
"""

import asyncio
import base64
import contextlib
import signal
import socket
import subprocess
import sys

import aiohttp
import numpy as np
import pytest
import tensorflow as tf

from official.serve.app import make_app
from official.serve.model import ServedModel
from tests import malformed
from tests.conftest import ROOT

ROW = malformed.VALID['instances'][0]


class Sums(tf.Module):
  """Returns how bright images are: uint8 pixels, PNG files, two maps."""

  @tf.function(input_signature=[tf.TensorSpec([None, 4, 4, 1], tf.uint8)])
  def pixels(self, input):
    total = tf.reduce_sum(tf.cast(input, tf.float32), [1, 2, 3])
    probabilities = tf.stack([total, 1 - total], 1)
    return {
      'classes': tf.argmax(probabilities, 1),
      'probabilities': probabilities,
    }

  @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
  def encoded(self, image_bytes):
    images = tf.map_fn(
      lambda image: tf.ensure_shape(tf.io.decode_png(image, 1), [4, 4, 1]),
      image_bytes,
      fn_output_signature=tf.uint8,
    )
    return self.pixels(images)

  @tf.function(
    input_signature=[
      tf.TensorSpec([None], tf.float32),
      tf.TensorSpec([None], tf.float32),
    ]
  )
  def pair(self, a, b):
    return {'sum': a + b}

  @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
  def scalar(self, x):
    return {'twice': 2 * x}


@pytest.fixture(scope='module')
def export(tmp_path_factory):
  folder = tmp_path_factory.mktemp('export') / '12'
  model = Sums()
  tf.saved_model.save(
    model,
    str(folder),
    {
      'serving_default': model.pixels,
      'image_bytes': model.encoded,
      'pair': model.pair,
      'scalar': model.scalar,
    },
  )
  (folder / 'assets.extra').mkdir()
  (folder / 'assets.extra' / 'class_names.txt').write_text('dark\nlight\n')
  return folder


@pytest.fixture(scope='module')
def model(export):
  served = ServedModel(str(export), 'model')
  served.warm_up()
  return served


@contextlib.asynccontextmanager
async def served(model, **settings):
  """A session whose paths are those of a server; and its port."""
  runner = aiohttp.web.AppRunner(make_app(model, **settings), access_log=None)
  await runner.setup()
  site = aiohttp.web.TCPSite(runner, '127.0.0.1', 0)
  await site.start()
  port = runner.addresses[0][1]
  try:
    async with aiohttp.ClientSession(f'http://127.0.0.1:{port}') as session:
      yield session, port
  finally:
    await runner.cleanup()


def ask(model, path, body=None, *, method=None, **settings):
  """Status and JSON of one answer."""

  async def run():
    async with served(model, **settings) as (session, _):
      verb = method or ('GET' if body is None else 'POST')
      kind = 'data' if isinstance(body, bytes) else 'json'
      async with session.request(verb, path, **{kind: body}) as response:
        return response.status, await response.json()

  return asyncio.run(run())


def predict(model, body, **settings):
  return ask(model, '/v1/models/model:predict', body, **settings)


SUM = 7 * 16


def test_instances_are_answered_in_rows_and_inputs_in_columns(model):
  rows = [{'classes': 0, 'probabilities': [SUM, 1 - SUM]}]
  assert predict(model, {'instances': [ROW]}) == (200, {'predictions': rows})
  assert predict(model, {'instances': [{'input': ROW}]}) == (
    200,
    {'predictions': rows},
  )
  columns = {'classes': [0, 0], 'probabilities': [[SUM, 1 - SUM]] * 2}
  for inputs in ([ROW, ROW], {'input': [ROW, ROW]}):
    assert predict(model, {'inputs': inputs}) == (200, {'outputs': columns})


def test_more_examples_than_a_batch_holds_are_computed_in_turn(model):
  rows = [[[[i % 256]] * 4] * 4 for i in range(70)]
  status, answer = predict(model, {'inputs': rows}, max_batch_size=32)
  sums = [row[0] for row in answer['outputs']['probabilities']]
  assert (status, sums) == (200, [16 * i for i in range(70)])


def test_a_signature_by_name_and_a_lone_output_without_its_name(model):
  named = {'signature_name': 'pair', 'instances': [{'a': 1, 'b': 2.5}]}
  assert predict(model, named) == (200, {'predictions': [3.5]})
  columns = {'signature_name': 'pair', 'inputs': {'a': [1, 2], 'b': [3, 4]}}
  assert predict(model, columns) == (200, {'outputs': [4, 6]})
  scalar = {'signature_name': 'scalar', 'inputs': 4}
  assert predict(model, scalar) == (200, {'outputs': 8})


def test_encoded_images_in_base64(model):
  png = tf.io.encode_png(np.full([4, 4, 1], 7, np.uint8)).numpy()
  body = {
    'signature_name': 'image_bytes',
    'instances': [{'b64': base64.b64encode(png).decode()}],
  }
  status, answer = predict(model, body)
  assert (status, answer['predictions'][0]['probabilities'][0]) == (200, SUM)


def test_status_and_metadata_are_those_of_tensorflow_serving(model):
  for path in ('/v1/models/model', '/v1/models/model/versions/12'):
    status, answer = ask(model, path)
    assert status == 200
    assert answer['model_version_status'][0] == {
      'version': '12',
      'state': 'AVAILABLE',
      'status': {'error_code': 'OK', 'error_message': ''},
    }
  status, answer = ask(model, '/v1/models/model/metadata')
  assert answer['model_spec'] == {
    'name': 'model',
    'signature_name': '',
    'version': '12',
  }
  signatures = answer['metadata']['signature_def']['signature_def']
  assert set(signatures) == {'serving_default', 'image_bytes', 'pair', 'scalar'}
  default = signatures['serving_default']
  assert default['method_name'] == 'tensorflow/serving/predict'
  assert default['inputs']['input']['dtype'] == 'DT_UINT8'
  sizes = [d['size'] for d in default['inputs']['input']['tensor_shape']['dim']]
  assert sizes == ['-1', '4', '4', '1']


@pytest.mark.parametrize(
  'path, body, status, message',
  [
    ('/v1/models/no:predict', malformed.VALID, 404, "there is no model 'no'"),
    ('/v1/models/model/versions/3', None, 404, "there is no version '3'"),
    ('/nothing', None, 404, "there is nothing at '/nothing'"),
    (
      '/v1/models/model',
      b'',
      405,
      "POST is not possible at '/v1/models/model'",
    ),
    (':predict', {'instances': [1]}, 400, 'must have the shape [any, 4, 4, 1]'),
    (
      ':predict',
      {'instances': [[[[256]] * 4] * 4]},
      400,
      '0 to 255, given: 256',
    ),
    (':predict', {'instances': [[[[0.5]] * 4] * 4]}, 400, 'be whole numbers'),
    (':predict', {'instances': [], 'x': 1}, 400, "unknown key: 'x'"),
    (':predict', b'{"inputs": NaN}', 400, 'NaN is not a number of JSON'),
    (
      ':predict',
      {'instances': [ROW], 'signature_name': 'x'},
      400,
      'no signature',
    ),
  ],
)
def test_what_cannot_be_answered_is_told_in_one_line(
  model, path, body, status, message
):
  path = f'/v1/models/model{path}' if path.startswith(':') else path
  found, answer = ask(model, path, body)
  assert (found, list(answer)) == (status, ['error'])
  assert message in answer['error'] and '\n' not in answer['error']


def test_a_thousand_malformed_requests_and_then_a_right_one(model):
  """900 bodies and 100 that are not HTTP: 4xx each, and the server lives."""

  async def raw(port, request):
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    writer.write(request)
    head = await reader.read(64)
    writer.close()
    return int(head.split()[1])

  async def run():
    found = []
    async with served(model, max_request_bytes=500_000) as (session, port):
      for body in malformed.bodies(900):
        async with session.post(
          '/v1/models/model:predict', data=body
        ) as response:
          found.append((response.status, body))
          assert list(await response.json()) == ['error']
      for request in malformed.http(100):
        found.append((await raw(port, request), request))
      async with session.post(
        '/v1/models/model:predict', json=malformed.VALID
      ) as response:
        return found, response.status, await response.json()

  found, status, answer = asyncio.run(run())
  assert len(found) == 1000
  assert [(s, b[:80]) for s, b in found if not 400 <= s < 500] == []
  assert {413, 400} <= {s for s, _ in found}
  assert (status, answer['predictions'][0]['probabilities'][0]) == (200, SUM)


def test_requests_that_wait_are_computed_together_and_a_bad_one_alone_fails(
  model,
):
  """64 clients at once: each gets its own answer, two of them an error."""
  signature = model.signature('image_bytes')
  sizes = []
  function = signature._function

  def counting(**tensors):
    sizes.append(len(tensors['image_bytes']))
    return function(**tensors)

  def body(value):
    png = tf.io.encode_png(np.full([4, 4, 1], value, np.uint8)).numpy()
    if value in (20, 40):
      png = b'no image'
    return {
      'signature_name': 'image_bytes',
      'instances': [{'b64': base64.b64encode(png).decode()}],
    }

  async def one(session, value):
    async with session.post(
      '/v1/models/model:predict', json=body(value)
    ) as response:
      return response.status, await response.json()

  async def run():
    async with served(model, max_batch_size=16) as (session, _):
      return await asyncio.gather(*(one(session, i) for i in range(64)))

  signature._function = counting
  try:
    answers = asyncio.run(run())
  finally:
    signature._function = function
  for value, (status, answer) in enumerate(answers):
    if value in (20, 40):
      assert status == 400 and 'the model cannot use it' in answer['error']
    else:
      assert answer['predictions'][0]['probabilities'][0] == 16 * value
  assert max(sizes) <= 16 and len([s for s in sizes if s > 1]) >= 3


def test_too_many_that_wait_get_429_and_a_slow_one_408(model):
  async def run():
    async with served(model, max_waiting=1, timeout=0.2) as (session, port):

      async def one():
        async with session.post(
          '/v1/models/model:predict', json=malformed.VALID
        ) as response:
          return response.status, response.headers.get('Retry-After')

      many = await asyncio.gather(*(one() for _ in range(40)))
      reader, writer = await asyncio.open_connection('127.0.0.1', port)
      writer.write(
        b'POST /v1/models/model:predict HTTP/1.1\r\nHost: a\r\n'
        b'Content-Length: 100\r\n\r\n{'
      )
      slow = await reader.read(64)
      writer.close()
      return many, slow, (await one())[0]

  many, slow, after = asyncio.run(run())
  assert {(200, None), (429, '1')} == set(many)
  assert slow.startswith(b'HTTP/1.1 408')
  assert after == 200


def test_the_page_is_one_file_and_knows_the_model(model):
  async def run():
    async with served(model) as (session, _):
      async with session.get('/') as response:
        page = await response.text()
        assert (
          "default-src 'self'" in (response.headers['Content-Security-Policy'])
        )
      async with session.get('/demo.json') as response:
        return page, await response.json()

  page, info = asyncio.run(run())
  assert 'http://' not in page and 'https://' not in page
  assert info == {
    'name': 'model',
    'version': '12',
    'class_names': ['dark', 'light'],
    'pixels': {'signature': 'serving_default', 'shape': [4, 4, 1]},
    'encoded': 'image_bytes',
  }


@pytest.mark.slow
def test_the_command_names_a_port_that_is_taken(export, run):
  with socket.create_server(('127.0.0.1', 0)) as taken:
    port = taken.getsockname()[1]
    wrong = run(
      '-m', 'official.serve', f'--export_dir={export}', f'--port={port}'
    )
    assert (wrong.returncode, wrong.stdout) == (1, '')
    assert f'cannot listen at 127.0.0.1:{port}' in wrong.stderr
    assert len(wrong.stderr.splitlines()) == 1


def test_the_command_serves_until_a_signal(export):
  process = subprocess.Popen(
    [
      *(sys.executable, '-m', 'official.serve'),
      *(f'--export_dir={export.parent}', '--port=0', '--model_name=sums'),
    ],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )
  lines = [process.stdout.readline() for _ in range(3)]
  assert lines[0] == f'serving {export}, version 12\n'
  url = lines[2].split()[1]
  assert url.endswith('/v1/models/sums:predict')

  async def ask_it():
    async with (
      aiohttp.ClientSession() as session,
      session.post(url, json=malformed.VALID) as response,
    ):
      return response.status

  assert asyncio.run(ask_it()) == 200
  process.send_signal(signal.SIGTERM)
  out, err = process.communicate(timeout=20)
  assert (process.returncode, out, err) == (0, 'stopped\n', '')
