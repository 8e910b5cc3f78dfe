"""Data sets: what is in them, in which order, and what is refused."""

import gzip
import hashlib
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf

from official.datasets import (
  augmentation,
  catalog,
  example_order,
  mnist,
  records,
  synthetic,
  tfds,
)
from official.datasets.files import idx
from official.errors import DataError, UsageError
from tests.conftest import idx_bytes


def take(dataset, batches):
  return [
    tuple(part.numpy() for part in batch) for batch in dataset.take(batches)
  ]


def context(replicas, pipelines=1, pipeline=0):
  return tf.distribute.InputContext(pipelines, pipeline, replicas)


@pytest.fixture(scope='module')
def embedded():
  return mnist.load(seed=1)


@pytest.fixture
def small(mnist_folder):
  return mnist.load(str(mnist_folder), seed=1)


def test_the_embedded_mnist_is_mnist(embedded):
  arrays = mnist.read(None)
  assert arrays['train', 'images'].shape == (60_000, 28, 28)
  assert arrays['test', 'images'].shape == (10_000, 28, 28)
  labels = arrays['train', 'labels'][:10].tolist()
  assert labels == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
  assert np.bincount(arrays['test', 'labels']).tolist() == [
    980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009,
  ]  # fmt: skip
  # The published mean and deviation of MNIST.
  pixels = arrays['train', 'images'] / 255
  assert (round(pixels.mean(), 4), round(pixels.std(), 4)) == (0.1307, 0.3081)
  assert embedded.image_shape == (28, 28, 1)
  assert embedded.num_classes == 10
  assert embedded.num_images == {'train': 60_000, 'test': 10_000}


def test_a_damaged_embedded_file_is_an_error(tmp_path, monkeypatch):
  folder = tmp_path / 'mnist'
  shutil.copytree(mnist.EMBEDDED, folder)
  path = next(folder.glob('t10k-labels*'))
  content = bytearray(gzip.decompress(path.read_bytes()))
  content[100] ^= 1
  path.write_bytes(gzip.compress(content))
  monkeypatch.setattr(mnist, 'EMBEDDED', str(folder))
  with pytest.raises(DataError, match='t10k-labels.* is damaged: its SHA-256'):
    mnist.load()


def test_every_epoch_holds_every_index_once():
  for size in (1, 2, 7, 1000, 60_000):
    position = tf.range(2 * size, dtype=tf.int64)
    index = example_order.shuffled_index(position, size, seed=3).numpy()
    for epoch in np.split(index, 2):
      np.testing.assert_array_equal(np.sort(epoch), np.arange(size))
  assert (index[:size] != index[size:]).mean() > 0.99


def test_the_order_is_a_function_of_position_and_seed():
  position = tf.range(990, 1010, dtype=tf.int64)
  whole = example_order.shuffled_index(tf.range(2000, dtype=tf.int64), 1000, 3)
  part = example_order.shuffled_index(position, 1000, 3)
  np.testing.assert_array_equal(whole[990:1010], part)
  other = example_order.shuffled_index(position, 1000, 4)
  assert (part.numpy() != other.numpy()).any()


def test_an_epoch_of_batches_is_every_training_image_once(mnist_folder):
  dataset = mnist.load(str(mnist_folder), seed=1, augment=False)
  batches = take(dataset.input_fn(True, 128), 4)
  seen = np.concatenate([images for images, _ in batches])
  stored = mnist.read(str(mnist_folder))['train', 'images'] / np.float32(255)
  key = lambda images: sorted(image.tobytes() for image in images)  # noqa: E731
  assert key(seen.astype(np.float32)) == key(stored[..., None])


def test_training_can_start_at_any_step(small):
  whole = take(small.input_fn(True, 100), 8)  # Steps 5 and 6 end an epoch.
  later = take(small.input_fn(True, 100, start_step=5), 3)
  for expected, batch in zip(whole[5:], later, strict=True):
    np.testing.assert_array_equal(expected[0], batch[0])
    np.testing.assert_array_equal(expected[1], batch[1])


