"""Confidence intervals of 95 % for proportions, means and differences."""

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple

_Z = statistics.NormalDist().inv_cdf(0.975)

# Two-sided 95 % points of Student's t distribution, for 1 to 30 degrees of
# freedom. The standard library has none, and the report needs no SciPy.
_T = (
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
  2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
  2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


class Interval(NamedTuple):
  """An estimate and its interval of 95 %.

  In 19 of 20 such intervals the true value lies from `low` to `high`.
  """

  estimate: float
  low: float
  high: float


def proportion(count: float, total: int) -> Interval:
  """Wilson's score interval (Wilson 1927) of `count` in `total`, at least 1.

  Unlike the normal approximation it holds for proportions close to 0 and 1, and
  good accuracies are close to 1.
  """
  p = count / total
  spread = _Z * math.sqrt(p * (1 - p) / total + (_Z / total / 2) ** 2)
  middle, scale = p + _Z**2 / total / 2, 1 + _Z**2 / total
  return Interval(p, (middle - spread) / scale, (middle + spread) / scale)


def mean(values: Sequence[float]) -> Interval:
  """Student's interval of the mean of two or more independent values."""
  middle = statistics.fmean(values)
  half = _t(len(values) - 1) * _standard_error(values)
  return Interval(middle, middle - half, middle + half)


def difference_of_proportions(a: Interval, b: Interval) -> Interval:
  """Newcombe's interval (1998b, method 10) of a - b, independent proportions.

  Args:
    a: A proportion, with Wilson's interval.
    b: The other proportion, with Wilson's interval.
  """
  d = a.estimate - b.estimate
  below = math.hypot(a.estimate - a.low, b.high - b.estimate)
  above = math.hypot(a.high - a.estimate, b.estimate - b.low)
  return Interval(d, d - below, d + above)


def difference_of_means(a: Sequence[float], b: Sequence[float]) -> Interval:
  """Welch's interval of the mean of a minus the mean of b.

  The two variances may differ. If both are 0, the interval has no width.

  Args:
    a: Two or more values.
    b: Two or more values.
  """
  errors = [_standard_error(values) ** 2 for values in (a, b)]
  d = statistics.fmean(a) - statistics.fmean(b)
  total = sum(errors)
  if not total:
    return Interval(d, d, d)
  parts = [e**2 / (len(v) - 1) for e, v in zip(errors, (a, b), strict=True)]
  # The degrees of freedom of Welch and Satterthwaite.
  half = _t(total**2 / sum(parts)) * math.sqrt(total)
  return Interval(d, d - half, d + half)


def _standard_error(values: Sequence[float]) -> float:
  return statistics.stdev(values) / math.sqrt(len(values))


def _t(degrees: float) -> float:
  """The 95 % point of Student's t distribution.

  Args:
    degrees: Degrees of freedom; a fraction is rounded down, for a wider
      interval.
  """
  whole = math.floor(degrees + 1e-9)
  if whole <= len(_T):
    return _T[whole - 1]
  # The first term of the expansion around the normal distribution.
  return _Z * (1 + (_Z**2 + 1) / (4 * degrees))
