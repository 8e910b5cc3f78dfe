"""The other mains and the prediction command, in processes of their own."""

import csv
import json
import os
import types

import numpy as np
import pytest
import tensorflow as tf

from alexnet import alexnet_model_fn
from alexnet.alexnet_flags import AlexNetSettings
from official import estimator as est
from official import predict
from official.datasets import catalog, cifar10, mnist
from official.errors import UsageError
from official.flags import Settings
from resnet import cifar10_main
from tests.conftest import idx_bytes, run_command
from tests.test_photographs import example, jpeg, write_cifar10


def lines_of(result):
  assert result.returncode == 0, result.stderr
  return result.stdout.splitlines()


def write_idx(folder, images, labels, split):
  for kind, array in (('images', images), ('labels', labels)):
    path = folder / f'{split}-{kind}-idx{array.ndim}-ubyte'
    path.write_bytes(idx_bytes(array))


@pytest.fixture(scope='module')
def digits(tmp_path_factory):
  """Two sets of real digits, 0-4 and 5-9 (labelled 0-4)."""
  arrays = mnist.read(None)
  folders = []
  for first in (0, 5):
    folder = tmp_path_factory.mktemp(f'digits_from_{first}')
    for split, prefix in (('train', 'train'), ('test', 't10k')):
      labels = arrays[split, 'labels']
      chosen = np.flatnonzero((labels >= first) & (labels < first + 5))[:320]
      write_idx(
        folder, arrays[split, 'images'][chosen], labels[chosen] - first, prefix
      )
    folders.append(folder)
  return folders


def values_of(model_dir):
  checkpoint = est.Checkpoints(str(model_dir)).latest()
  reader = tf.train.load_checkpoint(checkpoint)
  return {
    name: reader.get_tensor(name)
    for name in reader.get_variable_to_shape_map()
    if name.startswith('resnet_model') and 'Momentum' not in name
  }


@pytest.mark.slow
def test_fine_tuning_changes_the_last_layer_alone(digits, run, tmp_path):
  """From digits 0-4 to 5-9; moving statistics stay to the bit too."""
  main = ('-m', 'resnet.mnist_main', '--resnet_size=8', '--batch_size=64')
  first, second = tmp_path / 'first', tmp_path / 'second'
  lines_of(
    run(*main, f'--data_dir={digits[0]}', f'--model_dir={first}', cwd=tmp_path)
  )
  result = run(
    *main,
    f'--data_dir={digits[1]}',
    f'--model_dir={second}',
    '--fine_tune',
    f'--pretrained_model_checkpoint_path={first}',
    cwd=tmp_path,
  )
  lines_of(result)
  assert '50 variables' in result.stderr
  before, after = values_of(first), values_of(second)
  assert before.keys() == after.keys()
  changed = [n for n in before if before[n].tobytes() != after[n].tobytes()]
  assert sorted(changed) == [
    'resnet_model/dense/bias', 'resnet_model/dense/kernel',
  ]  # fmt: skip
  assert len([name for name in before if 'moving' in name]) == 20


def test_cifar10_trains_by_its_main(parse, tmp_path, capsys):
  write_cifar10(tmp_path / cifar10.FOLDER)
  parse(
    f'--data_dir={tmp_path}', '--resnet_size=8', '--train_epochs=1',
    '--batch_size=16', '--held_out_images=20', '--nodeterministic',
    f'--model_dir={tmp_path}/run',
  )  # fmt: skip
  cifar10_main.main()
  lines = capsys.readouterr().out.splitlines()
  assert lines[0].startswith(
    'ResNet-8 v1, 78,330 parameters · CIFAR-10-held-out-20 80 + 20 images'
  )
  assert '(20 images)' in lines[2]


@pytest.mark.parametrize(
  'version', [1, pytest.param(2, marks=pytest.mark.slow)]
)
def test_imagenet_by_synthetic_data(run, tmp_path, version):
  result = run(
    '-m', 'resnet.imagenet_main', '--use_synthetic_data', '--resnet_size=18',
    f'--resnet_version={version}', '--batch_size=4', '--max_train_steps=1',
    '--image_size=64', cwd=tmp_path,
  )  # fmt: skip
  lines = lines_of(result)
  assert 'ImageNet-synthetic random images 64x64x3' in lines[0]
  assert '(4 images)' in lines[2]
  assert (tmp_path / f'runs/imagenet-synthetic-resnet-18-v{version}').is_dir()


