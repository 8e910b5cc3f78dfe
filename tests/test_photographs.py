"""CIFAR-10, ImageNet and folders of images: real files written here."""

import hashlib
import io
import pathlib
import shutil
import tarfile

import numpy as np
import pytest
import tensorflow as tf

from official.datasets import (
  augmentation,
  cifar10,
  cifar10_download_and_extract,
  image_folder,
  imagenet,
  imagenet_examples,
  imagenet_files,
  imagenet_preprocessing,
  in_memory,
  preprocessing,
)
from official.datasets.files import tfrecords
from official.errors import DataError, UsageError

RECORDS = 20  # in a file


def take(dataset, batches=-1):
  return [tuple(x.numpy() for x in batch) for batch in dataset.take(batches)]


def cifar_record(label, planes):
  return bytes([label]) + np.asarray(planes, np.uint8).tobytes()


def write_cifar10(folder):
  """All files of CIFAR-10, with 20 random images each."""
  folder.mkdir()
  random = np.random.RandomState(0)
  for names in cifar10.FILES.values():
    for name in names:
      planes = random.randint(0, 256, [RECORDS, 3, 32, 32])
      records = [cifar_record(i % 10, p) for i, p in enumerate(planes)]
      (folder / name).write_bytes(b''.join(records))


@pytest.fixture(scope='module')
def cifar_folder(tmp_path_factory):
  folder = tmp_path_factory.mktemp('data') / cifar10.FOLDER
  write_cifar10(folder)
  return folder


def test_a_record_of_cifar10_as_the_original_tested_it(tmp_path):
  """Label 7, planes of 0, 1 and 2: standardised, every pixel is -s, 0, s."""
  planes = np.stack([np.full([32, 32], value) for value in (0, 1, 2)])
  path = tmp_path / 'data_batch_1.bin'
  path.write_bytes(cifar_record(7, planes))
  split = cifar10.read(str(path))
  assert split.labels.tolist() == [7]
  assert split.images.shape == (1, 32, 32, 3)
  pixels = preprocessing.standardize(tf.constant(split.images)).numpy()
  root = 1.5**0.5
  np.testing.assert_allclose(
    pixels, np.broadcast_to([-root, 0, root], [1, 32, 32, 3]), rtol=1e-5
  )


def test_cifar10_from_its_folder_or_the_one_above(cifar_folder):
  for folder in (cifar_folder, cifar_folder.parent):
    binary_folder = cifar10.find(str(folder))
    assert pathlib.Path(binary_folder) == cifar_folder
  dataset = cifar10.load(binary_folder, preprocessing=preprocessing.CIFAR)
  assert dataset.num_images == {'train': 5 * RECORDS, 'test': RECORDS}
  assert dataset.image_shape == (32, 32, 3)
  assert dataset.class_names[3] == 'cat'


def test_held_out_images_are_the_last_and_are_not_trained_on(cifar_folder):
  dataset = cifar10.load(
    str(cifar_folder), preprocessing=preprocessing.CIFAR, held_out=30
  )
  assert dataset.num_images == {'train': 70, 'test': 30}
  assert dataset.name == 'CIFAR-10-held-out-30'
  images, labels = take(dataset.input_fn(False, 30))[0]
  last = [
    cifar10.read(str(cifar_folder / f'data_batch_{i}.bin')) for i in (4, 5)
  ]
  expected = np.concatenate([part.images for part in last])[-30:]
  np.testing.assert_allclose(
    images, preprocessing.standardize(tf.constant(expected)), rtol=1e-5
  )
  with pytest.raises(UsageError, match='less than the 100 .* given: 100'):
    cifar10.load(str(cifar_folder), held_out=100)


@pytest.mark.parametrize(
  'content, message',
  [
    (b'', 'has 0 bytes, expected a multiple of 3,073'),
    (bytes(3072), 'has 3,072 bytes'),
  ],
)
def test_a_damaged_file_of_cifar10(tmp_path, content, message):
  path = tmp_path / 'test_batch.bin'
  path.write_bytes(content)
  with pytest.raises(DataError, match=message):
    cifar10.read(str(path))


