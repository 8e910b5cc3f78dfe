"""What the first bytes of a file say about the image in it.

Every header is read before any image is decoded: decoding a data set takes
hours, and a file that cannot be used should be named at once.
"""

import os
import stat
import struct
from typing import BinaryIO, NamedTuple

from official.datasets import image_formats
from official.datasets.limits import MAX_PIXELS

_HEAD = 128  # bytes, which hold the size in every format except JPEG
# Markers of JPEG segments. A start of frame, which holds the size, is C0 to CF
# except C4 (Huffman tables), C8 (reserved) and CC (arithmetic coding).
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
_JPEG_END, _JPEG_SCAN = 0xD9, 0xDA


class Inspection(NamedTuple):
  """The result of inspecting a file.

  Attributes:
    is_image: Whether its name or its first bytes say that it is an image.
    problem: The reason why it cannot be used; None where its header shows none.
  """

  is_image: bool
  problem: str | None


def has_image_ending(name: str) -> bool:
  """Returns whether the name of a file has an image's ending."""
  endings = image_formats.READ_ENDINGS + image_formats.UNREAD_ENDINGS
  return name.lower().endswith(endings)


def inspect(path: str) -> Inspection:
  """Reads the first bytes of a file; never waits, as a pipe would."""
  is_named = has_image_ending(path)
  try:
    if not stat.S_ISREG(os.stat(path).st_mode):
      return Inspection(is_named, 'a pipe, a socket or a device, not a file')
    with open(path, 'rb') as f:
      head = f.read(_HEAD)
      kind = _format_of(head)
      if kind is not None:
        return Inspection(True, _problem(kind, head.ljust(_HEAD, b'\0'), f))
  except FileNotFoundError:
    return Inspection(is_named, 'a link to what is not there')
  except OSError as e:
    return Inspection(is_named, f'it cannot be read: {e.strerror or e}')
  if not head:
    return Inspection(is_named, 'it is empty')
  ending = os.path.splitext(path)[1].lower()
  if ending in image_formats.UNREAD_ENDINGS:
    return Inspection(True, _not_read(ending[1:].upper()))
  return Inspection(is_named, image_formats.NOT_AN_IMAGE)


def _format_of(head: bytes) -> str | None:
  signatures = image_formats.READ_SIGNATURES | image_formats.UNREAD_SIGNATURES
  for signature, kind in signatures.items():
    if head.startswith(signature):
      return kind
  if head.startswith(image_formats.RIFF) and head.startswith(
    image_formats.WEBP, image_formats.WEBP_AT
  ):
    return 'WebP'
  is_boxed = head[4:8] == b'ftyp'
  return image_formats.UNREAD_BRANDS.get(head[8:12]) if is_boxed else None


def _problem(kind: str, head: bytes, f: BinaryIO) -> str | None:
  if kind in (
    *image_formats.UNREAD_SIGNATURES.values(),
    *image_formats.UNREAD_BRANDS.values(),
  ):
    return _not_read(kind)
  if kind == 'WebP' and _is_animated(head):
    return image_formats.ANIMATED_WEBP
  width, height = _size(kind, head, f)
  if width * height <= MAX_PIXELS:
    return None
  return f'it has {width:,} x {height:,} pixels, more than {MAX_PIXELS:,}'


def _is_animated(head: bytes) -> bool:
  flags = head[image_formats.WEBP_FLAGS_AT]
  return (
    _webp_chunk(head) == image_formats.WEBP_EXTENDED
    and flags & image_formats.WEBP_ANIMATED != 0
  )


def _webp_chunk(head: bytes) -> bytes:
  start = image_formats.WEBP_CHUNK_AT
  return head[start : start + 4]


def _not_read(kind: str) -> str:
  return f'{kind} is not read; save it as PNG'


def _size(kind: str, head: bytes, f: BinaryIO) -> tuple[int, int]:
  """Returns width and height by the header; 0 where the header has none."""
  if kind == 'JPEG':
    return _jpeg_size(f)
  if kind == 'PNG':
    width, height = struct.unpack_from('>II', head, 16)
  elif kind == 'GIF':
    width, height = struct.unpack_from('<HH', head, 6)
  elif kind == 'BMP':
    width, height = struct.unpack_from('<ii', head, 18)
    height = abs(height)  # Negative where the first row is the highest.
    width = abs(width)
  else:
    width, height = _webp_size(head)
  return width, height


def _webp_size(head: bytes) -> tuple[int, int]:
  """Width and height, by developers.google.com/speed/webp/docs."""
  chunk = _webp_chunk(head)
  if chunk == image_formats.WEBP_LOSSLESS:  # 14 bits each, one less.
    (bits,) = struct.unpack_from('<I', head, 21)
    return bits % 2**14 + 1, bits // 2**14 % 2**14 + 1
  if chunk == image_formats.WEBP_EXTENDED:  # 24 bits each, one less.
    width = int.from_bytes(head[24:27], 'little') + 1
    return width, int.from_bytes(head[27:30], 'little') + 1
  # 14 bits each, and 2 bits that ask for a scale.
  width, height = struct.unpack_from('<HH', head, 26)
  return width % 2**14, height % 2**14


def _jpeg_size(f: BinaryIO) -> tuple[int, int]:
  """Walks from segment to segment up to the start of the frame."""
  f.seek(2)
  while True:
    marker = f.read(2)
    if len(marker) < 2 or marker[0] != 0xFF:
      return 0, 0  # Damaged: the decoder says how.
    if marker[1] == 0xFF:  # Any number of these may fill the space before one.
      f.seek(-1, os.SEEK_CUR)
      continue
    segment = f.read(7)
    if len(segment) < 7 or marker[1] in (_JPEG_END, _JPEG_SCAN):
      return 0, 0
    length, _, height, width = struct.unpack('>HBHH', segment)
    if marker[1] in _JPEG_FRAMES:
      return width, height
    f.seek(length - len(segment), os.SEEK_CUR)
