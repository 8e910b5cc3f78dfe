"""Every path of every command, with every odd name.

The fast tests put all odd characters into one name, and call every function to
which a command gives a path; the slow ones run the commands, once for each
name.
"""

import ast
import json
import os
import pathlib
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from official import estimator as est
from official import predict
from official.datasets import catalog, cifar10, image_folder, imagenet
from official.errors import UsageError
from official.estimator import files
from official.export import folders as export_folders
from official.export.classifier import ImageClassifier
from official.flags import (
  SettingsForPhotographs,
  SettingsForSmallImages,
  effects,
  paths,
)
from official.flags.declaration import settings_in
from official.report import predictions, runs
from official.run import folder as run_folder
from official.serve.model import ServedModel
from tests import linear
from tests.conftest import ROOT, SMALL
from tests.test_datasets import flag_values
from tests.test_photographs import (
  example,
  jpeg,
  photographs,  # noqa: F401
  write_cifar10,
)

ODD = [
  'a b',
  'lr[0.1]',
  '[',
  '[!a]',
  'a]b',
  'st*r',
  'wh?t',
  '~',
  '~root',
  'co:lon',
  'back\\slash',
  '\\[',
  'Grüße-数字',
  'a,b{c}',
  '$HOME',
  'q\'u"ote',
  '#1&%20',
  '-dash',
  'gs:',
]
# A name that cannot be a whole path: one that begins with `~`.
ALL = 'a [b]-[!c] *?~ d: \\e Ü数 {f,g} $HOME \'"#&%20'
REMOTE = [
  *('gs://b/run', 's3://b/run', 'hdfs://h:1/r', 'ram://r', 'HTTP://h/x'),
  *('gs:/b/run', 'S3:/b', 'hdfs:/r', 'http:/h', 'https:/h'),
]

# The flags of every command that name a path.
SETTINGS = {
  'data_dir',
  'model_dir',
  'export_dir',
  'pretrained_model_checkpoint_path',
}
FLAGS = {
  'official/predict.py': {'export_dir', 'model_dir'},
  'official/serve/__main__.py': {'export_dir'},
  'official/report/__main__.py': {'out'},
  'official/experiment.py': {'out', 'data_dir'},
  'official/datasets/cifar10_download_and_extract.py': {'data_dir'},
}


def defined(path):
  """Name to the function of every flag that a file defines."""
  calls = [
    node
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
  ]
  return {
    call.args[0].value: call.func.attr
    for call in calls
    if call.func.attr.lower().startswith('define')
    and call.args
    and isinstance(call.args[0], ast.Constant)
  }


def test_every_flag_that_names_a_path_takes_all_names():
  found = {}
  for folder in ('official', 'resnet', 'alexnet', 'googlenet'):
    for path in (ROOT / folder).rglob('*.py'):
      by_name = defined(path)
      ours = {name for name, by in by_name.items() if by == 'define'}
      if ours:
        found[str(path.relative_to(ROOT))] = ours
      for name in by_name.keys() - ours:
        assert not name.endswith(('dir', 'path', 'file', 'folder')), path
        assert name != 'out', path
  assert found == FLAGS
  settings = settings_in(SettingsForPhotographs) | settings_in(
    SettingsForSmallImages
  )
  of_paths = {name for name, setting in settings.items() if setting.is_path}
  assert of_paths == SETTINGS
  for name in settings.keys() - of_paths:
    assert not name.endswith(('dir', 'path', 'file', 'folder')), name


@pytest.fixture
def home(tmp_path, monkeypatch):
  monkeypatch.setenv('HOME', str(tmp_path / 'home'))
  return str(tmp_path / 'home')


def test_a_flag_has_the_path_that_was_given(parse, home):
  for flag in sorted(SETTINGS):
    for name in [*ODD, ALL]:
      for path in (f'./{name}', f'/{name}/', f'x/{name}', f'x//{name}/y'):
        flags_obj = parse(f'--{flag}={path}')
        assert flags_obj[flag].value == path
        assert flags_obj[flag].serialize() == f'--{flag}={path}'
    assert parse(f'--{flag}=~')[flag].value == home
    assert parse(f'--{flag}=~/a [b]/')[flag].value == f'{home}/a [b]/'
    assert parse(f'--{flag}=~root/x')[flag].value == '/root/x'
    assert parse(f'--{flag}', '~/x')[flag].value == f'{home}/x'


