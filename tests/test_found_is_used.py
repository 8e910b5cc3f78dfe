"""Every file of a data folder is used or named, and each is counted once."""

import contextlib
import logging
import os
import random
import socket
import struct

import pytest

from official import predict
from official.datasets import cifar10, mnist
from official.datasets.files import (
  class_folders,
  idx,
  image_headers,
  inventory,
  shards,
)
from official.datasets.files.names import printable
from official.errors import DataError

# The first bytes of small images, which are not decoded here.
JPEG = bytes.fromhex('ffd8ffc0000b08000200020101110000')
PNG = b'\x89PNG\r\n\x1a\n' + struct.pack('>I4sII', 13, b'IHDR', 2, 2) + bytes(9)
GIF = b'GIF89a' + struct.pack('<HH', 2, 2) + bytes(9)
BMP = b'BM' + bytes(12) + struct.pack('<Iiihh', 40, 2, 2, 1, 24) + bytes(40)
WEBP = b'RIFF\x1a\0\0\0WEBPVP8L\x0d\0\0\0\x2f\x01\x40\0\0' + bytes(9)
TIFF = b'II*\0' + bytes(12)

IMAGES = [
  ('jpg', JPEG), ('JPEG', JPEG), ('jfif', JPEG), ('jpe', JPEG), ('png', PNG),
  ('gif', GIF), ('bmp', BMP), ('webp', WEBP), ('WebP', WEBP), ('png', JPEG),
  ('', PNG), ('photo', JPEG),
]  # fmt: skip
UNUSABLE = [
  ('x.tif', TIFF), ('x.TIFF', TIFF), ('x.jpg', b''), ('x.jpg', TIFF),
  ('x.png', b'<html>'), ('x.heic', b'\0\0\0\x18ftypheic'), ('x.svg', b'<svg>'),
]  # fmt: skip
HARMLESS = [
  '.DS_Store', '._1.jpg', 'Thumbs.db', 'desktop.ini', 'notes.txt', 'README',
  'LICENSE.md', '1.jpg.bak', '1.jpg~', 'a.md5', 'MD5SUMS', 'all.zip', 'a.npy',
  'boxes.xml', 'x.mp4',
]  # fmt: skip
HIDDEN_FOLDERS = ['.git', '__MACOSX', '.ipynb_checkpoints', 'lost+found']


def write(path, content=b'x'):
  path.parent.mkdir(parents=True, exist_ok=True)
  path.write_bytes(content)
  return path


def on_disk(folder):
  """The number of files below a folder, as the operating system counts."""
  return sum(len(names) for _, _, names in os.walk(folder))


def count_of(listed):
  left_out = sum(entry.files for entry in listed.left_out)
  return len(listed.used) + len(listed.unusable) + left_out


def class_of_images(rng, folder, count):
  for i in range(count):
    ending, content = rng.choice(IMAGES)
    name = f'{i}.{ending}' if ending else str(i)
    where = rng.choice(['', '', '', 'more', 'more/deeper'])
    write(folder / where / name, content)


def spoil(rng, folder):
  """Adds what may lie around; returns how many of these are unusable images."""
  unusable = 0
  for _ in range(rng.randrange(6)):
    what = rng.randrange(6)
    where = folder / rng.choice(['', 'more'])
    if what == 0:
      for i in range(rng.randrange(1, 4)):
        write(folder / rng.choice(HIDDEN_FOLDERS) / 'deep' / f'{i}.jpg', JPEG)
    elif what == 1:
      name, content = rng.choice(UNUSABLE)
      unusable += not (where / name).exists()
      write(where / name, content)
    elif what == 2 and not os.path.lexists(folder / 'gone.jpg'):
      (folder / 'gone.jpg').symlink_to('nowhere')
      unusable += 1
    elif what == 3 and not (folder / 'pipe.png').exists():
      os.mkfifo(folder / 'pipe.png')
      unusable += 1
    elif what == 4 and not os.path.lexists(folder / 'again'):
      (folder / 'again').symlink_to(folder)
    else:
      write(where / rng.choice(HARMLESS))
  return unusable