@pytest.mark.slow
def test_googlenet_trains_on_tfrecords_with_its_heads(run, tmp_path):
  for name, count in (('train', 6), ('validation', 3)):
    path = str(tmp_path / f'{name}-00000-of-00001')
    with tf.io.TFRecordWriter(path) as writer:
      for i in range(count):
        record = example(jpeg(70, 90, i), 1 + i)
        writer.write(record.SerializeToString())
  result = run(
    '-m', 'googlenet.imagenet_main', f'--data_dir={tmp_path}',
    '--image_size=64', '--nobackground_class', '--batch_size=3',
    '--max_train_steps=2', f'--model_dir={tmp_path}/run', cwd=tmp_path,
  )  # fmt: skip
  lines = lines_of(result)
  assert ' 6 + 3 images 64x64x3, 1000 classes' in lines[0]
  assert lines[0].startswith('GoogLeNet, ')
  log = (tmp_path / 'run' / 'metrics.jsonl').read_text().splitlines()
  train = [r for r in map(json.loads, log) if r['kind'] == 'train']
  # Three cross-entropies of about ln 1000, two of them 0.3 times.
  assert train[0]['loss'] > 1.3 * train[0]['cross_entropy']


@pytest.fixture(scope='module')
def photographs(tmp_path_factory):
  """Black cats and white dogs, which are easy to tell apart."""
  folder = tmp_path_factory.mktemp('pets')
  for split, count in (('train', 12), ('test', 4)):
    for name, value in (('black cat', 20), ('white dog', 230)):
      images = folder / split / name
      images.mkdir(parents=True)
      for i in range(count):
        pixels = np.full([40 + i, 50, 3], value + i, np.uint8)
        path = images / f'{i}.jpg'
        path.write_bytes(tf.io.encode_jpeg(pixels).numpy())
  return folder


@pytest.fixture(scope='module')
def trained(photographs, tmp_path_factory):
  """An AlexNet that tells black cats from white dogs, and its export."""
  folder = tmp_path_factory.mktemp('trained')
  result = run_command(
    '-m', 'alexnet.imagenet_main', f'--data_dir={photographs}',
    '--alexnet_form=small', '--image_size=32', '--batch_size=8',
    '--train_epochs=4', '--base_lr=1e-4', '--epochs_between_evals=4',
    f'--model_dir={folder}/run', f'--export_dir={folder}/exports', cwd=folder,
  )  # fmt: skip
  assert 'test accuracy 100.00 %' in lines_of(result)[-5]
  return folder


@pytest.mark.slow
def test_prediction_by_an_export_prints_class_and_probability(
  trained, photographs, run
):
  cat = photographs / 'test' / 'black cat' / '1.jpg'
  dogs = photographs / 'test' / 'white dog'
  command = ('-m', 'official.predict', f'--export_dir={trained}/exports')
  lines = lines_of(run(*command, '--batch_size=2', cat, dogs))
  assert len(lines) == 5
  assert lines[0].startswith(f'{cat}  black cat  ')
  assert all('  white dog  ' in line for line in lines[1:])
  assert lines[0].endswith(' %')


@pytest.mark.slow
def test_prediction_by_a_run_is_that_of_its_export(trained, photographs, run):
  images = photographs / 'test' / 'white dog'
  by_export = run(
    '-m', 'official.predict', f'--export_dir={trained}/exports', '--json',
    images,
  )  # fmt: skip
  by_run = run(
    '-m', 'official.predict', f'--model_dir={trained}/run', '--csv', images
  )
  rows = [json.loads(line) for line in lines_of(by_export)]
  same = list(csv.DictReader(lines_of(by_run)))
  assert [row['class'] for row in rows] == ['white dog'] * 4
  assert [row['image'] for row in same] == [row['image'] for row in rows]
  np.testing.assert_allclose(
    [float(row['probability']) for row in same],
    [row['probability'] for row in rows],
    atol=1e-6,
  )