def test_a_path_of_another_machine_is_refused_in_one_line(parse):
  for flag in sorted(SETTINGS):
    for path in REMOTE:
      with pytest.raises(UsageError) as error:
        parse(f'--{flag}={path}')
      scheme = re.match('.*?:/+', path)[0]
      assert str(error.value) == (
        f'flag --{flag}={path}: remote paths ({scheme}) are not supported '
        'yet; give a local folder'
      )


@pytest.mark.parametrize(
  'path, message',
  [
    ('', 'a path cannot be empty'),
    ('file:///tmp/x', 'give only the path, without file://'),
    ('~nobody-here/x', 'there is no user nobody-here; a folder'),
    ('a\udcff', 'the name must be UTF-8'),
  ],
)
def test_a_path_that_means_nothing_is_refused(parse, path, message):
  with pytest.raises(UsageError, match=message):
    parse(f'--model_dir={path}')


def test_a_word_means_the_file_of_that_name_if_there_is_one(
  home, tmp_path, monkeypatch
):
  monkeypatch.chdir(tmp_path)
  (tmp_path / '~draft.png').touch()
  for name in ODD:
    (tmp_path / name).touch()
  assert [paths.named(n) for n in [*ODD, '~draft.png']] == [*ODD, '~draft.png']
  (tmp_path / '~').unlink()
  assert paths.named('~/x.png') == f'{home}/x.png'
  with pytest.raises(UsageError, match=r"^a word is empty \(''\); name a file"):
    paths.named('')
  for word in REMOTE:
    with pytest.raises(UsageError, match='remote paths'):
      paths.named(word)
    with pytest.raises(UsageError, match='remote paths'):
      predict._image_files([word])


def receiver():
  return est.ServingInputReceiver(
    {'x': (x := tf.compat.v1.placeholder(tf.float32, [None, 8]))}, x
  )


def use_estimator(folder, other):
  """All reads and writes of an Estimator that take a path."""
  estimator = linear.make(folder, save_checkpoints_steps=2)
  estimator.train(linear.train_input, steps=3)
  estimator = linear.make(folder, save_checkpoints_steps=2)
  estimator.train(linear.train_input, max_steps=5)
  results = estimator.evaluate(linear.eval_input)
  assert results['global_step'] == 5
  assert len(estimator.metrics_log.read('eval')) == 1
  latest = estimator.latest_checkpoint()
  of_latest = estimator.evaluate(linear.eval_input, checkpoint_path=latest)
  assert of_latest == results
  assert estimator.get_variable_value('hidden/kernel').shape == (8, 16)
  assert len(list(estimator.predict(linear.eval_input))) == 1000
  export = estimator.export_saved_model(os.path.join(folder, 'out'), receiver)
  found = export_folders.load(export).signatures['serving_default']
  assert len(found(tf.zeros([2, 8]))['classes']) == 2
  # Another run begins with it: by its folder, its checkpoint and its export.
  for source in (folder, latest, export):
    again = linear.make(other, warm_start_from=source)
    again.train(linear.train_input, steps=1)
    assert again.get_variable_value('global_step') == 1
    shutil.rmtree(other)


def make(model_dir, warm_start_from=None, **config):
  return est.Estimator(
    linear.model_fn,
    str(model_dir),
    est.RunConfig(tf_random_seed=1, **config),
    {'rate': 0.0},
    warm_start_from,
  )


@pytest.fixture(autouse=True)
def no_leftovers(tmp_path, monkeypatch):
  """Files in the folder of temporary files are removed again."""
  scratch = tmp_path / 'temporary'
  scratch.mkdir()
  monkeypatch.setattr('tempfile.tempdir', str(scratch))
  yield
  names = os.listdir(scratch)
  left = [n for n in names if not n.startswith('__auto') and n[-4:] != 'tfds']
  assert left == []


@pytest.mark.parametrize(
  'is_absolute', [False, pytest.param(True, marks=pytest.mark.slow)]
)
def test_an_estimator_in_a_folder_of_any_name(
  tmp_path, monkeypatch, is_absolute
):
  monkeypatch.chdir(tmp_path)
  monkeypatch.setattr(linear, 'make', make)
  base, end = (f'{tmp_path}/', '') if is_absolute else ('', '/')
  use_estimator(f'{base}{ALL}{end}', f'{base}{ALL} 2{end}')
  assert sorted(os.listdir(tmp_path)) == [ALL, 'temporary']


@pytest.mark.slow
@pytest.mark.parametrize('name', ODD)
def test_an_estimator_in_a_folder_of_each_name(tmp_path, monkeypatch, name):
  monkeypatch.setattr(linear, 'make', make)
  use_estimator(str(tmp_path / name), str(tmp_path / f'{name} 2'))