@pytest.mark.parametrize(
  'count', [100, pytest.param(1000, marks=pytest.mark.slow)]
)
def test_generated_folders_used_and_named_are_what_was_found(tmp_path, count):
  outcomes = {'used': 0, 'refused': 0}
  for seed in range(count):
    rng = random.Random(seed)
    folder = tmp_path / str(seed)
    splits = rng.choice([
      [''], ['train', 'test'], ['Train', 'val'], ['train', 'test', 'val'],
    ])  # fmt: skip
    unusable = images = 0
    for split in splits:
      for name in ('cat', 'dog', 'Ω\n')[: rng.choice([2, 2, 3])]:
        number = rng.randrange(10, 13) if split == '' else rng.randrange(1, 4)
        class_of_images(rng, folder / split / name, number)
        bad = spoil(rng, folder / split / name)
        is_used = split in splits[:2]
        images += number * is_used
        unusable += bad * is_used
    for name in rng.sample(HARMLESS, 3):
      write(folder / name)
    try:
      listed = class_folders.find(str(folder))
    except DataError as e:  # Three classes here and two there.
      assert 'they must be the same' in str(e) and '\n' not in str(e)
      outcomes['refused'] += 1
      continue
    outcomes['used'] += 1
    assert count_of(listed) == on_disk(folder), seed
    assert (len(listed.used), len(listed.unusable)) == (images, unusable), seed
    lines = inventory.describe(
      str(folder), len(listed.used), listed.left_out, listed.unusable
    )
    assert f' {on_disk(folder):,} files found' in lines[0]
    assert len(lines) < 16 and not any('\n' in line for line in lines)
  assert outcomes['used'] > count / 2 and outcomes['refused'] > 0


def test_generated_sets_of_files_are_whole_or_refused(tmp_path):
  count, whole = 1000, 0
  for seed in range(count):
    rng = random.Random(seed)
    folder = tmp_path / str(seed)
    total = rng.randrange(1, 6)
    names = [f'train-{i:05}-of-{total:05}' for i in range(total)]
    gone = rng.sample(names, min(total, rng.choice([0, 0, 0, 1, 2])))
    for name in set(names) - set(gone):
      write(folder / name)
    second = rng.random() < 0.2
    if second:
      write(folder / f'train-00000-of-{total + 3:05}')
    for name in rng.sample(
      [f'{names[0]}.bak', f'{names[0]}.gz', 'README.md', '.DS_Store',
       '._' + names[0], f'{names[-1]}.tmp', 'x-' + names[0], 'validation-x'],
      4,
    ):  # fmt: skip
      write(folder / name)
    left = set(names) - set(gone)
    try:
      used = shards.find(str(folder), 'train')
    except DataError as e:
      text = str(e)
      assert second or gone
      assert '\n' not in text
      if not second:
        assert f'{total - len(gone)} of {total} train files' in text
        assert all(name in text for name in gone)
      continue
    if not left and not second:
      assert used == []
      continue
    assert not gone or not left
    if left:
      assert [os.path.basename(path) for path in used] == names
    whole += 1
    unused = inventory.unused(str(folder), used)
    left_out = sum(entry.files for entry in unused)
    assert len(used) + left_out == on_disk(folder)
  assert count / 4 < whole < count


@pytest.fixture
def pets(tmp_path):
  for split in ('train', 'test'):
    for name in ('cat', 'dog'):
      for i in range(3):
        write(tmp_path / 'pets' / split / name / f'{i}.jpg', JPEG)
  return tmp_path / 'pets'


def rename(*parts):
  def change(folder):
    (folder / parts[0]).rename(folder / parts[1])

  return change


def remove(*names):
  def change(folder):
    for name in names:
      for path in sorted((folder / name).iterdir()):
        path.unlink()

  return change


def tiffs(folder):
  for path in (folder / 'train' / 'cat').iterdir():
    path.rename(path.with_suffix('.tif')).write_bytes(TIFF)


@pytest.mark.parametrize(
  'change, message',
  [
    (remove('train/cat'), 'train: no image of class cat can .* is empty'),
    (remove('test/dog'), 'test: no image of class dog can .* is empty'),
    (tiffs, r'class cat .*: 0\.tif: TIFF is not read; save it as PNG'),
    (lambda f: write(f / 'train/bird/notes.txt'), 'class bird .*: notes.txt'),
    (rename('train/cat', 'train/cats'), 'only in train: cats; only in test: c'),
    (rename('test/cat', '.cat'), 'only in train: cat'),
    (rename('test', 'elsewhere'), 'has train but no test'),
    (rename('train', 'other'), 'has test but no train'),
    (lambda f: write(f / 'Train/cat/1.jpg', JPEG), 'one folder to train on'),
  ],
)
def test_what_is_incomplete_is_refused_by_name(pets, change, message):
  change(pets)
  with pytest.raises(DataError, match=message):
    class_folders.find(str(pets))


