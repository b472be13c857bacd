"""Buckets against the same customers one by one, and Fieller's set."""

import math

import numpy as np
import pytest
from customers import customers
from hypothesis import given
from hypothesis import strategies as st

from banditcore.errors import InvalidInput
from banditcore.estimators.lift import Moments, bucket_lift, fieller, lift
from banditcore.estimators.lift.confidence_sequence import boundary, design_information
from banditcore.types import Floats

Group = tuple[Floats, Floats]


def bucketed(seed: int, y: Floats, buckets: int = 256) -> Group:
    at = np.random.default_rng(seed).integers(0, buckets, len(y))
    return np.bincount(at, y, buckets), np.bincount(at, minlength=buckets).astype(float)


def test_buckets_say_what_customers_say() -> None:
    """256 groups of customers estimate the same variance as customers one by one, up to 256 draws of noise: 9 %."""
    groups = [customers(seed, n, factor=factor) for seed, n, factor in ((1, 45_000, 1.1), (2, 15_000, 1.0))]
    found = bucket_lift(*(bucketed(9, group.raw) for group in groups), target_lift=0.1, alpha=0.05)
    moments = [Moments(len(g.raw), int(np.count_nonzero(g.raw)), 0.0, 0.0, g.raw.sum(), g.raw @ g.raw) for g in groups]
    _, _, one_by_one = lift([(moments[0], moments[1])], "value", target_lift=0.1, open_alpha=0.05, capped=False)
    assert found is not None and one_by_one is not None
    assert found.estimate == pytest.approx(one_by_one.estimate, rel=1e-9)
    assert found.difference == pytest.approx(one_by_one.difference, rel=1e-9)
    assert found.information == pytest.approx(one_by_one.information, rel=0.25)
    assert found.low == pytest.approx(one_by_one.low, abs=0.02)
    assert (found.alpha, found.variance_ratio) == (0.05, 1.0)


def test_the_error_is_that_of_bucket_totals() -> None:
    """By hand: residual totals of buckets about the common mean."""
    g = np.random.default_rng(3)
    groups = [(g.gamma(20.0, 1.0, 30), g.integers(5, 15, 30).astype(float)) for _ in range(2)]
    variance = 0.0
    for sums, units in groups:
        residual = sums - sums.sum() / units.sum() * units
        variance += np.sum(residual**2) * 30 / 29 / sums.sum() ** 2
    found = bucket_lift(*groups, target_lift=0.1, alpha=0.01)
    assert found is not None
    r = 1 / variance / design_information(0.1)
    assert found.information == pytest.approx(r, rel=1e-9)
    assert math.log1p(found.high) - math.log1p(found.estimate) == pytest.approx(
        boundary(r, 0.01) * math.sqrt(variance), rel=1e-9
    )


def test_days_of_one_customer_in_a_bucket_count_once() -> None:
    """A bucket's outcomes that move together leave the error where it is, however many units they are said to be."""
    g = np.random.default_rng(4)
    groups = [(g.gamma(20.0, 1.0, 60), np.full(60, 10.0)) for _ in range(2)]
    once = bucket_lift(*groups, target_lift=0.1, alpha=0.05)
    tenfold = bucket_lift(*((10 * sums, 10 * units) for sums, units in groups), target_lift=0.1, alpha=0.05)
    assert once is not None and tenfold is not None
    assert tenfold.low == pytest.approx(once.low, rel=1e-12)


@given(st.integers(0, 2**32))
def test_swapped_buckets_turn_every_sign(seed: int) -> None:
    policy, holdout = (bucketed(seed, customers(seed + n, n).raw) for n in (3_000, 1_000))
    there = bucket_lift(policy, holdout, target_lift=0.1, alpha=0.05)
    back = bucket_lift(holdout, policy, target_lift=0.1, alpha=0.05)
    assert there is not None and back is not None
    assert (there.difference, there.difference_low) == (-back.difference, -back.difference_high)
    assert there.e_value == back.e_value
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1.0, rel=1e-12)


def test_too_little_in_the_buckets_is_no_lift() -> None:
    full = (np.arange(1.0, 31.0), np.full(30, 50.0))
    few_buckets = (np.arange(1.0, 25.0), np.full(24, 50.0))
    few_outcomes = (np.where(np.arange(30) < 24, 1.0, 0.0), np.full(30, 50.0))
    empty = (np.zeros(256), np.zeros(256))
    below_zero = (-np.arange(1.0, 31.0), np.full(30, 50.0))
    options = {"target_lift": 0.1, "alpha": 0.05}
    assert bucket_lift(full, full, **options) is not None
    for bad in (few_buckets, few_outcomes, empty, below_zero):
        assert bucket_lift(full, bad, **options) is None and bucket_lift(bad, full, **options) is None
    assert bucket_lift(full, few_outcomes, **options, converted=(500, 25)) is not None
    assert bucket_lift(full, full, **options, converted=(500, 24)) is None
    assert bucket_lift(full, full, **options, converted=(500, 99), minimum_converted=100) is None
    level = (np.full(30, 50.0), np.full(30, 50.0))
    assert bucket_lift(level, level, **options) is None
    with pytest.raises(InvalidInput, match="alpha"):
        bucket_lift(full, full, target_lift=0.1, alpha=0.0)


def binary(n: int, converted: int) -> Moments:
    return Moments(n, converted, float(converted), float(converted))


def test_fieller_solves_its_own_equation() -> None:
    policy, holdout = binary(10_000, 690), binary(10_000, 460)
    found = fieller(policy, holdout, 1.96)
    assert not found.note and found.low < 0.5 < found.high
    for end in (found.low, found.high):
        rho = 1.0 + end
        square = (policy.mean - rho * holdout.mean) ** 2
        assert square == pytest.approx(1.96**2 * (policy.variance + rho**2 * holdout.variance) / 10_000, rel=1e-9)


@given(st.integers(400, 5_000), st.integers(400, 5_000))
def test_fieller_and_the_log_ratio_agree_where_means_are_sure(x: int, y: int) -> None:
    policy, holdout = binary(50_000, x), binary(50_000, y)
    error = math.sqrt(policy.variance / policy.mean**2 / 50_000 + holdout.variance / holdout.mean**2 / 50_000)
    found, log = fieller(policy, holdout, 2.0), math.log(policy.mean / holdout.mean)
    assert math.log1p(found.low) == pytest.approx(log - 2 * error, abs=0.1 * error)
    assert math.log1p(found.high) == pytest.approx(log + 2 * error, abs=0.1 * error)


@pytest.mark.parametrize("holdout", [binary(1_000, 4), binary(1_000, 0), Moments(), binary(1, 1)])
def test_a_control_that_is_not_above_its_error_leaves_the_set_open(holdout: Moments) -> None:
    found = fieller(binary(10_000, 500), holdout, 3.0)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert found.note == "unbounded: the control group is too small"


def test_fieller_of_a_policy_of_one_unit_knows_nothing() -> None:
    found = fieller(binary(1, 1), binary(10_000, 500), 2.0)
    assert found.low == -math.inf and found.high == math.inf