def save(prefix, value):
  os.makedirs(os.path.dirname(prefix), exist_ok=True)
  tf.raw_ops.SaveV2(
    prefix=prefix,
    tensor_names=['v'],
    shape_and_slices=[''],
    tensors=[tf.constant(value)],
  )


def test_a_checkpoint_is_read_by_its_name_and_no_other(tmp_path):
  """Beside each folder is one that its name would match as a pattern."""
  pairs = {'st*r': 'star', 'wh?t': 'what', 'a[b]': 'ab', '\\[': '[', ALL: 'a'}
  for number, (name, like) in enumerate(pairs.items()):
    for folder, file in ((name, 'model.ckpt-1'), ('x', name)):
      mine = str(tmp_path / folder / file)
      theirs = mine.replace(name, like)
      save(theirs, -1)
      with pytest.raises(ValueError, match='There is no checkpoint to read at'):
        est.checkpoints.read(mine)
      save(mine, number)
      assert est.checkpoints.read(mine).get_tensor('v') == number
      assert est.find_checkpoint(mine) == mine


def test_a_checkpoint_of_tensorflows_own_name_is_found_in_its_folder(tmp_path):
  """By the file `checkpoint` that TensorFlow's Saver leaves."""
  folder = tmp_path / ALL
  save(str(folder / 'weights[1]'), 7)
  (folder / 'checkpoint').write_text('model_checkpoint_path: "weights[1]"\n')
  assert est.find_checkpoint(str(folder)) == str(folder / 'weights[1]')


def test_a_folder_of_temporary_files_of_an_odd_name(tmp_path, monkeypatch):
  (tmp_path / ALL).mkdir()
  monkeypatch.setattr('tempfile.tempdir', str(tmp_path / ALL))
  save(str(tmp_path / 'a[b]' / 'model.ckpt-1'), 7)
  reader = est.checkpoints.read(str(tmp_path / 'a[b]' / 'model.ckpt-1'))
  assert reader.get_tensor('v') == 7
  with files.plainly_named(str(tmp_path / 'a[b]')) as link:
    assert os.listdir(link) == os.listdir(tmp_path / 'a[b]')
    assert not files.is_pattern(link)
  assert not os.path.lexists(link)


def test_an_estimator_knows_the_home_folder(home, monkeypatch):
  estimator = linear.make('~/runs/a')
  assert estimator.model_dir == f'{home}/runs/a'
  assert est.RunConfig('~root').model_dir == '/root'
  same = est.Estimator(linear.model_fn, '~/r', est.RunConfig(f'{home}/r'))
  assert same.model_dir == f'{home}/r'
  monkeypatch.setenv('TF_CONFIG', json.dumps({'model_dir': '~/r'}))
  assert est.RunConfig().model_dir == f'{home}/r'
  estimator.train(linear.train_input, steps=1)
  export = estimator.export_saved_model('~/out', receiver)
  assert export.startswith(f'{home}/out/')
  assert est.find_checkpoint('~/runs/a') == f'{home}/runs/a/model.ckpt-1'
  assert est.checkpoints.step_of('~/runs/a/model.ckpt-1') == 1


@pytest.mark.parametrize('path', REMOTE)
def test_an_estimator_refuses_a_remote_path_before_any_work(
  tmp_path, monkeypatch, path
):
  monkeypatch.chdir(tmp_path)
  message = r'must be a local folder: remote paths \(.*:/+\) are not supported'
  local = linear.make(tmp_path / 'run')
  for use in (
    lambda: linear.make(path),
    lambda: est.Estimator(linear.model_fn, path),
    lambda: est.RunConfig(model_dir=path),
    lambda: est.RunConfig().replace(model_dir=path),
    lambda: est.Estimator(linear.model_fn, warm_start_from=path),
    lambda: local.export_saved_model(path, receiver),
    lambda: local.event_writer(path),
    lambda: est.find_checkpoint(path),
  ):
    with pytest.raises(ValueError, match=message):
      use()
  monkeypatch.setenv('TF_CONFIG', json.dumps({'model_dir': path}))
  with pytest.raises(ValueError, match=message):
    est.RunConfig()
  assert os.listdir(tmp_path) == ['temporary']


