"""Sizes of the groups against what was set."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from banditcore.errors import InvalidInput
from banditcore.estimators.sample_ratio import LOG_ALARM, log_evidence, log_evidences


def test_nothing_seen_is_no_evidence() -> None:
    assert log_evidence([0, 0], [0.9, 0.1]) == pytest.approx(0.0, abs=1e-9)


@given(st.integers(1, 60), st.sampled_from([0.5, 0.9, 0.99]))
def test_it_is_a_fair_bet(units: int, share: float) -> None:
    """The expectation over all outcomes of a binomial with the shares as set is exactly 1."""
    expectation = sum(
        math.comb(units, n)
        * share**n
        * (1 - share) ** (units - n)
        * math.exp(log_evidence([n, units - n], [share, 1 - share]))
        for n in range(units + 1)
    )
    assert expectation == pytest.approx(1.0, rel=1e-9)


def test_the_next_unit_is_a_fair_bet_whatever_came_before() -> None:
    now = log_evidence([500, 30], [0.9, 0.1])
    after = 0.9 * math.exp(log_evidence([501, 30], [0.9, 0.1])) + 0.1 * math.exp(log_evidence([500, 31], [0.9, 0.1]))
    assert after == pytest.approx(math.exp(now), rel=1e-9)


@pytest.mark.parametrize(
    ("counts", "shares", "p"),
    [
        ([5020, 4980], [0.5, 0.5], 0.68915652),
        ([5150, 4850], [0.5, 0.5], 0.00269980),
        ([8990, 1010], [0.9, 0.1], 0.73888268),
    ],
)
def test_it_claims_less_than_one_chi_square(counts: list[int], shares: list[float], p: float) -> None:
    """E of a single look is no larger than what its p-value could buy: 1 / p, here by far."""
    assert log_evidence(counts, shares) < math.log(1.0 / p)
    assert log_evidence(counts, shares) < LOG_ALARM


def test_the_sign_is_that_of_the_deviation() -> None:
    assert log_evidence([90_000, 10_000], [0.9, 0.1]) < 0.0
    assert log_evidence([90_500, 9_500], [0.9, 0.1]) > LOG_ALARM
    assert log_evidence([9_500, 90_500], [0.1, 0.9]) == log_evidence([90_500, 9_500], [0.9, 0.1])


def test_large_counts_stay_finite() -> None:
    assert math.isfinite(log_evidence([10**12, 10**12], [0.5, 0.5]))


def test_many_at_once_equal_one_by_one() -> None:
    counts = np.array([[[90.0, 10.0], [80.0, 20.0]], [[0.0, 0.0], [5.0, 5.0]]])
    shares = np.array([0.9, 0.1])
    found = log_evidences(counts, shares)
    assert found.shape == (2, 2)
    assert found[0, 1] == log_evidence([80, 20], [0.9, 0.1])


@pytest.mark.parametrize(
    ("counts", "shares", "field"),
    [
        ([1, 2], [0.5, 0.6], "shares"),
        ([1, 2], [1.0, 0.0], "shares"),
        ([1, 2], [float("nan"), 0.5], "shares"),
        ([1, 2, 3], [0.5, 0.5], "counts"),
        ([-1, 2], [0.5, 0.5], "counts"),
    ],
)
def test_bad_input_names_its_field(counts: list[int], shares: list[float], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        log_evidence(counts, shares)
    assert caught.value.field == field
