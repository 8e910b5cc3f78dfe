"""Encoded images become the pixels that Pillow sees, in every kind of file."""

import io
import struct

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from official import tensorflow_errors
from official.datasets import imagenet_preprocessing, mnist
from official.datasets.decoding import gif as gif_decoding
from official.datasets.decoding import images as image_decoding
from official.datasets.decoding import resizing
from official.export import folders as export_folders
from official.export import receivers
from official.export.classifier import ImageClassifier
from tests import test_found_is_used as files

GREY = np.array([0.299, 0.587, 0.114])


def encoded(image, kind, **options):
  content = io.BytesIO()
  image.save(content, kind, **options)
  return content.getvalue()


def pictures():
  """Name to file: every kind, with and without alpha and tables of colours."""
  random = np.random.RandomState(0)
  pixels = random.randint(0, 256, [12, 10, 4]).astype(np.uint8)
  colour = Image.fromarray(pixels[..., :3])
  alpha = Image.fromarray(pixels)
  grey = Image.fromarray(pixels[..., 0])
  hard = pixels.copy()
  hard[..., 3] = np.where(pixels[..., 3] > 128, 255, 0)
  frames = {'save_all': True, 'append_images': [Image.fromarray(hard)]}
  cases = {
    'webp': encoded(colour, 'WEBP', lossless=True),
    'webp lossy': encoded(colour, 'WEBP'),
    'webp alpha': encoded(alpha, 'WEBP', lossless=True, exact=True),
    'gif': encoded(grey, 'GIF'),
    'gif of two frames': encoded(colour, 'GIF', **frames),
    'gif transparent': encoded(Image.fromarray(hard), 'GIF'),
    'jpeg grey': encoded(grey, 'JPEG', quality=95),
    'jpeg cmyk': encoded(alpha.convert('CMYK'), 'JPEG', quality=95),
  }
  for name, image in {
    'colour': colour,
    'grey': grey,
    'black and white': grey.convert('1'),
    'of 256 colours': colour.convert('P'),
    'of 16 colours': colour.quantize(16),
    'of 3 colours': colour.quantize(3),
  }.items():
    cases[f'png {name}'] = encoded(image, 'PNG')
    cases[f'bmp {name}'] = encoded(image, 'BMP')
  cases['bmp of 32 bits'] = encoded(alpha, 'BMP')  # Its alpha is not one.
  cases['png alpha'] = encoded(alpha, 'PNG')
  light = Image.fromarray(np.ascontiguousarray(pixels[..., :2] | 240))
  cases['png light and alpha'] = encoded(light, 'PNG')
  cases['png of a transparent colour'] = encoded(
    grey, 'PNG', transparency=int(pixels[3, 3, 0])
  )
  table = colour.quantize(16)
  cases['png of a transparent entry'] = encoded(table, 'PNG', transparency=3)
  return cases


def as_pillow_sees(content):
  """[H, W, 3] on paper: white, or black where the drawing is light."""
  image = Image.open(io.BytesIO(content))
  if image.mode == 'CMYK':
    image = image.convert('RGB')
  pixels = np.array(image.convert('RGBA'), np.float64)
  share = pixels[..., 3:] / 255
  mean = (pixels[..., :3] @ GREY * share[..., 0]).sum() / share.sum()
  paper = 0 if mean > 191 else 255
  return np.round(pixels[..., :3] * share + paper * (1 - share))


def test_every_kind_of_file_is_what_pillow_sees():
  for name, content in pictures().items():
    expected = as_pillow_sees(content)
    limit = 12 if name.startswith('jpeg') else 0  # Decoders differ.
    colours = image_decoding.decode(tf.constant(content), 3).numpy()
    assert colours.shape == expected.shape, name
    assert colours.dtype == np.uint8, name
    assert np.abs(colours - expected).max() <= limit, name
    grey = image_decoding.decode(tf.constant(content), 1).numpy()
    difference = np.abs(grey[..., 0] - np.round(expected @ GREY))
    assert difference.max() <= limit, name


def placed(gif, screen, place):
  """The same GIF with its one frame elsewhere in a picture of another size."""
  start = gif.index(b',\0\0\0\0' + gif[6:10])
  return (
    gif[:6]
    + struct.pack('<2H', *screen)
    + gif[10 : start + 1]
    + struct.pack('<2H', *place)
    + gif[start + 5 :]
  )