def test_data_in_a_folder_of_any_name(
  tmp_path, mnist_folder, tfds_folder, request
):
  odd = tmp_path / ALL
  images = request.getfixturevalue('photographs')
  shutil.copytree(mnist_folder, odd / 'idx')
  shutil.copytree(tfds_folder, odd / 'digits' / '1.0.0')
  shutil.copytree(images, odd / 'images')
  write_cifar10(odd / cifar10.FOLDER)
  load = catalog.load_mnist
  counts = {
    name: load(flag_values(data_dir=f'{odd}/{name}/')).num_images['train']
    for name in ('idx', 'digits/1.0.0', 'images', cifar10.FOLDER)
  }
  plain = load(flag_values(data_dir=str(images))).num_images['train']
  assert list(counts.values()) == [512, 300, plain, 100]
  dataset = image_folder.load(str(odd / 'images'), 32)
  for is_training in (True, False):
    found, _ = next(iter(dataset.input_fn(is_training, 2)))
    assert found.shape == (2, 32, 32, 3)


def test_tfrecords_in_a_folder_of_any_name(tmp_path):
  for split in ('train', 'validation'):
    (tmp_path / ALL).mkdir(exist_ok=True)
    path = tmp_path / ALL / f'{split}-00000-of-00001'
    with tf.io.TFRecordWriter(str(path)) as writer:
      for label in range(1, 5):
        writer.write(example(jpeg(20, 20, label), label).SerializeToString())
  dataset = imagenet.load(str(tmp_path / ALL), 32)
  assert dataset.num_images == {'train': 4, 'test': 4}
  images, labels = next(iter(dataset.input_fn(False, 4)))
  assert (len(images), labels.numpy().tolist()) == (4, [1, 2, 3, 4])


def test_the_export_of_a_run_in_a_folder_of_any_name(finished, tmp_path, parse):
  """A run is predicted with, served and reported on."""
  odd = tmp_path / ALL
  shutil.copytree(finished[0] / 'exports', odd / 'exports')
  shutil.copytree(finished[0] / 'run', odd / 'run')
  export = export_folders.newest_export(f'{odd}/exports/')
  model = ImageClassifier(export)
  image = odd / 'images [1]' / 'd*git.png'
  image.parent.mkdir()
  Image.fromarray(np.zeros([28, 28], np.uint8)).save(image)
  (path,) = predict._image_files([f'{image.parent}/'])
  ((name, prediction),) = model.predict([path], 1)
  assert os.path.samefile(name, image)
  assert prediction.class_name in '0123456789'
  served = ServedModel(export, 'model')
  served.warm_up()
  assert served.class_names == list('0123456789')
  run = runs.load(str(odd / 'run'))
  assert run.step == 16
  assert predictions.load(run) is not None
  assert os.path.exists(odd / 'run' / run_folder.PREDICTIONS)


@pytest.mark.slow
@pytest.mark.parametrize('name', [*ODD, ALL])
def test_every_command_in_folders_of_each_name(
  name, call, run, mnist_folder, tmp_path
):
  """Trains, goes on, evaluates, exports, predicts and reports."""
  home = tmp_path / 'home'
  home.mkdir()
  name = f'./{name}'
  shutil.copytree(mnist_folder, tmp_path / 'd' / name)

  def done(result):
    told = [n for n in result.stderr.splitlines() if n[:6] != 'INFO: ']
    assert (result.returncode, told) == (0, []), result.stdout
    return result.stdout

  def mnist(*args):
    return done(
      call(
        *effects.acting(SMALL, *args),
        *args,
        f'--data_dir=d/{name}',
        f'--model_dir={name}/run/',
        cwd=tmp_path,
      )
    )

  mnist('--train_epochs=1', f'--export_dir={name}/e')
  assert 'going on from step 8' in mnist('--train_epochs=2')
  mnist('--eval_only')
  mnist('--export_only', f'--export_dir={name}/e/')
  assert len(os.listdir(tmp_path / name / 'e')) == 2
  done(
    call(
      *SMALL,
      '--fine_tune',
      f'--data_dir=d/{name}',
      f'--pretrained_model_checkpoint_path={name}/run',
      f'--model_dir={name}/tuned',
      cwd=tmp_path,
    )
  )
  Image.fromarray(np.zeros([28, 28], np.uint8)).save(tmp_path / name / 'i.png')
  for model in (f'--export_dir={name}/e', f'--model_dir={name}/run'):
    words = ('-m', 'official.predict', model, f'{name}/i.png')
    assert done(run(*words, cwd=tmp_path)).startswith(f'{name}/i.png  ')
  words = ('-m', 'official.report', f'--out={name}/report', f'{name}/run')
  done(run(*words, cwd=tmp_path))
  assert (tmp_path / name / 'report' / 'report.html').exists()
  allowed = {'home', 'temporary', 'd', pathlib.Path(name).name}
  assert set(os.listdir(tmp_path)) == allowed
