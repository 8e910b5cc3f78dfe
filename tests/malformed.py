"""Requests that a server must answer with a status of 4xx.

Bodies for `:predict` of a model that takes uint8 [N, 4, 4, 1] as `input`, and
whole HTTP requests as bytes.
"""

import json
import random
from collections.abc import Iterator

VALID = {'instances': [[[[7]] * 4] * 4]}
_ROW = VALID['instances'][0]

_WRONG_BODIES = [
  b'',
  b'\x00',
  b'\xff\xfe\x00',
  b'{',
  b'[' * 100_000,
  b'{"instances": ' + b'[' * 5_000 + b']' * 5_000 + b'}',
  b'null',
  b'3',
  b'"instances"',
  b'[]',
  b'{}',
  b'{"instances": NaN}',
  b'{"instances": [[[[Infinity]]]]}',
  b'{"instances": 1e999}',
  *(
    json.dumps(body).encode()
    for body in (
      {'instances': []},
      {'instances': {}},
      {'instances': None},
      {'instances': [None]},
      {'instances': 'abc'},
      {'instances': [[]]},
      {'instances': [1]},
      {'instances': [_ROW[:3]]},
      {'instances': [_ROW, _ROW[:3]]},
      {'instances': [[[[7, 7]] * 4] * 4]},
      {'instances': [[[[256]] * 4] * 4]},
      {'instances': [[[[-1]] * 4] * 4]},
      {'instances': [[[[1.5]] * 4] * 4]},
      {'instances': [[[[True]] * 4] * 4]},
      {'instances': [[[['7']] * 4] * 4]},
      {'instances': [[[[10**30]] * 4] * 4]},
      {'instances': [[[[None]] * 4] * 4]},
      {'instances': [{'wrong': _ROW}]},
      {'instances': [{'input': _ROW, 'more': 1}]},
      {'instances': [_ROW, {'input': _ROW[:3]}]},
      {'instances': [_ROW], 'inputs': [_ROW]},
      {'instances': [_ROW], 'unknown': 1},
      {'instances': [_ROW], 'signature_name': 'none'},
      {'instances': [_ROW], 'signature_name': 3},
      {'instances': [{'b64': 'AAAA'}]},
      {'instances': [{'b64': 'AAAA'}], 'signature_name': 'image_bytes'},
      {'instances': [{'b64': '?'}], 'signature_name': 'image_bytes'},
      {'instances': [{'b64': 3}], 'signature_name': 'image_bytes'},
      {'instances': [3], 'signature_name': 'image_bytes'},
      {'instances': ['text'], 'signature_name': 'image_bytes'},
      {'inputs': None},
      {'inputs': {}},
      {'inputs': []},
      {'inputs': {'input': []}},
      {'inputs': {'input': [_ROW], 'more': 1}},
      {'inputs': _ROW},
      {'inputs': 'x' * 1_000_000},
    )
  ),
]

# Pieces of JSON, to be inserted anywhere.
_TOKENS = [b'[', b']', b'{', b'"', b'-', b'1e9', b'null']

_WRONG_HTTP = [
  b'\r\n\r\n\r\nx\r\n\r\n',
  b'GET\r\n\r\n',
  b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' + bytes(64) + b'\r\n\r\n',
  b'GET / HTTP/9.9\r\n\r\n',
  b'POST /v1/models/model:predict HTTP/1.1\r\nContent-Length: x\r\n\r\n',
  b'POST /v1/models/model:predict HTTP/1.1\r\nContent-Length: -5\r\n\r\n',
  b'GET / HTTP/1.1\r\nHost: a\r\nBad Header\r\n\r\n',
  b'GET / HTTP/1.1\r\nX: ' + b'a' * 100_000 + b'\r\n\r\n',
  b'GET /' + b'a' * 100_000 + b' HTTP/1.1\r\n\r\n',
  b'POST /v1/models/model:predict HTTP/1.1\r\nHost: a\r\n'
  b'Transfer-Encoding: chunked\r\n\r\nzz\r\n',
  b'DELETE /v1/models/model:predict HTTP/1.1\r\nHost: a\r\n\r\n',
  b'GET /v1/models/none HTTP/1.1\r\nHost: a\r\n\r\n',
  b'GET /v1/models/model/versions/0 HTTP/1.1\r\nHost: a\r\n\r\n',
  b'GET /v1/models/model:classify HTTP/1.1\r\nHost: a\r\n\r\n',
  b'GET /../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n',
  b'GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n',
]


def bodies(count: int, seed: int = 0) -> Iterator[bytes]:
  """Yields `count` bodies: the list, then valid requests broken at random."""
  yield from _WRONG_BODIES[:count]
  rng = random.Random(seed)
  missing = count - len(_WRONG_BODIES)
  while missing > 0:
    body = _broken(rng)
    if not _may_be_valid(body):
      missing -= 1
      yield body


def http(count: int) -> Iterator[bytes]:
  """Yields `count` whole requests, by repeating the list."""
  for i in range(count):
    yield _WRONG_HTTP[i % len(_WRONG_HTTP)]


def _broken(rng: random.Random) -> bytes:
  body = bytearray(json.dumps(VALID).encode())
  for _ in range(rng.randint(1, 4)):
    position = rng.randrange(len(body))
    kind = rng.randrange(4)
    if kind == 0:
      del body[position:]
    elif kind == 1:
      body[position] = rng.randrange(256)
    elif kind == 2:
      del body[position : position + rng.randint(1, 9)]
    else:
      body[position:position] = rng.choice(_TOKENS)
    if not body:
      break
  return bytes(body)


def _may_be_valid(body: bytes) -> bool:
  """Returns whether only the numbers changed, so that 200 is right."""
  try:
    request = json.loads(body)
    images = request['instances']
    return set(request) == {'instances'} and all(
      isinstance(value, int)
      and not isinstance(value, bool)
      and 0 <= value < 256
      for image in images
      for row in image
      for pixel in row
      for value in pixel
    )
  except (ValueError, KeyError, TypeError, RecursionError):
    return False