def test_crops_and_flips_are_what_the_numbers_say():
  image = np.arange(6 * 5 * 2).reshape([1, 6, 5, 2]).astype(np.uint8)
  padded = np.pad(image, [(0, 0), (4, 4), (4, 4), (0, 0)])

  def crop(down, right, flip):
    uniform = tf.constant([[down, right, flip]], tf.float32)
    return augmentation.random_crop_and_flip(
      tf.constant(image), uniform
    ).numpy()

  np.testing.assert_array_equal(crop(0.0, 0.0, 0.5), image)
  np.testing.assert_array_equal(crop(0.0, 0.0, -0.5), image[:, :, ::-1])
  np.testing.assert_array_equal(crop(-1.0, -1.0, 0.5), padded[:, :6, :5])
  np.testing.assert_array_equal(
    crop(0.999, 0.999, -0.5), padded[:, 8:14, 8:13][:, :, ::-1]
  )


def archive(members):
  content = io.BytesIO()
  with tarfile.open(fileobj=content, mode='w:gz') as tar:
    for name, data in members.items():
      member = tarfile.TarInfo(name)
      member.size = len(data)
      tar.addfile(member, io.BytesIO(data))
  return content.getvalue()


def test_the_download_is_checked_and_unpacked(tmp_path):
  content = archive({'cifar-10-batches-bin/test_batch.bin': b'abc'})
  source = tmp_path / 'cifar.tar.gz'
  source.write_bytes(content)
  get = cifar10_download_and_extract.download_and_extract
  target = tmp_path / 'out'
  get(source.as_uri(), str(target), hashlib.sha256(content).hexdigest())
  unpacked = target / 'cifar-10-batches-bin' / 'test_batch.bin'
  assert unpacked.read_bytes() == b'abc'
  other = tmp_path / 'other'
  with pytest.raises(DataError, match='SHA-256 is .* nothing was unpacked'):
    get(source.as_uri(), str(other))
  assert not other.exists()


def test_an_archive_cannot_write_outside_its_folder(tmp_path):
  content = archive({'../escaped': b'abc'})
  source = tmp_path / 'evil.tar.gz'
  source.write_bytes(content)
  with pytest.raises(DataError, match='escaped'):
    cifar10_download_and_extract.download_and_extract(
      source.as_uri(),
      str(tmp_path / 'a' / 'out'),
      hashlib.sha256(content).hexdigest(),
    )
  assert not (tmp_path / 'a' / 'escaped').exists()


def jpeg(height, width, seed=0):
  """A smooth picture, so that JPEG loses little."""
  random = np.random.RandomState(seed)
  small = tf.constant(random.randint(0, 256, [1, 4, 4, 3]), tf.float32)
  image = tf.image.resize(small, [height, width], 'bicubic')[0]
  pixels = tf.saturate_cast(image, tf.uint8)
  return tf.io.encode_jpeg(pixels, quality=98).numpy()


def test_evaluation_takes_the_centre_of_an_image_whose_short_side_is_256():
  encoded = jpeg(300, 400)
  image = imagenet_preprocessing.evaluation_image(tf.constant(encoded), 224)
  assert image.shape == (224, 224, 3)
  # The original's resize, by its own function: 256 x 341, the centre 224.
  whole = tf.compat.v1.image.resize(
    tf.io.decode_jpeg(encoded), [256, 341], align_corners=False
  )
  np.testing.assert_allclose(image, whole[16:240, 58:282], atol=1e-3)


def test_preprocessing_takes_the_means_away():
  pixels = imagenet_preprocessing.preprocess(tf.zeros([1, 2, 2, 3], tf.uint8))
  np.testing.assert_allclose(pixels[0, 0, 0], [-123.68, -116.78, -103.94])


@pytest.mark.parametrize('encode', [tf.io.encode_jpeg, tf.io.encode_png])
def test_training_takes_a_part_that_its_seed_alone_decides(encode):
  pixels = tf.io.decode_jpeg(jpeg(90, 120))
  encoded = encode(pixels)

  def part(seed):
    return imagenet_preprocessing.training_image(
      encoded, tf.zeros([1, 0, 4]), 32, tf.constant([1, seed], tf.int64)
    ).numpy()

  assert part(0).shape == (32, 32, 3)
  np.testing.assert_array_equal(part(0), part(0))
  assert np.abs(part(0) - part(1)).max() > 1


def test_a_fused_decode_and_crop_is_a_crop_of_the_decoded(tmp_path):
  encoded = jpeg(90, 120)
  box = tf.constant([[[0.2, 0.1, 0.7, 0.9]]])
  arguments = (box, 32, tf.constant([3, 4], tf.int64))
  fused = imagenet_preprocessing.training_image(
    tf.constant(encoded), *arguments
  )
  png = tf.io.encode_png(tf.io.decode_jpeg(encoded))
  sliced = imagenet_preprocessing.training_image(png, *arguments)
  np.testing.assert_allclose(fused, sliced, atol=4)


