"""The report's page, slides and plots: self-contained, and true."""

import ast
import html
import io
import re
import xml.etree.ElementTree

import numpy as np
import pytest
from PIL import Image

from official.report import (
  charts,
  chinese,
  content,
  groups,
  measures,
  pages,
  pdf,
  slides,
)
from official.report.language import Language
from tests.conftest import ROOT
from tests.runs import write_predictions, write_run

# Six images of the classes 0 and 1, four of them right.
PREDICTED = ([0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 0], [0.9, 0.8, 0.6, 1, 1, 0.7])


def test_measures_of_a_confusion_by_hand():
  matrix = measures.confusion(np.array(PREDICTED[0]), PREDICTED[1], 3)
  assert matrix.tolist() == [[2, 1, 0], [1, 2, 0], [0, 0, 0]]
  one, other, none = measures.by_class(matrix)
  assert one == other == pytest.approx((2 / 3, 2 / 3, 2 / 3, 3))
  assert np.isnan(none[:3]).all() and none.num_images == 0


def test_calibration_by_hand():
  """Two are sure and right; of two at 0.6 and 0.65 only one is right."""
  found = measures.calibration(
    np.array([True, True, True, False]), np.array([1.0, 1.0, 0.6, 0.65])
  )
  assert found.num_images.tolist() == [2, 2]
  assert found.confidence == pytest.approx([0.625, 1])
  assert found.accuracy == pytest.approx([0.5, 1])
  assert found.error == pytest.approx(0.125 / 2)


@pytest.fixture(scope='module')
def plotted(tmp_path_factory):
  """Two networks, one with predictions: runs and English plots."""
  folder = tmp_path_factory.mktemp('runs')
  runs = [
    write_run(folder / 'a', '<b>Net</b>', [0.9, 0.95], predicted=PREDICTED),
    write_run(folder / 'b', 'ResNet', [0.91, 0.99], settings=['--dtype=fp16']),
  ]
  say = Language('en')
  return runs, charts.draw(groups.group_runs(runs, say), say)


@pytest.fixture(scope='module', params=['en', 'zh'])
def made(request, plotted):
  """The same: language, content and plots."""
  runs, drawn = plotted
  say = Language(request.param)
  return (
    say,
    content.compose(groups.group_runs(runs, say), list(drawn), say),
    drawn,
  )


@pytest.mark.parametrize('template', ['page.html', 'slides.html'])
def test_a_page_needs_no_network_and_trusts_no_name(made, template):
  say, composed, drawn = made
  page = pages.html(
    template, composed, drawn, say, slides=slides.compose(composed, say)
  )
  assert page.startswith('<!doctype html>')
  assert f'<html lang="{say.name}">' in page
  assert '<b>Net</b>' not in page and '&lt;b&gt;Net&lt;/b&gt;' in page
  sources = re.findall(r'(?:src|href)="([^"]*)"', page)
  assert len(sources) == len(drawn)
  assert all(s.startswith('data:image/') for s in sources)
  for sentence in composed.sentences:
    assert html.escape(sentence) in page


def test_markdown_names_every_plot(made):
  say, composed, drawn = made
  text = pages.markdown(composed, say)
  for name in drawn:
    assert f']({name}.png)' in text
  for sentence in composed.sentences:
    assert f'- {sentence}' in text


def test_the_pdf_has_a_page_a_slide(made):
  say, composed, drawn = made
  deck = slides.compose(composed, say)
  for font in {None, charts.font_for(say)}:
    data = pdf.render(deck, drawn, say, font)
    assert data.startswith(b'%PDF')
    assert len(re.findall(rb'/Type /Page\b', data)) == len(deck)
  assert data == pdf.render(deck, drawn, say, font)


def test_plots_are_files_of_their_kind_and_the_same_again(plotted):
  runs, drawn = plotted
  assert {'confusion_1', 'calibration_1', 'mistakes_1', 'filters_1'} < set(
    drawn
  )
  assert {'accuracy_by_multiply_adds', 'loss_by_time'} < set(drawn)
  for files in drawn.values():
    Image.open(io.BytesIO(files['png'])).verify()
    xml.etree.ElementTree.fromstring(files['svg'])
  say = Language('en')
  assert drawn == charts.draw(groups.group_runs(runs, say), say)


def test_predictions_of_another_step_are_not_shown(tmp_path):
  run = write_run(tmp_path / 'a', 'Net', [0.9])
  say = Language('en')
  write_predictions(tmp_path / 'a', 7, *PREDICTED)
  assert groups.group_runs([run], say)[0].predictions is None
  write_predictions(tmp_path / 'a', 10, *PREDICTED)
  assert groups.group_runs([run], say)[0].predictions.multiply_adds == 1_000_000


def test_all_that_a_report_says_is_translated():
  """Templates have the same places, none missing and none left over."""
  said = set(content.TITLES.values())
  for path in (ROOT / 'official' / 'report').glob('*.py'):
    for node in ast.walk(ast.parse(path.read_text())):
      if isinstance(node, ast.Constant) and node.value in chinese.TABLE:
        said |= {node.value} if path.name != 'chinese.py' else set()
      if isinstance(node, ast.Call) and getattr(node.func, 'id', '') == 'say':
        first = node.args[0]
        said |= {first.value} if isinstance(first, ast.Constant) else set()
  for path in (ROOT / 'official' / 'report').glob('*.html'):
    said |= set(re.findall(r"say\('([^']*)'\)", path.read_text()))
  assert said == set(chinese.TABLE)
  for english, translated in chinese.TABLE.items():
    places = [
      sorted(re.findall(r'{\w+}', text)) for text in (english, translated)
    ]
    assert places[0] == places[1], english


def test_the_command(tmp_path, run):
  folders = [tmp_path / name for name in ('a', 'b')]
  write_run(folders[0], 'Net a', [0.9], predicted=PREDICTED)
  write_run(folders[1], 'Net b', [0.95])
  out = tmp_path / 'out'
  done = run('-m', 'official.report', f'--out={out}', *folders)
  assert (done.returncode, done.stderr) == (0, '')
  assert 'After 1 epoch, Net b is more accurate than Net a' in done.stdout
  note = f'no predictions of Net b: --model_dir {folders[1]} is not the folder'
  assert note in done.stdout
  names = {path.name for path in out.iterdir()}
  assert {'report.html', 'report.md', 'slides.html', 'slides.pdf'} <= names
