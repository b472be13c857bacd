"""Sums of one group: merging, and a variance that does not invent precision."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banditcore.estimators.lift import Moments

outcomes = st.lists(st.floats(-1e6, 1e6).filter(lambda y: y == 0 or abs(y) > 1e-6), max_size=30)
groups = st.builds(
    Moments,
    *[st.integers(0, 10**9)] * 2,
    *[st.integers(0, 2**50).map(float)] * 14,
)


def moments(values: list[float]) -> Moments:
    return Moments(len(values), sum(v != 0 for v in values), sum(values), sum(v * v for v in values))


@given(groups, groups, groups)
def test_merge_is_associative_and_commutative_exactly_on_whole_numbers(a: Moments, b: Moments, c: Moments) -> None:
    assert (a + b) + c == a + (b + c)
    assert a + b == b + a
    assert a + Moments() == a


@given(outcomes, outcomes, outcomes)
def test_merge_is_associative_on_reals_up_to_rounding(x: list[float], y: list[float], z: list[float]) -> None:
    a, b, c = moments(x), moments(y), moments(z)
    left, right, whole = (a + b) + c, a + (b + c), moments(x + y + z)
    for merged in (left, right):
        assert (merged.n, merged.converted) == (whole.n, whole.converted)
        assert merged.y == pytest.approx(whole.y, rel=1e-12, abs=1e-6)
        assert merged.yy == pytest.approx(whole.yy, rel=1e-12)


@given(outcomes.filter(lambda values: len(values) >= 2))
def test_mean_and_variance_equal_the_two_pass_ones(values: list[float]) -> None:
    scale = max(abs(v) for v in values)
    assert moments(values).mean == pytest.approx(statistics.fmean(values), rel=1e-9, abs=1e-9 * scale)
    assert moments(values).variance == pytest.approx(statistics.variance(values), rel=1e-9, abs=1e-12 * scale**2)


def test_empty_and_single_groups_are_nan() -> None:
    assert math.isnan(Moments().mean) and math.isnan(Moments().variance)
    assert math.isnan(moments([3.0]).variance)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 19.99, 1e8 + 0.1, -0.7])
@pytest.mark.parametrize("n", [2, 25, 1000, 100_003])
def test_a_constant_outcome_has_no_variance_left_from_rounding(value: float, n: int) -> None:
    assert moments([value] * n).variance == 0.0


def test_binary_variance_is_the_binomial_one_over_n_minus_1() -> None:
    assert Moments(10_000, 46, 46.0, 46.0).variance == pytest.approx(0.0046 * 0.9954 * 10_000 / 9_999, rel=1e-13)
