"""Damaged data are named, counted and limited, and never lost in silence."""

import gzip
import logging
import struct

import numpy as np
import pytest
import tensorflow as tf

from official import tensorflow_errors
from official.datasets import (
  cifar10,
  image_folder,
  imagenet,
  imagenet_preprocessing,
  in_memory,
  mnist,
  preprocessing,
)
from official.datasets.bad_examples import BadExamples
from official.datasets.decoding import images as image_decoding
from official.datasets.files import idx, tfrecords
from official.errors import DataError
from tests import test_photographs
from tests.conftest import idx_bytes

records_folder = test_photographs.records_folder


def labels_of(dataset, split, count):
  batches = dataset.input_fn(split == 'train', count)
  return next(iter(batches))[1].numpy().tolist()


# Folders of images


@pytest.fixture
def pictures(tmp_path):
  """5 + 5 pictures to train on and 3 + 3 to test on; two cannot be decoded."""
  for split, count in (('train', 5), ('test', 3)):
    for name in ('cat', 'dog'):
      folder = tmp_path / 'pets' / split / name
      folder.mkdir(parents=True)
      for i in range(count):
        (folder / f'{i}.jpg').write_bytes(test_photographs.jpeg(40, 50, i))
  train = tmp_path / 'pets' / 'train'
  (train / 'cat' / '1.jpg').write_bytes(b'')
  whole = (train / 'dog' / '2.jpg').read_bytes()
  (train / 'dog' / '2.jpg').write_bytes(whole[: len(whole) // 2])
  return tmp_path / 'pets'


@pytest.mark.parametrize('load', ['load', 'load_in_memory'])
def test_pictures_that_cannot_be_decoded_are_left_out_and_named(
  pictures, load, caplog
):
  options = {}
  if load == 'load_in_memory':
    options['preprocessing'] = preprocessing.CIFAR
  with caplog.at_level(logging.WARNING):
    dataset = getattr(image_folder, load)(
      str(pictures), 24, augment=False, bad=BadExamples(2), **options
    )
  assert dataset.num_images == {'train': 8, 'test': 6}
  assert sorted(labels_of(dataset, 'train', 8)) == [0] * 4 + [1] * 4
  assert '2 examples left out' in caplog.text
  assert 'cat/1.jpg: it is empty' in caplog.text
  assert 'dog/2.jpg: ' in caplog.text
  with pytest.raises(DataError, match=r'2 examples .*, 1 may .*1\.jpg.*2\.jpg'):
    getattr(image_folder, load)(
      str(pictures), 24, bad=BadExamples(1), **options
    )


def test_without_leave_the_pictures_are_named_when_they_are_needed(pictures):
  """An empty file at once, damaged pixels when they are decoded."""
  for load in (image_folder.load, image_folder.load_in_memory):
    message = r'^at least 1 example cannot .*cat/1\.jpg: it is'
    with pytest.raises(DataError, match=message):
      load(str(pictures), 24)
  (pictures / 'train' / 'cat' / '1.jpg').unlink()
  dataset = image_folder.load(str(pictures), 24)
  with pytest.raises(tf.errors.InvalidArgumentError):
    labels_of(dataset, 'train', 9)
  with pytest.raises(DataError, match='1 example cannot be used, 0 may be'):
    dataset.check()


def png_header(width, height):
  start = b'\x89PNG\r\n\x1a\n' + struct.pack('>I4s', 13, b'IHDR')
  return start + struct.pack('>II', width, height) + bytes(20)


@pytest.mark.parametrize(
  'encoded',
  [
    png_header(60_000, 60_000),
    b'GIF89a' + struct.pack('<HH', 65_000, 65_000) + bytes(20),
    b'BM' + bytes(16) + struct.pack('<ii', 40_000, -40_000) + bytes(20),
  ],
)
def test_a_picture_of_gigabytes_is_refused_by_its_header(encoded):
  with pytest.raises(tf.errors.InvalidArgumentError, match='more than 134,217'):
    image_decoding.decode(tf.constant(encoded), 3)


@pytest.mark.parametrize(
  'pixels, encode',
  [
    (np.full([1, 1, 3], 9, np.uint8), tf.io.encode_png),
    (np.full([30, 20, 1], 9, np.uint8), tf.io.encode_jpeg),
    (np.full([30, 20, 4], 9, np.uint8), tf.io.encode_png),
    (np.full([30, 20, 3], 9, np.uint16), tf.io.encode_png),
    (np.full([2, 20_000, 3], 9, np.uint8), tf.io.encode_png),
  ],
)
def test_unusual_pictures_can_be_used(pixels, encode):
  """One pixel, grey, with alpha, of 16 bits, 10,000 times wider than high."""
  dataset_image = imagenet_preprocessing.evaluation_image(encode(pixels), 32)
  assert dataset_image.shape == (32, 32, 3)
  assert np.isfinite(dataset_image).all()


def mutate(content, random):
  """One to eight bytes changed, or the end cut off."""
  content = bytearray(content)
  if random.rand() < 0.2:
    return bytes(content[: random.randint(len(content))])
  for _ in range(random.randint(1, 9)):
    content[random.randint(len(content))] = random.randint(256)
  return bytes(content)


@pytest.mark.parametrize(
  'count', [100, pytest.param(1000, marks=pytest.mark.slow)]
)
def test_mutated_pictures_are_used_or_named(tmp_path, count):
  """Each file is either in the data or named; none ends the process."""
  random = np.random.RandomState(count)
  originals = [test_photographs.jpeg(20, 30, i) for i in range(4)]
  originals += [
    tf.io.encode_png(tf.io.decode_jpeg(original)).numpy()
    for original in originals[:2]
  ]
  folder = tmp_path / 'pets' / 'train' / 'cat'
  folder.mkdir(parents=True)
  for i in range(count):
    content = mutate(originals[i % len(originals)], random)
    (folder / f'{i:04}.jpg').write_bytes(content)
  for other in ('train/dog', 'test/cat', 'test/dog'):
    (tmp_path / 'pets' / other).mkdir(parents=True)
    (tmp_path / 'pets' / other / '0.jpg').write_bytes(originals[0])
  bad = BadExamples(count)
  dataset = image_folder.load(str(tmp_path / 'pets'), 16, bad=bad)
  assert 0 < bad.count < count
  assert dataset.num_images['train'] + bad.count == count + 1
  used = 0
  for images, _ in dataset.input_fn(True, 50).take(2 * count // 50):
    assert np.isfinite(images).all()
    used += len(images)
  assert used == 2 * count


# TFRecords


def spoil(path, record, byte=20):
  """Flips a bit of a record; byte 12 is the first of its data."""
  content = bytearray(path.read_bytes())
  position = tfrecords.offsets(str(path))[record]
  content[position + byte] ^= 1
  path.write_bytes(content)


@pytest.fixture
def records(records_folder, tmp_path):
  """A copy of `records_folder` that a test may damage; returns the folder."""
  for path in records_folder.iterdir():
    (tmp_path / path.name).write_bytes(path.read_bytes())
  return tmp_path


def test_a_flipped_bit_costs_its_record_alone(records, caplog):
  """tf.data would drop the rest of the file, with ignore_errors in silence."""
  spoil(records / 'train-00001-of-00003', 2)
  dataset = imagenet.load(str(records), 32, bad=BadExamples(1))
  assert dataset.num_images == {'train': 14, 'test': 7}
  assert 'train-00001-of-00003 record 2: corrupted record' in caplog.text
  for epoch in range(2):
    batches = dataset.input_fn(True, 14, start_step=epoch)
    labels = next(iter(batches))[1].numpy().tolist()
    assert sorted(labels) == [*range(1, 8), *range(9, 16)]
  with pytest.raises(DataError, match='1 example cannot be used, 0 may be'):
    imagenet.load(str(records), 32).check()


def test_records_go_on_exactly_although_some_were_left_out(records):
  for record in (0, 3):
    spoil(records / 'train-00001-of-00003', record)
  dataset = imagenet.load(str(records), 32, bad=BadExamples(2))
  whole = test_photographs.take(dataset.input_fn(True, 4), 8)
  rest = test_photographs.take(dataset.input_fn(True, 4, start_step=5), 3)
  for batch, expected in zip(rest, whole[5:], strict=True):
    np.testing.assert_array_equal(batch[0], expected[0])
    np.testing.assert_array_equal(batch[1], expected[1])


def test_records_that_are_no_examples_or_have_no_class(records, caplog):
  path = records / 'validation-00000-of-00001'
  good = test_photographs.example(test_photographs.jpeg(20, 20), 5)
  with tf.io.TFRecordWriter(str(path)) as writer:
    writer.write(good.SerializeToString())
    writer.write(
      test_photographs.example(
        test_photographs.jpeg(20, 20), 1001
      ).SerializeToString()
    )
    writer.write(b'no example')
    writer.write(test_photographs.example(b'', 5).SerializeToString())
  dataset = imagenet.load(str(records), 32, bad=BadExamples(3))
  assert dataset.num_images['test'] == 1
  assert 'record 1: a label is not 0 to 1000: 1001' in caplog.text
  assert 'record 2: ' in caplog.text
  assert 'record 3: Input is empty' in caplog.text


def test_an_empty_file_of_records_is_named(records):
  (records / 'train-00002-of-00003').write_bytes(b'')
  with pytest.raises(DataError, match='train-00002-of-00003 is empty'):
    imagenet.load(str(records), 32)


# IDX and CIFAR-10


def write_idx(folder, labels, images=None):
  count = len(labels)
  if images is None:
    images = np.zeros([count, 4, 4])
  for prefix in ('train', 't10k'):
    (folder / f'{prefix}-images-idx3-ubyte').write_bytes(idx_bytes(images))
    (folder / f'{prefix}-labels-idx1-ubyte').write_bytes(
      idx_bytes(np.asarray(labels))
    )


def test_a_label_far_from_all_others_makes_no_classes(tmp_path, caplog):
  write_idx(tmp_path, [0, 1, 2, 200, 3, 4])
  with pytest.raises(DataError, match='train example 3: label 200, expected 0'):
    mnist.load(str(tmp_path))
  dataset = mnist.load(str(tmp_path), bad=BadExamples(2))
  assert dataset.num_classes == 5
  assert dataset.num_images == {'train': 5, 'test': 5}
  assert 'label 200, expected 0 to 4' in caplog.text


@pytest.mark.parametrize(
  'labels, classes', [([1, 2, 3], 4), ([5, 6, 7, 8, 9], 10), ([0], 1)]
)
def test_some_classes_may_have_no_example(labels, classes):
  """EMNIST letters begin with 1."""
  split = in_memory.Split(np.zeros([len(labels), 4, 4, 1]), np.array(labels))
  dataset = in_memory.dataset('set', {'train': split, 'test': split})
  assert dataset.num_classes == classes


def test_labels_of_cifar10_that_no_class_has(tmp_path, caplog):
  test_photographs.write_cifar10(tmp_path / 'cifar')
  path = tmp_path / 'cifar' / 'data_batch_2.bin'
  content = bytearray(path.read_bytes())
  content[3 * cifar10.RECORD_BYTES] = 10
  path.write_bytes(content)
  with pytest.raises(DataError, match='train example 23: label 10, expected 0'):
    cifar10.load(str(tmp_path / 'cifar'))
  dataset = cifar10.load(str(tmp_path / 'cifar'), bad=BadExamples(1))
  assert dataset.num_images == {'train': 99, 'test': 20}


def test_a_gzip_of_gigabytes_is_not_unpacked(tmp_path):
  """Ten kilobytes that unpack to ten megabytes, of which 20 are promised."""
  path = tmp_path / 'labels.gz'
  path.write_bytes(gzip.compress(idx_bytes(np.zeros(20)) + bytes(10**7)))
  content = idx.read_bytes(str(path))
  assert len(content) == 8 + 20 + 1
  with pytest.raises(DataError, match=r'says 28: it is truncated or damaged'):
    idx.parse(content, str(path), 1)
  header = bytes([0, 0, 8, 3]) + b'\x7f\xff\xff\xff' * 3
  path.write_bytes(gzip.compress(header))
  with pytest.raises(DataError, match='promises .* more than 8 GiB'):
    idx.read_bytes(str(path))


def load_mutated(tmp_path, kind, random):
  """Loads a data set with one mutated file; returns it and its count."""
  if kind.startswith('idx'):
    labels = np.arange(40) % 10
    images = random.randint(0, 256, [40, 4, 4])
    write_idx(tmp_path, labels, images)
    paths = sorted(tmp_path.glob('*ubyte'))
    path = paths[random.randint(len(paths))]
    content = path.read_bytes()
    if kind == 'idx.gz':
      path.unlink()
      path = path.with_name(path.name + '.gz')
      content = gzip.compress(content)
    path.write_bytes(mutate(content, random))
    return mnist.load, 80
  path = tmp_path / f'data_batch_{random.randint(1, 6)}.bin'
  path.write_bytes(mutate(path.read_bytes(), random))
  return cifar10.load, 120


@pytest.mark.parametrize('kind', ['idx', 'idx.gz', 'cifar10'])
@pytest.mark.parametrize(
  'count', [10, pytest.param(70, marks=pytest.mark.slow)]
)
def test_mutated_files_give_every_example_or_a_reason(tmp_path, kind, count):
  random = np.random.RandomState(0)
  outcomes = {'whole': 0, 'some': 0, 'refused': 0}
  for i in range(count):
    folder = tmp_path / str(i)
    if kind == 'cifar10':
      test_photographs.write_cifar10(folder)
    else:
      folder.mkdir()
    load, examples = load_mutated(folder, kind, random)
    bad = BadExamples(examples)
    try:
      dataset = load(str(folder), bad=bad)
    except DataError as e:
      outcomes['refused'] += 1
      assert str(e)
      continue
    assert sum(dataset.num_images.values()) + bad.count == examples
    outcomes['some' if bad.count else 'whole'] += 1
  assert outcomes['refused'] > 0
  assert sum(outcomes.values()) == count


@pytest.mark.parametrize('count', [5, pytest.param(60, marks=pytest.mark.slow)])
def test_mutated_tfrecords_give_every_example_or_a_reason(
  records_folder, tmp_path, count
):
  random = np.random.RandomState(1)
  refused = 0
  for i in range(count):
    folder = tmp_path / str(i)
    folder.mkdir()
    for path in records_folder.iterdir():
      (folder / path.name).write_bytes(path.read_bytes())
    spoilt = folder / f'train-0000{random.randint(3)}-of-00003'
    spoilt.write_bytes(mutate(spoilt.read_bytes(), random))
    bad = BadExamples(22)
    try:
      dataset = imagenet.load(str(folder), 16, bad=bad)
    except DataError as e:
      refused += 1
      assert spoilt.name in str(e)
      continue
    size = dataset.num_images['train']
    assert size + bad.count == 15
    labels = labels_of(dataset, 'train', size)
    assert len(set(labels)) == size
  assert 0 < refused < count


def test_the_reason_is_the_first_line_that_says_what_is_wrong():
  error = tf.errors.InvalidArgumentError(
    None, None, '{{function_node __x}} Input is empty. [Op:DecodeImage]'
  )
  assert tensorflow_errors.reason(error) == 'Input is empty.'