def example(encoded, label, box=()):
  feature = {
    'image/encoded': tf.train.Feature(
      bytes_list=tf.train.BytesList(value=[encoded])
    ),
    'image/class/label': tf.train.Feature(
      int64_list=tf.train.Int64List(value=[label])
    ),
  }
  for edge, value in zip(('ymin', 'xmin', 'ymax', 'xmax'), box, strict=False):
    feature[f'image/object/bbox/{edge}'] = tf.train.Feature(
      float_list=tf.train.FloatList(value=[value])
    )
  return tf.train.Example(features=tf.train.Features(feature=feature))


@pytest.fixture(scope='module')
def records_folder(tmp_path_factory):
  """3 x 5 training and 7 validation JPEGs, labels 1 to 15 and 1 to 7."""
  folder = tmp_path_factory.mktemp('records')
  label = 0
  for shard in range(3):
    path = str(folder / f'train-{shard:05}-of-00003')
    with tf.io.TFRecordWriter(path) as writer:
      for _ in range(5):
        label += 1
        box = (0.1, 0.2, 0.8, 0.9) if label % 2 else ()
        encoded = jpeg(40 + label, 60, label)
        writer.write(example(encoded, label, box).SerializeToString())
  path = str(folder / 'validation-00000-of-00001')
  with tf.io.TFRecordWriter(path) as writer:
    for label in range(1, 8):
      writer.write(example(jpeg(50, 70), label).SerializeToString())
  return folder


def test_an_example_is_its_image_its_label_and_its_boxes():
  encoded, label, boxes = imagenet_examples.parse_example_proto(
    tf.constant(example(b'abc', 5, (0.1, 0.2, 0.3, 0.4)).SerializeToString())
  )
  assert (encoded.numpy(), label.numpy()) == (b'abc', 5)
  np.testing.assert_allclose(boxes, [[[0.1, 0.2, 0.3, 0.4]]])
  record = tf.constant(example(b'abc', 5).SerializeToString())
  assert imagenet_examples.parse_example_proto(record)[2].shape == (1, 0, 4)


def test_an_epoch_of_tfrecords_holds_every_image_once(records_folder):
  dataset = imagenet.load(str(records_folder), 32, seed=1)
  assert dataset.num_images == {'train': 15, 'test': 7}
  assert (dataset.num_classes, dataset.image_shape) == (1001, (32, 32, 3))
  batches = take(dataset.input_fn(True, 5), 6)
  assert batches[0][0].shape == (5, 32, 32, 3)
  labels = np.concatenate([labels for _, labels in batches])
  for epoch in np.split(labels, 2):
    assert sorted(epoch) == list(range(1, 16))
  assert labels[:15].tolist() != labels[15:].tolist()
  tested = [labels.tolist() for _, labels in take(dataset.input_fn(False, 5))]
  assert tested == [[1, 2, 3, 4, 5], [6, 7]]


@pytest.mark.parametrize('start', [1, 2, 5, 7])
def test_tfrecords_go_on_exactly_from_a_step(records_folder, start):
  dataset = imagenet.load(str(records_folder), 32, seed=1)
  whole = take(dataset.input_fn(True, 4), 9)
  rest = take(dataset.input_fn(True, 4, start_step=start), 9 - start)
  for (images, labels), (expected, expected_labels) in zip(
    rest, whole[start:], strict=True
  ):
    np.testing.assert_array_equal(labels, expected_labels)
    np.testing.assert_array_equal(images, expected)


def test_a_thousand_classes_without_the_background(records_folder):
  dataset = imagenet.load(str(records_folder), 32, background_class=False)
  assert (dataset.num_classes, dataset.class_names[0]) == (1000, '1')
  _, labels = take(dataset.input_fn(False, 7))[0]
  assert labels.tolist() == list(range(7))


def test_as_many_files_as_imagenet_has_are_not_taken_for_it(records_folder):
  """1,024 files of 5 records each are 5,120 images, not 1,281,167."""
  path = str(records_folder / 'train-00000-of-00003')
  parts = [tfrecords.Part(path)] * 1024
  assert imagenet_files.num_images('train', parts) == 5_120


def test_records_that_are_missing_or_of_another_set(records_folder, tmp_path):
  for path in records_folder.iterdir():
    shutil.copy(path, tmp_path)
  (tmp_path / 'train-00001-of-00003').rename(tmp_path / 'gone.bak')
  with pytest.raises(DataError, match=r'2 of 3 .* missing: train-00001-of-0'):
    imagenet.load(str(tmp_path), 32)
  shutil.copy(records_folder / 'train-00001-of-00003', tmp_path)
  assert imagenet.load(str(tmp_path), 32).num_images['train'] == 15
  shutil.copy(tmp_path / 'gone.bak', tmp_path / 'train-00000-of-00008')
  with pytest.raises(DataError, match=r'2 sets of train .*of-00003.*of-00008'):
    imagenet.load(str(tmp_path), 32)


