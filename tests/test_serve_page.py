"""The page of the server in a real, headless Chromium, with a trained network.

Skipped without `pip install -r tests/requirements-browser.txt` and a Chromium.
"""

import base64
import math
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from official.datasets import mnist
from tests.conftest import ROOT

playwright = pytest.importorskip('playwright.sync_api')
CHROMIUM = next(
  filter(None, map(shutil.which, ('chromium', 'google-chrome', 'chrome'))), None
)
pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(CHROMIUM is None, reason='there is no Chromium'),
]

# How people draw digits: strokes on the pad of 300 x 300.
STROKES = {
  '0': [
    [
      (
        150 + 60 * math.cos(t / 10 * math.pi),
        150 + 90 * math.sin(t / 10 * math.pi),
      )
      for t in range(21)
    ]
  ],
  '1': [[(150, 60), (150, 240)]],
  '2': [
    [
      (90, 110),
      (120, 65),
      (180, 65),
      (200, 110),
      (150, 170),
      (80, 240),
      (220, 240),
    ]
  ],
  '4': [[(170, 60), (80, 180), (230, 180)], [(180, 120), (180, 250)]],
  '7': [[(90, 70), (200, 70), (140, 240)]],
}


@pytest.fixture(scope='module')
def url(tmp_path_factory):
  """A server of ResNet-8, trained for one epoch of MNIST."""
  folder = tmp_path_factory.mktemp('served')
  subprocess.run(
    [
      *(sys.executable, '-m', 'resnet.mnist_main', '--resnet_size=8'),
      *('--train_epochs=1', f'--model_dir={folder}/run'),
      f'--export_dir={folder}/exports',
    ],
    cwd=ROOT,
    check=True,
    capture_output=True,
  )
  command = ('-m', 'official.serve', '--port=0')
  with subprocess.Popen(
    [sys.executable, *command, f'--export_dir={folder}/exports'],
    cwd=ROOT,
    stdout=subprocess.PIPE,
    text=True,
  ) as server:
    server.stdout.readline()
    yield server.stdout.readline().split()[1]
    server.terminate()
    assert server.wait(20) == 0


@pytest.fixture(scope='module')
def browser():
  with playwright.sync_playwright() as driver:
    found = driver.chromium.launch(
      executable_path=CHROMIUM, args=['--no-sandbox', '--disable-gpu']
    )
    yield found
    found.close()


@pytest.fixture
def page(browser, url):
  """The page; errors that the browser reports fail the test."""
  found = browser.new_page(viewport={'width': 900, 'height': 640})
  complaints = []
  found.on('console', lambda message: complaints.append(message.text))
  found.on('pageerror', lambda error: complaints.append(str(error)))
  requests = []
  found.on('request', lambda request: requests.append(request.url))
  found.goto(url)
  found.wait_for_function('model')
  yield found
  found.close()
  assert complaints == []
  assert all(r.startswith((url, 'data:', 'blob:')) for r in requests)


def answer(page):
  page.wait_for_selector('li.best')
  label = page.text_content('li.best span')
  assert page.text_content('#answer').startswith(f'{label}, ')
  return label


def draw(page, strokes):
  box = page.locator('#pad').bounding_box()
  for stroke in strokes:
    for i, (x, y) in enumerate(stroke):
      page.mouse.move(box['x'] + x, box['y'] + y, steps=6)
      if i == 0:
        page.mouse.down()
    page.mouse.up()


def test_a_digit_is_drawn_and_its_probabilities_are_shown(page):
  for label, strokes in STROKES.items():
    page.click('#clear')
    assert page.locator('li').count() == 0
    draw(page, strokes)
    page.wait_for_timeout(300)  # Each stroke sends a request; the last counts.
    assert answer(page) == label
    shares = page.locator('li .share').all_text_contents()
    assert len(shares) == 10
    assert sum(float(s.split()[0]) for s in shares) == pytest.approx(100, abs=1)


def png(image):
  return tf.io.encode_png(image).numpy()


@pytest.mark.parametrize('paper', [False, True])
def test_test_images_are_opened_and_known(page, paper):
  """Digits light on dark, as in MNIST; and larger ones dark on light paper."""
  arrays = mnist.read(None)
  right = 0
  for i in range(10):
    image = arrays['test', 'images'][i][:, :, np.newaxis]
    if paper:
      image = np.kron(255 - image, np.ones([7, 7, 1], np.uint8))
    page.set_input_files(
      '#file',
      {'name': 'digit.png', 'mimeType': 'image/png', 'buffer': png(image)},
    )
    page.wait_for_timeout(200)
    right += answer(page) == str(arrays['test', 'labels'][i])
  assert right >= 9


def test_an_image_is_dropped_and_what_is_none_is_said(page):
  image = png(mnist.read(None)['test', 'images'][0][:, :, np.newaxis])
  drop = """([text, type]) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([bytes], 'x', {type}));
    document.getElementById('pad').dispatchEvent(
      new DragEvent('drop', {dataTransfer: data, bubbles: true}));
  }"""
  page.evaluate(drop, [base64.b64encode(image).decode(), 'image/png'])
  assert answer(page) == '7'
  page.evaluate(drop, [base64.b64encode(b'no image').decode(), 'text/plain'])
  page.wait_for_function("document.getElementById('error').textContent")
  assert 'no image' in page.text_content('#error')
  assert page.locator('li').count() == 0