def test_a_gif_whose_frame_is_smaller_than_its_picture_has_paper_around_it():
  gifs = pictures()
  for name in ('gif', 'gif transparent'):
    alone = Image.open(io.BytesIO(gifs[name])).convert('RGBA')  # 10 x 12
    for screen, (left, top), shape in [
      ((31, 23), (5, 7), (23, 31)),
      ((31, 23), (0, 0), (23, 31)),
      ((31, 12), (21, 0), (12, 31)),
      ((9, 8), (3, 1), (13, 13)),  # Pillow makes room, too.
    ]:
      content = placed(gifs[name], screen, (left, top))
      assert Image.open(io.BytesIO(content)).convert('RGB').size == shape[::-1]
      expected = np.zeros([*shape, 4], np.uint8)
      expected[top : top + 12, left : left + 10] = np.array(alone)
      got = gif_decoding.decode(tf.constant(content)).numpy()
      np.testing.assert_array_equal(got[..., 3], expected[..., 3])
      drawn = expected[..., 3] > 0
      np.testing.assert_array_equal(got[drawn], expected[drawn])
      decoded = image_decoding.decode(tf.constant(content), 3).numpy()
      assert (decoded[~drawn] == 255).all() and decoded.shape == (*shape, 3)


def test_sixteen_bits_become_eight():
  pixels = (np.arange(120).reshape(12, 10) * 500).astype(np.uint16)
  content = encoded(Image.fromarray(pixels), 'PNG')
  got = image_decoding.decode(tf.constant(content), 1)
  np.testing.assert_array_equal(got[..., 0], pixels >> 8)


def test_what_tensorflow_would_decode_wrongly_or_not_at_all_is_refused():
  """An animated WebP ends a process of TensorFlow 2.21 that decodes it."""
  colour = Image.fromarray(np.zeros([8, 8, 3], np.uint8))
  other = Image.fromarray(np.full([8, 8, 3], 99, np.uint8))
  moving = encoded(colour, 'WEBP', save_all=True, append_images=[other])
  for content, message in {
    moving: 'an animated WebP image; save one picture of it',
    encoded(colour, 'TIFF'): 'it is not a JPEG, PNG, GIF, BMP or WebP image',
    b'': 'Input is empty',
    b'\xff\x0a' + bytes(40): 'it is not a JPEG, PNG',  # JPEG XL
    encoded(colour, 'BMP')[:-1]: 'differ by -1',
    files.BMP[:28] + b'\x10\0' + files.BMP[30:]: 'a BMP of this kind',
  }.items():
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
      image_decoding.decode(tf.constant(content), 3)
    assert message in tensorflow_errors.reason(raised.value)


def test_a_picture_of_gigabytes_is_refused_in_every_kind():
  frame = b'\x2c' + b'\0\0\0\0\xff\xff\xff\xff' + b'\0\2\0'
  extension = b'\x21\xfe\3abc\0'
  bombs = {name: content + bytes(40) for name, content in files.BOMBS.items()}
  del bombs['jpeg']  # Made by hand: TensorFlow asks for more of its header.
  bombs['frame of a small gif'] = (
    b'GIF89a\1\0\1\0\0\0\0' + extension + frame + b';'
  )
  large = np.zeros([1, 1, 3], np.uint8)
  content = bytearray(encoded(Image.fromarray(large), 'JPEG'))
  at = content.index(b'\xff\xc0') + 5
  content[at : at + 4] = 2 * b'\xfd\xe8'  # 65,000 each
  bombs['jpeg'] = bytes(content)
  for name, content in bombs.items():
    with pytest.raises(tf.errors.InvalidArgumentError) as raised:
      image_decoding.decode(tf.constant(content), 3)
    assert 'more than 134,217,728 pixels' in tensorflow_errors.reason(
      raised.value
    ), name


def digits():
  arrays = mnist.read(None)
  return arrays['test', 'images'][:40]


def test_a_drawn_digit_is_the_same_digit_on_any_paper():
  """Light ink, dark ink, transparent or not: all become like MNIST's."""
  paper = resizing.paper_of(digits()[..., np.newaxis])
  assert paper == 0
  assert resizing.paper_of(255 - digits()[..., np.newaxis]) == 255
  noise = np.random.RandomState(0).randint(0, 256, [50, 28, 28, 1])
  assert resizing.paper_of(noise.astype(np.uint8)) is None
  for digit in digits()[:5]:
    ink = np.zeros([28, 28, 4], np.uint8)
    ink[..., 3] = digit
    light = ink.copy()
    light[..., :3] = 255
    red = ink.copy()
    red[..., 0] = 200
    for kind, pixels in (
      ('PNG', digit), ('PNG', 255 - digit), ('PNG', ink), ('PNG', light),
      ('WEBP', light), ('WEBP', ink), ('BMP', 255 - digit), ('GIF', digit),
      ('PNG', red),
    ):  # fmt: skip
      options = {'lossless': True, 'exact': True} if kind == 'WEBP' else {}
      content = encoded(Image.fromarray(pixels), kind, **options)
      got = resizing.decode_and_resize((28, 28, 1), content, paper)
      dimmer = (255 - 0.299 * 200) / 255 if pixels is red else 1
      difference = np.abs(got.numpy()[..., 0] - digit * dimmer)
      assert difference.max() <= 1, kind