def test_a_tfrecord_that_was_cut_off(records_folder, tmp_path):
  source = records_folder / 'train-00000-of-00003'
  assert tfrecords.count_records(tfrecords.Part(str(source))) == 5
  cut = tmp_path / 'train-00000-of-00001'
  cut.write_bytes(source.read_bytes()[:-10])
  with pytest.raises(DataError, match='ends inside record 4: it was cut off'):
    tfrecords.count_records(tfrecords.Part(str(cut)))


def test_tfrecords_of_something_else(tmp_path):
  for name in ('train-00000-of-00001', 'validation-00000-of-00001'):
    with tf.io.TFRecordWriter(str(tmp_path / name)) as writer:
      writer.write(tf.train.Example().SerializeToString())
  with pytest.raises(DataError, match='the first record is not an image'):
    imagenet.load(str(tmp_path), 32)


@pytest.fixture
def photographs(tmp_path):
  """12 cats and 11 dogs; each picture has its class's colour."""
  for name, red, count in (('cat', 250, 12), ('dog', 10, 11)):
    folder = tmp_path / 'pets' / name
    folder.mkdir(parents=True)
    for i in range(count):
      pixels = np.full([30 + i, 40, 3], 100, np.uint8)
      pixels[..., 0] = red
      encoded = tf.io.encode_png(pixels) if i % 2 else tf.io.encode_jpeg(pixels)
      suffix = 'png' if i % 2 else 'JPG'
      (folder / f'{i:02}.{suffix}').write_bytes(encoded.numpy())
  return tmp_path / 'pets'


@pytest.mark.parametrize('load', ['load', 'load_in_memory'])
def test_a_folder_of_images_a_class(photographs, load):
  assert image_folder.is_image_folder(str(photographs))
  options = {}
  if load == 'load_in_memory':
    options['preprocessing'] = preprocessing.CIFAR
  dataset = getattr(image_folder, load)(
    str(photographs), 24, augment=False, seed=1, **options
  )
  assert dataset.name == 'pets'
  assert dataset.class_names == ('cat', 'dog')
  assert dataset.num_images == {'train': 21, 'test': 2}
  images, labels = take(dataset.input_fn(True, 21), 1)[0]
  assert images.shape == (21, 24, 24, 3)
  assert np.bincount(labels).tolist() == [11, 10]
  redder = images[..., 0].mean((1, 2)) > images[..., 1].mean((1, 2))
  np.testing.assert_array_equal(redder, labels == 0)


def test_folders_of_images_go_on_exactly_from_a_step(photographs):
  dataset = image_folder.load(str(photographs), 24, seed=1)
  whole = take(dataset.input_fn(True, 8), 6)
  rest = take(dataset.input_fn(True, 8, start_step=2), 4)
  for batch, expected in zip(rest, whole[2:], strict=True):
    np.testing.assert_array_equal(batch[0], expected[0])
    np.testing.assert_array_equal(batch[1], expected[1])


def test_two_replicas_share_a_folder_as_one_device_would(photographs):
  dataset = image_folder.load(str(photographs), 24, seed=1)
  context = tf.distribute.InputContext(1, 0, 2)
  halves = take(dataset.input_fn(True, 4, input_context=context), 4)
  whole = take(dataset.input_fn(True, 8), 2)
  for i in range(2):
    both = np.concatenate([halves[2 * i][0], halves[2 * i + 1][0]])
    np.testing.assert_array_equal(both, whole[i][0])


def test_train_and_test_must_have_the_same_classes(photographs, tmp_path):
  split = tmp_path / 'split'
  shutil.copytree(photographs / 'cat', split / 'test' / 'cat')
  photographs.rename(split / 'train')
  with pytest.raises(DataError, match='train has the classes cat, dog, test'):
    image_folder.load(str(split), 24)


def test_a_label_that_no_class_has_is_refused():
  split = in_memory.Split(np.zeros([2, 8, 8, 1], np.uint8), np.array([0, 3]))
  with pytest.raises(DataError, match='label 3, expected 0 to 2'):
    in_memory.dataset(
      'small', {'train': split, 'test': split}, class_names=('a', 'b', 'c')
    )