def test_a_link_gives_no_image_a_second_label_or_a_second_place(pets):
  (pets / 'train/cat/up').symlink_to('..')
  (pets / 'train/cat/top').symlink_to('../..')
  (pets / 'train/dog/me').symlink_to('.')
  write(pets / 'train/dog/b/7.jpg', JPEG)
  (pets / 'train/dog/c').symlink_to('b')
  (pets / 'other').mkdir()
  listed = class_folders.find(str(pets))
  assert count_of(listed) == on_disk(pets) == len(listed.used) == 13
  assert listed.splits['train']['cat'] == [
    str(pets / f'train/cat/{i}.jpg') for i in range(3)
  ]
  assert inventory.describe(str(pets), 13, listed.left_out) == [
    f'{pets}: 13 files found: 13 used; not used:',
    '  1 folder beside those that are used: other/ (empty)',
    '  3 links to a folder they lie in: train/cat/top/, train/cat/up/, '
    'train/dog/me/',
    '  1 folder read by another name: train/dog/c/',
  ]
  once = {os.path.realpath(p) for p in class_folders.images_below(pets).used}
  assert len(once) == len(class_folders.images_below(pets).used) == 13
  for name, target in (
    ('cat/x', '../dog'),
    ('dog/x', '../cat'),
    ('kitty', 'cat'),
  ):
    (pets / 'train' / name).symlink_to(target)
    with pytest.raises(DataError, match='one folder, by a link; its images w'):
      class_folders.find(str(pets))
    (pets / 'train' / name).unlink()


def test_one_file_is_counted_in_the_singular(tmp_path):
  write(tmp_path / 'a.txt')
  write(tmp_path / '.x')
  write(tmp_path / 'a.bak')
  write(tmp_path / '__MACOSX/a')
  (tmp_path / '.git').mkdir()
  assert inventory.describe(
    str(tmp_path), 0, inventory.unused(str(tmp_path), ())
  ) == [
    f'{tmp_path}: 4 files found: 0 used, 4 left out:',
    '  1 hidden folder: .git/ (empty)',
    '  1 folder of the operating system (1 file): __MACOSX/',
    '  1 hidden: .x',
    '  1 copy or part of a file: a.bak',
    '  1 text or table: a.txt',
  ]
  assert inventory.describe(str(tmp_path), 4, ()) == []


def test_classes_one_folder_deeper_are_one_class_and_refused(pets, tmp_path):
  (tmp_path / 'above').mkdir()
  (pets / 'train').rename(tmp_path / 'above' / 'images')
  with pytest.raises(DataError, match='has: images; if the classes are one'):
    class_folders.find(str(tmp_path / 'above'))


def test_a_class_may_be_called_train(tmp_path):
  for name in ('car', 'train'):
    for i in range(10):
      write(tmp_path / name / f'{i}.png', PNG)
  listed = class_folders.find(str(tmp_path))
  assert list(listed.splits['train']) == ['car', 'train']
  assert len(listed.used) == 20


def test_a_name_that_is_not_text_and_a_socket(pets):
  folder = os.fsencode(pets / 'train' / 'cat')
  with open(os.path.join(folder, b'\xff.jpg'), 'wb') as f:
    f.write(JPEG)
  here = os.getcwd()
  os.chdir(folder)
  try:
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
      server.bind('s')
  finally:
    os.chdir(here)
  listed = class_folders.find(str(pets))
  assert count_of(listed) == on_disk(pets) == 14
  assert len(listed.used) == 13
  assert printable('\udcff\n.jpg') == r'\xff\n.jpg'


def riff(kind, data):
  chunk = kind + struct.pack('<I', len(data)) + data
  return b'RIFF' + struct.pack('<I', 4 + len(chunk)) + b'WEBP' + chunk


def jpeg_of(width, height):
  frame = struct.pack('>HBHHB', 8, 8, height, width, 0)
  comment = b'\xff\xfe' + struct.pack('>H', 30_002) + bytes(30_000)
  return b'\xff\xd8' + comment + b'\xff\xff\xc2' + frame


