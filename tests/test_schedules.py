"""Learning rates against the golden rates of the original and arithmetic."""

import math

import pytest

from official.optimizers import schedules
from resnet import learning_rates, resnet_run_loop

CIFAR = dict(
  batch_denom=128,
  num_images=50_000,
  boundary_epochs=[91, 136, 182],
  decay_rates=[1, 0.1, 0.01, 0.001],
)
IMAGENET = dict(
  batch_denom=256,
  num_images=1_281_167,
  boundary_epochs=[30, 60, 80, 90],
  decay_rates=[1, 0.1, 0.01, 0.001, 1e-4],
  base_lr=0.128,
  warmup=True,
)


def rates(dataset, batch_size, steps):
  rate = resnet_run_loop.learning_rate_with_decay(batch_size, **dataset)
  return [float(rate(step)) for step in steps]


# Batch, first rate, boundaries: the original's.
@pytest.mark.parametrize(
  'batch_size, initial, boundaries',
  [
    (32, 0.025, [142187, 212500, 284375]),
    (128, 0.1, [35546, 53125, 71093]),
    (256, 0.2, [17773, 26562, 35546]),
    (1024, 0.8, [4443, 6640, 8886]),
  ],
)
def test_the_rates_of_cifar(batch_size, initial, boundaries):
  assert rates(CIFAR, batch_size, [0]) == pytest.approx([initial])
  at = rates(CIFAR, batch_size, boundaries)
  after = rates(CIFAR, batch_size, [b + 1 for b in boundaries])
  assert at == pytest.approx([initial * f for f in (1, 0.1, 0.01)])
  assert after == pytest.approx([initial * f for f in (0.1, 0.01, 0.001)])


@pytest.mark.parametrize(
  'batch_size, initial, boundaries, warmup_steps',
  [
    (32, 0.016, [1201094, 2402188, 3202917, 3603282], 200182),
    (256, 0.128, [150136, 300273, 400364, 450410], 25022),
    (1024, 0.512, [37534, 75068, 100091, 112602], 6255),
    (2048, 1.024, [18767, 37534, 50045, 56301], 3127),
  ],
)
def test_the_rates_of_imagenet(batch_size, initial, boundaries, warmup_steps):
  factors = (1, 0.1, 0.01, 0.001, 1e-4)
  at = rates(IMAGENET, batch_size, boundaries)
  after = rates(IMAGENET, batch_size, [b + 1 for b in boundaries])
  assert at == pytest.approx([initial * f for f in factors[:-1]])
  assert after == pytest.approx([initial * f for f in factors[1:]])
  before, reached = warmup_steps - 1, warmup_steps
  warming = rates(IMAGENET, batch_size, [0, before, reached])
  assert warming == pytest.approx([0, initial * before / reached, initial])


def test_spot_rates_of_imagenet_at_256():
  steps = [0, 12511, 25022, 150136, 150137]
  expected = [0, 0.064, 0.128, 0.128, 0.0128]
  assert rates(IMAGENET, 256, steps) == pytest.approx(expected)


def test_cosine_is_half_a_cosine_after_a_straight_warm_up():
  rate = schedules.cosine(0.4, total_steps=110, warmup_steps=10)
  expected = {
    0: 0,
    5: 0.2,
    10: 0.4,
    60: 0.2,
    85: 0.2 * (1 + math.cos(math.pi * 0.75)),
    110: 0,
    200: 0,
  }
  seen = {step: float(rate(step)) for step in expected}
  assert seen == pytest.approx(expected, abs=1e-7)


def test_polynomial_falls_by_its_power():
  rate = schedules.polynomial(8.0, total_steps=20, warmup_steps=4, power=2.0)
  seen = [float(rate(step)) for step in (0, 2, 4, 12, 20, 30)]
  assert seen == pytest.approx([0, 4, 8, 2, 0, 0])


@pytest.mark.parametrize(
  'batch_size, peak, warmup_epochs',
  [(4096, 5.0, 5), (8192, 10.0, 5), (16384, 25.0, 5), (32768, 32.0, 14)],
)
def test_lars_has_the_originals_peaks(batch_size, peak, warmup_epochs):
  rate = learning_rates.lars_learning_rate(batch_size, 1_281_167, 90)
  warm = int(warmup_epochs * 1_281_167 / batch_size)
  assert float(rate(warm)) == pytest.approx(peak)
  assert float(rate(1)) == pytest.approx(peak / warm)
  assert float(rate(int(90 * 1_281_167 / batch_size))) == pytest.approx(0)


@pytest.mark.parametrize(
  'boundaries, values, message',
  [
    ([1, 2], [0.1, 0.2], '2 values and 2 boundaries'),
    ([2, 1], [0.1, 0.2, 0.3], r'must not fall, given: \[2, 1\]'),
  ],
)
def test_a_wrong_piecewise_constant(boundaries, values, message):
  with pytest.raises(ValueError, match=message):
    schedules.piecewise_constant(boundaries, values)