def test_images_get_class_and_probability_also_beside_one_that_is_none(
  finished, run, tmp_path
):
  """A file and a folder of real digits; the run has predicted them too."""
  predictions = np.load(finished[0] / 'run' / 'predictions.npz')
  paths = [tmp_path / 'single.png']
  paths += [tmp_path / 'digits' / f'{i}.png' for i in range(1, 5)]
  paths[1].parent.mkdir()
  images = mnist.read(None)['test', 'images'][..., np.newaxis]
  for path, image in zip(paths, images, strict=False):
    path.write_bytes(tf.io.encode_png(image).numpy())
  bad = tmp_path / 'bad.jpg'
  bad.write_bytes(b'this is no image')
  command = ('-m', 'official.predict', f'--export_dir={finished[0]}/exports')
  result = run(*command, '--batch_size=2', bad, paths[0], tmp_path / 'digits')
  assert result.returncode == 1
  lines = [line.split('  ') for line in result.stdout.splitlines()]
  assert [line[0] for line in lines] == [str(path) for path in paths]
  assert [line[1] for line in lines] == [
    str(i) for i in predictions['classes'][:5]
  ]
  assert [float(line[2].removesuffix(' %')) / 100 for line in lines] == (
    pytest.approx(predictions['confidences'][:5], abs=1e-3)
  )
  assert result.stderr.splitlines() == [
    f'error: {bad}: it is not a JPEG, PNG, GIF, BMP or WebP image',
    'error: 1 of 6 images could not be read',
  ]


def test_an_alexnet_too_large_for_its_images_is_refused():
  settings = Settings(network=AlexNetSettings(alexnet_form='2012'))
  with pytest.raises(UsageError, match='2012 needs images of 67 .*: 28x28'):
    alexnet_model_fn.check_images(settings, (28, 28, 1))


@pytest.mark.parametrize(
  'size, message',
  [
    (8, '--data_dir must name the folder of CIFAR-10'),
    (21, r'--resnet_size must be 6n \+ 2 with n >= 1'),
  ],
)
def test_what_the_main_of_cifar10_cannot_use_is_refused(parse, size, message):
  parse('--nodeterministic', f'--resnet_size={size}')
  with pytest.raises(UsageError, match=message):
    cifar10_main.main()


def test_photographs_must_be_given():
  flags_obj = types.SimpleNamespace(
    data_dir=None, use_synthetic_data=False, image_size=32, seed=1,
    augment=True, max_bad_examples=0,
  )  # fmt: skip
  with pytest.raises(UsageError, match='must name a folder of TFRecords'):
    catalog.load_imagenet(flags_obj)


def test_no_image_of_a_name_is_refused_before_the_model_is_loaded():
  with pytest.raises(UsageError, match='there is no file a.jpg'):
    predict.main(['a.jpg'])


# Errors before the import of TensorFlow take no time.
@pytest.mark.parametrize(
  'module, arguments, message',
  [
    ('official.predict', ['--export_dir=x'], 'IMAGE is missing: name one'),
    ('official.predict', ['a.jpg'], 'one of --export_dir and --model_dir'),
    pytest.param(
      'official.predict',
      ['--export_dir=x', 'a.jpg'],
      'there is no file a.jpg',
      marks=pytest.mark.slow,
    ),
    pytest.param(
      'resnet.cifar10_main',
      [],
      '--data_dir must name the folder of CIFAR-10',
      marks=pytest.mark.slow,
    ),
    pytest.param(
      'resnet.imagenet_main',
      [],
      '--data_dir must name a folder of TFRecords',
      marks=pytest.mark.slow,
    ),
    pytest.param(
      'alexnet.mnist_main',
      ['--alexnet_form=2012'],
      '--alexnet_form 2012 needs images of 67 pixels or more each way, given: '
      '28x28',
      marks=pytest.mark.slow,
    ),
    (
      'googlenet.mnist_main',
      ['--nobatch_norm', '--batch_norm_momentum=0.9'],
      '--batch_norm_momentum has no effect without --batch_norm',
    ),
    (
      'resnet.mnist_main',
      ['--export_only'],
      '--export_only needs --export_dir',
    ),
  ],
)
def test_a_wrong_command_gets_one_line(
  run, tmp_path, module, arguments, message
):
  result = run('-m', module, *arguments, cwd=tmp_path)
  assert result.returncode == 2
  assert result.stderr.startswith('error: ')
  assert message in result.stderr
  assert len(result.stderr.splitlines()) == 1
  assert os.listdir(tmp_path) == []