BOMBS = {
  'png': b'\x89PNG\r\n\x1a\n'
  + struct.pack('>I4sII', 13, b'IHDR', 60_000, 60_000),
  'gif': b'GIF89a' + struct.pack('<HH', 65_000, 65_000),
  'bmp': b'BM' + bytes(12) + struct.pack('<Iii', 40, 40_000, -40_000),
  'jpeg': jpeg_of(65_000, 65_000),
  'lossy': riff(b'VP8 ', b'\x30\1\0\x9d\1\x2a' + b'\xff\x3f\xff\x3f'),
  'lossless': riff(b'VP8L', b'\x2f' + struct.pack('<I', 16382 | 16382 << 14)),
  'extended': riff(b'VP8X', bytes(4) + b'\xff\xff\xff\xff\xff\xff'),
}  # fmt: skip


def test_a_picture_of_gigabytes_is_refused_before_it_is_decoded(tmp_path):
  for name, content in BOMBS.items():
    seen = image_headers.inspect(str(write(tmp_path / name, content)))
    assert seen.is_image and 'more than 134,217,728' in seen.problem, name
  animated = riff(b'VP8X', b'\2\0\0\0' + bytes(6))
  seen = image_headers.inspect(str(write(tmp_path / 'x', animated)))
  assert seen.problem.startswith('an animated WebP')
  sizes = [(7, 5), (1, 1), (11_000, 12_000)]
  for width, height in sizes:
    path = write(tmp_path / 'x.jpg', jpeg_of(width, height))
    assert image_headers.inspect(str(path)) == (True, None)


def test_a_kind_of_image_that_is_not_read_is_called_by_its_name(tmp_path):
  for name, content, kind in [
    ('x.ppm', b'P6 2 2 255\n', 'PPM'),
    ('x.ico', b'\0\0\1\0', 'ICO'),
    ('x', b'MM\0*', 'TIFF'),
    ('x.jpg', b'\0\0\0\x1cftypavif', 'AVIF'),
    ('x.png', b'\0\0\0\x0cjP  ', 'JPEG 2000'),
  ]:
    path = str(write(tmp_path / name, content))
    assert image_headers.inspect(path) == (
      True,
      f'{kind} is not read; save it as PNG',
    )


def test_other_sets_name_what_they_do_not_use(tmp_path, caplog):
  folder = tmp_path / 'digits'
  names = [
    f'{split}-{kind}-idx{n}-ubyte'
    for split in ('train', 't10k')
    for kind, n in (('images', 3), ('labels', 1))
  ]
  for name in names:
    n = 3 if 'images' in name else 1
    write(folder / name, bytes([0, 0, 8, n]) + b'\0\0\0\2' * n + bytes(2**n))
    write(folder / f'._{name}')
  write(folder / 'old' / names[0])
  write(folder / f'{names[0]}.bak')
  with caplog.at_level(logging.WARNING):
    mnist.read(str(folder))
  assert f'{on_disk(folder)} files found: 4 used, 6 left out' in caplog.text
  assert 'old/' in caplog.text and f'{names[0]}.bak' in caplog.text
  (folder / names[0]).rename(folder / f'emnist-{names[0]}')
  with pytest.raises(DataError, match='the files of one set, found: emnist-'):
    idx.find(str(folder))

  folder = tmp_path / 'cifar'
  for names in cifar10.FILES.values():
    for name in names:
      write(folder / cifar10.FOLDER / name, bytes(cifar10.RECORD_BYTES))
  write(folder / cifar10.FOLDER / 'data_batch_6.bin')
  write(folder / 'cifar-10-binary.tar.gz')
  caplog.clear()
  cifar10.load(cifar10.find(str(folder)), above=str(folder))
  assert '8 files found: 6 used, 2 left out' in caplog.text
  (folder / cifar10.FOLDER / 'data_batch_2.bin').unlink()
  (folder / cifar10.FOLDER / 'test_batch.bin').unlink()
  with pytest.raises(
    DataError, match='missing: data_batch_2.bin, test_batch.bin'
  ):
    cifar10.load(str(folder / cifar10.FOLDER))


def test_twins_of_a_missing_file_are_named(tmp_path):
  for i in (0, 1, 3):
    write(tmp_path / f'train-0000{i}-of-00004')
  write(tmp_path / 'train-00002-of-00004.gz')
  with pytest.raises(DataError, match=r'3 of 4 .*: train-00002-\S+ \(but '):
    shards.find(str(tmp_path), 'train')


def test_prediction_counts_the_images_of_a_folder_that_it_cannot_use(
  pets, caplog
):
  write(pets / 'empty.png', b'')
  write(pets / 'notes.txt')
  assert len(predict._image_files([str(pets)])) == 13
  line = '14 files found: 12 used, 1 that cannot be used, 1 left out:'
  assert line in caplog.text
