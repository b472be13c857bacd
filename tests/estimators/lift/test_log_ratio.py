"""Log ratio against published numbers, its symmetry, and when there is none."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banditcore.estimators.lift import Moments, log_lift, why_collecting


def binary(n: int, converted: int) -> Moments:
    return Moments(n, converted, float(converted), float(converted))


@st.composite
def spread_groups(draw: st.DrawFn) -> Moments:
    """Positive mean, positive variance, any scale."""
    n = draw(st.integers(25, 10**8))
    mean = draw(st.floats(1e-6, 1e6))
    variance = mean * mean * draw(st.floats(1e-3, 1e3))
    return Moments(n, draw(st.integers(25, n)), n * mean, n * mean * mean + (n - 1) * variance)


def test_equals_the_published_log_method_once_its_denominator_is_used() -> None:
    """46/10000 against 69/10000 (statsmodels): the ratio's 95 % interval is 1.033988..2.176040.

    The log method for proportions takes the binomial variance p (1 - p); ours is the sample variance, larger
    by n / (n - 1). Both groups have n = 10,000, so one factor brings our variance to theirs.
    """
    ratio = log_lift(binary(10_000, 69), binary(10_000, 46))
    theirs = math.sqrt(ratio.variance * 9_999 / 10_000)
    assert math.exp(ratio.estimate - 1.959964 * theirs) == pytest.approx(1.033988, abs=1e-6)
    assert math.exp(ratio.estimate + 1.959964 * theirs) == pytest.approx(2.176040, abs=1e-6)
    assert math.exp(ratio.estimate - 1.959964 * ratio.standard_error) == pytest.approx(1.033988, rel=3e-5)
    assert math.exp(ratio.estimate + 1.959964 * ratio.standard_error) == pytest.approx(2.176040, rel=3e-5)


@given(spread_groups(), spread_groups())
def test_swapping_the_groups_flips_the_sign_exactly(policy: Moments, holdout: Moments) -> None:
    there, back = log_lift(policy, holdout), log_lift(holdout, policy)
    assert there.estimate == -back.estimate
    assert there.variance == back.variance


@given(spread_groups(), spread_groups(), st.integers(-20, 20))
def test_the_unit_of_the_outcome_does_not_matter(policy: Moments, holdout: Moments, power: int) -> None:
    def scaled(group: Moments) -> Moments:
        return Moments(group.n, group.converted, group.y * 2.0**power, group.yy * 4.0**power)

    here, there = log_lift(policy, holdout), log_lift(scaled(policy), scaled(holdout))
    assert there.estimate == pytest.approx(here.estimate, abs=1e-12)
    assert there.variance == pytest.approx(here.variance, rel=1e-12)


ENOUGH = binary(10_000, 500)
VALUE = "value"


@pytest.mark.parametrize(
    ("group", "reason"),
    [
        (Moments(), "0 converted units of the 25 needed"),
        (binary(10_000, 24), "24 converted units of the 25 needed"),
        (Moments(1000, 100, 0.0, 100.0), "not clearly above 0"),
        (Moments(1000, 100, -50.0, 100.0), "not clearly above 0"),
        (Moments(1000, 100, 5.0, 100.0), "not clearly above 0"),
        (Moments(1000, 100, math.inf, math.inf), "not clearly above 0"),
        (Moments(1000, 100, math.nan, math.nan), "not clearly above 0"),
        (binary(1000, 991), "9 units without a conversion of the 10 needed"),
        (binary(1000, 1000), "0 units without a conversion of the 10 needed"),
        (Moments(1000, 1000, 333 * 2.5, 333 * 6.25), ""),
        (binary(1000, 990), ""),
        (ENOUGH, ""),
    ],
)
def test_the_page_is_told_what_is_missing(group: Moments, reason: str) -> None:
    for name, found in (
        ("policy", why_collecting(group, ENOUGH, VALUE)),
        ("holdout", why_collecting(ENOUGH, group, VALUE)),
    ):
        assert reason in found
        assert bool(found) == bool(reason)
        assert not found or name in found


def test_one_exact_group_is_allowed_two_are_not() -> None:
    exact = Moments(1000, 990, 1000 * 0.1, 1000 * 0.1**2)
    assert why_collecting(exact, ENOUGH, VALUE) == ""
    assert "does not vary" in why_collecting(exact, exact, VALUE)


def test_a_conversion_needs_units_without_one_whatever_its_sums_look_like() -> None:
    """A sum of squares that rounding has spoilt must not pass for a value goal."""
    spoilt = Moments(1000, 995, 995.0, 995.1)
    assert "5 units without a conversion" in why_collecting(spoilt, ENOUGH, "binary")
    assert why_collecting(spoilt, ENOUGH, VALUE) == ""