def original_preprocessing(pixels, height, width):
  """The original's, in NumPy: the shorter side 256, the middle, the means."""
  scale = np.float32(256) / np.float32(min(pixels.shape[:2]))
  target = [int(np.float32(side) * scale) for side in pixels.shape[:2]]
  for axis, size in enumerate(target):
    # Bilinear, from the corner on, as TensorFlow 1 had it.
    position = np.arange(size) * (pixels.shape[axis] / size)
    low = np.floor(position).astype(int)
    high = np.minimum(low + 1, pixels.shape[axis] - 1)
    part = (position - low).reshape([-1, 1, 1] if axis == 0 else [1, -1, 1])
    pixels = (
      pixels.take(low, axis) * (1 - part) + pixels.take(high, axis) * part
    )
  top, left = (target[0] - height) // 2, (target[1] - width) // 2
  middle = pixels[top : top + height, left : left + width]
  return middle - np.array([123.68, 116.78, 103.94])


def test_encoded_photographs_are_prepared_as_the_original_did():
  shape = (224, 192, 3)
  random = np.random.RandomState(1)
  pixels = random.randint(0, 256, [60, 90, 3]).astype(np.uint8)
  grey = np.full([70, 50, 3], 128, np.uint8)
  contents = [tf.io.encode_jpeg(grey).numpy(), tf.io.encode_png(pixels).numpy()]

  @tf.function(autograph=False)
  def receive():
    receiver = receivers.image_bytes_serving_input_fn(shape)
    return receiver.features, receiver.receiver_tensors['image_bytes']

  graph = receive.get_concrete_function().graph
  features, image_bytes = graph.structured_outputs
  with tf.compat.v1.Session(graph=graph) as session:
    got = session.run(features, {'input_tensor:0': contents})
  assert image_bytes.dtype == tf.string and got.dtype == np.float32
  np.testing.assert_allclose(
    got[0], np.broadcast_to([4.32, 11.22, 24.06], shape), atol=1e-4
  )
  expected = original_preprocessing(pixels.astype(np.float64), *shape[:2])
  np.testing.assert_allclose(got[1], expected, atol=0.02)


def test_shapes_that_the_original_could_not_prepare_are_refused():
  with pytest.raises(ValueError, match=r'3 channels, .* given: \[28, 28, 1\]'):
    receivers.image_bytes_serving_input_fn([28, 28, 1])
  with pytest.raises(ValueError, match='at most 256 high and wide'):
    receivers.image_bytes_serving_input_fn([299, 299, 3])
  assert imagenet_preprocessing.RESIZE_MIN == 256


def test_an_exported_model_takes_every_kind_of_file(finished, tmp_path):
  """Each of 16 digits has one answer, whatever file it comes in."""
  folder, _, _ = finished
  model = ImageClassifier(export_folders.newest_export(f'{folder}/exports'))
  for kind in ('TIFF', 'PPM', 'ICO'):
    path = tmp_path / f'x.{kind.lower()}'
    path.write_bytes(encoded(Image.new('RGB', (32, 32)), kind))
    ((_, reason),) = model.predict([str(path)], 1)
    assert reason == f'{kind} is not read; save it as PNG'
  images = digits()[:16]
  ink = np.zeros([len(images), 28, 28, 4], np.uint8)
  ink[..., 3] = images
  light = ink.copy()
  light[..., :3] = 255
  answers = {}
  for name, kind, arrays, options in (
    ('opaque', 'PNG', images, {}),
    ('dark on white', 'PNG', 255 - images, {}),
    ('dark on nothing', 'PNG', ink, {}),
    ('light on nothing', 'PNG', light, {}),
    ('bmp', 'BMP', images, {}),
    ('gif', 'GIF', images, {}),
    ('webp', 'WEBP', np.stack([images] * 3, -1), {'lossless': True}),
    ('16 bits', 'PNG', images.astype(np.uint16) * 257, {}),
  ):
    paths = []
    for i, array in enumerate(arrays):
      path = tmp_path / f'{name} {i}'
      path.write_bytes(encoded(Image.fromarray(array), kind, **options))
      paths.append(str(path))
    answers[name] = [answer for _, answer in model.predict(paths, 16)]
  for name, of_kind in answers.items():
    for answer, expected in zip(of_kind, answers['opaque'], strict=True):
      assert answer.class_name == expected.class_name, name
      assert answer.probability == pytest.approx(
        expected.probability, abs=0.02
      ), name
