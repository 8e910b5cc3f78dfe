"""What a file of an image is by its first bytes, before anything decodes it."""

import os
import stat
import struct
from typing import BinaryIO, NamedTuple

MAX_PIXELS = 2**27  # 134 megapixels, 400 MB decoded

UNKNOWN = 'it is not a JPEG, PNG, GIF, BMP or WebP image'

READ = ('.jpg', '.jpeg', '.jpe', '.jfif', '.png', '.gif', '.bmp', '.webp')
NOT_READ = (
  '.tif', '.tiff', '.heic', '.heif', '.avif', '.jxl', '.jp2', '.j2k', '.svg',
  '.ico', '.psd', '.xcf', '.tga', '.pcx', '.ppm', '.pgm', '.pbm', '.pnm',
  '.exr', '.hdr', '.raw', '.dng', '.cr2', '.nef', '.arw',
)  # fmt: skip

_MAGIC = {
  b'\xff\xd8\xff': 'JPEG',
  b'\x89PNG\r\n\x1a\n': 'PNG',
  b'GIF8': 'GIF',
  b'BM': 'BMP',
}
_MAGIC_NOT_READ = {
  b'II*\0': 'TIFF',
  b'MM\0*': 'TIFF',
  b'\xff\x0a': 'JPEG XL',
  b'\0\0\0\x0cJXL ': 'JPEG XL',
  b'\0\0\0\x0cjP  ': 'JPEG 2000',
  b'8BPS': 'Photoshop',
}
_BRANDS = {b'avif': 'AVIF', b'heic': 'HEIC', b'heix': 'HEIC', b'mif1': 'HEIC'}
_HEAD = 128  # bytes
# The marks of JPEG that a size follows.
_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


class Look(NamedTuple):
  """What a look at a file showed.

  Attributes:
    is_image: whether its name or its first bytes say that it is an image.
    problem: why it cannot be used; None where nothing speaks against it.
  """

  is_image: bool
  problem: str | None


def is_named_so(name: str) -> bool:
  """Whether a file is named as images are."""
  return name.lower().endswith(READ + NOT_READ)


def look(path: str) -> Look:
  """Looks at the first bytes of a file; never waits for one."""
  named_so = is_named_so(path)
  try:
    if not stat.S_ISREG(os.stat(path).st_mode):  # Opening a pipe would wait.
      return Look(named_so, 'a pipe, a socket or a device, not a file')
    with open(path, 'rb') as f:
      head = f.read(_HEAD)
      kind = _kind(head)
      if kind is None:
        if not head:
          return Look(named_so, 'it is empty')
        ending = os.path.splitext(path)[1].lower()
        if ending in NOT_READ:
          return Look(True, _not_read(ending[1:].upper()))
        return Look(named_so, 'it is not a JPEG, PNG, GIF, BMP or WebP image')
      return Look(True, _problem(kind, head.ljust(_HEAD, b'\0'), f))
  except FileNotFoundError:
    return Look(named_so, 'a link to what is not there')
  except OSError as e:
    return Look(named_so, f'it cannot be read: {e.strerror or e}')


def _kind(head: bytes) -> str | None:
  for magic, kind in (_MAGIC | _MAGIC_NOT_READ).items():
    if head.startswith(magic):
      return kind
  if head[:4] == b'RIFF' and head[8:12] == b'WEBP':
    return 'WebP'
  return _BRANDS.get(head[8:12]) if head[4:8] == b'ftyp' else None


def _problem(kind: str, head: bytes, f: BinaryIO) -> str | None:
  if kind in _MAGIC_NOT_READ.values() or kind in _BRANDS.values():
    return _not_read(kind)
  if kind == 'WebP' and head[12:16] == b'VP8X' and head[20] & 2:
    return 'an animated WebP image; save one picture of it'
  width, height = _size(kind, head, f)
  if width * height <= MAX_PIXELS:
    return None
  return f'it has {width:,} x {height:,} pixels, more than {MAX_PIXELS:,}'


def _not_read(kind: str) -> str:
  return f'{kind} is not read; save it as PNG'


def _size(kind: str, head: bytes, f: BinaryIO) -> tuple[int, int]:
  """Width and height as the header has them; 0 where it has none."""
  if kind == 'PNG':
    return struct.unpack_from('>II', head, 16)
  if kind == 'GIF':
    return struct.unpack_from('<HH', head, 6)
  if kind == 'BMP':
    width, height = struct.unpack_from('<ii', head, 18)
    return abs(width), abs(height)
  if kind == 'JPEG':
    return _jpeg_size(f)
  if head[12:16] == b'VP8L':
    (bits,) = struct.unpack_from('<I', head, 21)
    return bits % 2**14 + 1, bits // 2**14 % 2**14 + 1
  if head[12:16] == b'VP8X':
    width, height = head[24:27], head[27:30]
    return tuple(int.from_bytes(x, 'little') + 1 for x in (width, height))
  width, height = struct.unpack_from('<HH', head, 26)
  return width % 2**14, height % 2**14


def _jpeg_size(f: BinaryIO) -> tuple[int, int]:
  """From segment to segment, up to the one that tells it."""
  f.seek(2)
  while True:
    mark = f.read(2)
    if len(mark) < 2 or mark[0] != 0xFF:
      return 0, 0  # Damaged: what decodes it says how.
    if mark[1] == 0xFF:  # One that fills up.
      f.seek(-1, os.SEEK_CUR)
      continue
    segment = f.read(7)
    if len(segment) < 7 or mark[1] in (0xD9, 0xDA):
      return 0, 0
    length, _, height, width = struct.unpack('>HBHH', segment)
    if mark[1] in _FRAMES:
      return width, height
    f.seek(length - len(segment), os.SEEK_CUR)