@pytest.mark.parametrize('pipelines', [1, 2])
def test_replicas_share_the_batches_of_one(small, pipelines):
  whole = take(small.input_fn(True, 64, start_step=7), 4)
  parts = [
    take(
      small.input_fn(
        True,
        32,
        start_step=7,
        input_context=context(2, pipelines, pipeline),
      ),
      8 // pipelines,
    )
    for pipeline in range(pipelines)
  ]
  if pipelines == 2:  # The replicas take turns.
    parts = [[part for turn in zip(*parts, strict=True) for part in turn]]
  images = np.concatenate([images for images, _ in parts[0]])
  labels = np.concatenate([labels for _, labels in parts[0]])
  np.testing.assert_array_equal(labels, np.concatenate([b[1] for b in whole]))
  np.testing.assert_array_equal(images, np.concatenate([b[0] for b in whole]))


def test_evaluation_is_every_test_image_once_in_order(small, mnist_folder):
  stored = mnist.read(str(mnist_folder))
  for parts in (1, 2):
    batches = [
      take(small.input_fn(False, 100, input_context=context(1, parts, p)), -1)
      for p in range(parts)
    ]
    ordered = [batches[i % parts][i // parts] for i in range(3)]
    images = np.concatenate([images for images, _ in ordered])
    labels = np.concatenate([labels for _, labels in ordered])
    np.testing.assert_allclose(images[..., 0] * 255, stored['test', 'images'])
    np.testing.assert_array_equal(labels, stored['test', 'labels'])


def test_augmentation_moves_as_it_says():
  image = np.zeros([1, 11, 11, 1], np.float32)
  image[0, 5, 7] = 1  # Right of the centre.

  def brightest(*uniform):
    moved = augmentation.random_affine(
      image, tf.constant([uniform], tf.float32)
    )
    return np.unravel_index(np.argmax(moved), (11, 11))

  assert brightest(0, 0, 0, 0) == (5, 7)
  # 2.5 pixels at most: 0.4 of it is one.
  assert brightest(0, 0, -0.4, 0) == (5, 8)
  assert brightest(0, 0, 0, 0.8) == (3, 7)
  still = augmentation.random_affine(image, tf.zeros([1, 4]))
  np.testing.assert_allclose(still, image, atol=1e-6)


def test_augmentation_changes_training_images_alone(mnist_folder):
  plain = mnist.load(str(mnist_folder), seed=1, augment=False)
  moved = mnist.load(str(mnist_folder), seed=1)
  for training in (True, False):
    (a, labels), (b, same) = (
      take(d.input_fn(training, 64), 1)[0] for d in (plain, moved)
    )
    np.testing.assert_array_equal(labels, same)
    assert np.array_equal(a, b) != training
    assert b.min() >= 0 and b.max() <= 1


def test_idx_files_may_be_gzipped_and_named_as_emnist_does(
  tmp_path, mnist_folder
):
  for path in mnist_folder.iterdir():
    name = 'emnist-digits-' + path.name.replace('t10k', 'test') + '.gz'
    (tmp_path / name).write_bytes(gzip.compress(path.read_bytes()))
  arrays, expected = mnist.read(str(tmp_path)), mnist.read(str(mnist_folder))
  for key, array in expected.items():
    np.testing.assert_array_equal(arrays[key], array)


def test_classes_are_counted_in_the_labels(tmp_path, mnist_folder):
  shutil.copytree(mnist_folder, tmp_path, dirs_exist_ok=True)
  labels = np.arange(512) % 26
  (tmp_path / 'train-labels-idx1-ubyte').write_bytes(idx_bytes(labels))
  dataset = mnist.load(str(tmp_path))
  assert dataset.num_classes == 26
  assert dataset.name == tmp_path.name


def rewrite(name, change):
  def damage(folder):
    path = folder / name
    path.write_bytes(change(path.read_bytes()))

  return damage


IMAGES, TRAIN_LABELS = 'train-images-idx3-ubyte', 'train-labels-idx1-ubyte'


@pytest.mark.parametrize(
  'damage, message',
  [
    (rewrite(IMAGES, lambda b: b[:-1]), 'has 401,423 bytes, but .* 401,424'),
    (rewrite(IMAGES, lambda b: b + b'x'), 'says 401,424: it is truncated or'),
    (rewrite(IMAGES, lambda b: b[:9]), 'truncated inside its header'),
    (rewrite(IMAGES, lambda b: b''), 'starts with nothing, expected 00000803'),
    (
      rewrite(IMAGES, lambda b: b'<html>' + b),
      'is not an IDX file .* starts with 3c68746d',
    ),
    (
      rewrite(IMAGES, lambda b: gzip.compress(b)[:-20]),
      'cannot be read: .*ended',
    ),
    (
      rewrite(TRAIN_LABELS, lambda b: idx_bytes(np.zeros(5))),
      '512 train images but 5 labels',
    ),
    (
      lambda folder: (folder / IMAGES).unlink(),
      'one file of train images .* found: none',
    ),
    (
      lambda folder: shutil.copy(folder / IMAGES, folder / f'{IMAGES}.gz'),
      'one file of train images .* found: .*, ',
    ),
    (
      rewrite(
        't10k-images-idx3-ubyte', lambda b: idx_bytes(np.zeros([256, 9, 9]))
      ),
      r'training images are \(28, 28, 1\), test images \(9, 9, 1\)',
    ),
  ],
)
def test_a_wrong_idx_folder(tmp_path, mnist_folder, damage, message):
  shutil.copytree(mnist_folder, tmp_path, dirs_exist_ok=True)
  damage(tmp_path)
  with pytest.raises(DataError, match=message):
    mnist.load(str(tmp_path))


def test_a_file_of_other_numbers_is_no_idx_file_of_bytes():
  with pytest.raises(DataError, match='starts with 00000d03'):
    idx.parse(bytes([0, 0, 0x0D, 3]) + bytes(12), 'path', 3)


def flag_values(**values):
  defaults = {
    'dataset': None,
    'data_dir': None,
    'seed': 1,
    'augment': True,
    'held_out_images': 0,
    'max_bad_examples': 0,
  }
  return types.SimpleNamespace(**(defaults | values))


def test_a_set_of_tensorflow_datasets_is_read_from_its_folder(tfds_folder):
  dataset = catalog.load_mnist(flag_values(data_dir=str(tfds_folder)))
  assert dataset.name == 'digits'
  assert dataset.class_names[3] == 'digit 3'
  assert dataset.num_images == {'train': 300, 'test': 100}
  images, labels = take(dataset.input_fn(False, 100), 1)[0]
  stored = mnist.read(None)

  def rows(images, labels):
    return sorted(zip(map(bytes, images), labels.tolist(), strict=True))

  pixels = np.round(images * 255).astype(np.uint8)
  assert rows(pixels, labels) == rows(
    stored['test', 'images'][:100], stored['test', 'labels'][:100]
  )


def test_a_set_of_tensorflow_datasets_that_does_not_exist():
  with pytest.raises(DataError, match="cannot give 'no_such_set'"):
    tfds.load('no_such_set', None)


@pytest.mark.parametrize(
  'error, raised',
  [
    (OSError('no network'), DataError),
    (KeyboardInterrupt(), KeyboardInterrupt),
    (BrokenPipeError(), BrokenPipeError),
  ],
)
def test_a_set_that_cannot_be_prepared_leaves_the_folder_as_it_was(
  tmp_path, monkeypatch, error, raised
):
  import tensorflow_datasets

  def prepare(builder):
    for name in ('downloads/extracted', 'mnist/3.0.1.incomplete'):
      (folder / name).mkdir(parents=True)
      (folder / name / 'part').write_text('x')
    raise error

  kind = tensorflow_datasets.core.DatasetBuilder
  monkeypatch.setattr(kind, 'download_and_prepare', prepare)
  folder = tmp_path / 'data'
  for kept in ([], ['downloads/old.zip', 'cat/1.jpg']):
    for name in kept:
      (folder / name).parent.mkdir(parents=True)
      (folder / name).write_text('x')
    before = sorted(tmp_path.rglob('*'))
    with pytest.raises(raised):
      tfds.load('mnist', str(folder))
    assert sorted(tmp_path.rglob('*')) == before


def test_the_flags_choose_the_data(mnist_folder):
  assert catalog.load_mnist(flag_values()).name == 'MNIST'
  chosen = catalog.load_mnist(flag_values(data_dir=str(mnist_folder)))
  assert chosen.num_images == {'train': 512, 'test': 256}


def test_a_folder_without_data(tmp_path):
  (tmp_path / 'photo.jpg').touch()
  with pytest.raises(UsageError, match='must hold IDX .* found: photo.jpg'):
    catalog.load_mnist(flag_values(data_dir=str(tmp_path)))
  with pytest.raises(UsageError, match='--data_dir: there is no folder'):
    catalog.load_mnist(flag_values(data_dir=str(tmp_path / 'missing')))


def test_synthetic_images_have_the_originals_distribution():
  input_fn = synthetic.get_synth_input_fn(32, 32, 3, 10)
  images, labels = take(input_fn(True, None, 500), 1)[0]
  assert images.shape == (500, 32, 32, 3)
  assert images.mean() == pytest.approx(127, abs=1)
  # A normal of deviation 60, cut at two deviations.
  assert images.std() == pytest.approx(0.8796 * 60, abs=1)
  assert sorted(set(labels.tolist())) == list(range(10))
  assert labels.dtype == np.int32
  two = take(input_fn(True, None, 4), 2)
  np.testing.assert_array_equal(two[0][0], two[1][0])


def test_synthetic_images_have_the_shapes_of_the_set(embedded):
  dataset = synthetic.like(embedded)
  images, labels = take(dataset.input_fn(True, 8, start_step=5), 1)[0]
  assert (images.shape, labels.shape) == ((8, 28, 28, 1), (8,))
  assert dataset.name == 'MNIST-synthetic'
  assert dataset.num_images == embedded.num_images


def parse_number(record, is_training, dtype):
  number = tf.strings.to_number(record, dtype)
  return (-number if is_training else number), tf.cast(number, tf.int32)


def number_records(count):
  return tf.data.Dataset.range(count).map(tf.strings.as_string)


def test_records_are_shuffled_within_their_epoch_and_then_batched():
  dataset = records.process_record_dataset(
    number_records(10), True, 4, 10, parse_number, num_epochs=3, seed=5
  )
  batches = take(dataset, -1)
  assert [len(images) for images, _ in batches] == [4] * 7 + [2]
  labels = np.concatenate([labels for _, labels in batches])
  images = np.concatenate([images for images, _ in batches])
  np.testing.assert_array_equal(images, -labels)
  for epoch in np.split(labels, 3):
    assert sorted(epoch) == list(range(10))
  assert labels[:10].tolist() != labels[10:20].tolist()


def test_records_to_evaluate_keep_their_order():
  dataset = records.process_record_dataset(
    number_records(5), False, 2, 5, parse_number, drop_remainder=True
  )
  labels = [labels.tolist() for _, labels in take(dataset, -1)]
  assert labels == [[0, 1], [2, 3]]


def test_the_options_of_records_are_in_the_dataset_that_is_returned():
  dataset = records.process_record_dataset(
    number_records(5), True, 2, 5, parse_number, datasets_num_private_threads=3
  )
  assert dataset.options().threading.private_threadpool_size == 3
  assert dataset.options().threading.max_intra_op_parallelism == 1
  # By position, as the original's last argument.
  slack = records.process_record_dataset(
    number_records(5),
    True,
    2,
    5,
    parse_number,
    1,
    tf.float32,
    None,
    False,
    True,
  )
  assert slack.options().experimental_slack


def test_the_licence_and_checksums_stand_beside_the_embedded_files():
  import pathlib

  folder = pathlib.Path(mnist.EMBEDDED)
  text = (folder / 'README.md').read_text()
  for path in folder.glob('*.gz'):
    assert path.name.removesuffix('.gz') in text
    content = path.read_bytes()
    known = (content, gzip.decompress(content))
    assert any(hashlib.sha256(c).hexdigest() in text for c in known)
