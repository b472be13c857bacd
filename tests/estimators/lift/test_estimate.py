"""The estimate from sums against the same from rows, by NumPy's own variance and least squares."""

import math

import numpy as np
import pytest
from customers import Customers, customers
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from banditcore.estimators.lift import LogRatio, Moments, Stratum, combined, log_lift
from banditcore.estimators.lift.covariate import adjustment
from banditcore.estimators.lift.outcome import outcome

KINDS = ["binary", "value", "ratio"]


def two(
    seed: int, kind: str, n: int = 3_000, m: int = 800, missing: float = 0.0, covariate: bool = True
) -> tuple[Customers, Customers]:
    options = {"binary": kind == "binary", "missing": missing, "covariate": covariate}
    return customers(seed, n, factor=1.1, **options), customers(seed + 1, m, **options)


def linearised(group: Customers, kind: str) -> tuple[float, np.ndarray]:
    """Mean and a row's deviation from it."""
    if kind != "ratio":
        return group.y.mean(), group.y - group.y.mean()
    mean = group.y.sum() / group.d.sum()
    return mean, (group.y - mean * group.d) / group.d.mean()


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_covariate_it_is_the_delta_method_by_rows(kind: str) -> None:
    groups = two(1, kind, covariate=False)
    found = log_lift(*(group.moments() for group in groups), kind)
    means, variances = zip(
        *((mean, e.var(ddof=1) / len(e)) for mean, e in (linearised(group, kind) for group in groups)), strict=True
    )
    assert found.estimate == pytest.approx(math.log(means[0] / means[1]), rel=1e-10)
    assert found.difference == pytest.approx(means[0] - means[1], rel=1e-10)
    relative = sum(v / mean**2 for v, mean in zip(variances, means, strict=True))
    assert found.variance == pytest.approx(relative, rel=1e-9) == found.plain_variance
    assert found.difference_variance == pytest.approx(sum(variances), rel=1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("missing", [0.0, 0.3])
def test_with_a_covariate_it_is_least_squares_by_rows(kind: str, missing: float) -> None:
    """theta by NumPy's least squares on columns centred within groups; then means and variances of the adjusted
    rows."""
    groups = two(2, kind, missing=missing)
    columns, outcomes, means = [], [], []
    for group in groups:
        z = np.column_stack([np.nan_to_num(group.x), np.isnan(group.x)]).astype(float)
        columns.append(z)
        mean, e = linearised(group, kind)
        means.append(mean)
        outcomes.append(e)
    within = np.vstack([z - z.mean(axis=0) for z in columns])
    theta = np.linalg.lstsq(within, np.concatenate(outcomes), rcond=None)[0]
    everybody = np.vstack(columns).mean(axis=0)
    adjusted = [mean - theta @ (z.mean(axis=0) - everybody) for mean, z in zip(means, columns, strict=True)]
    sizes = [len(z) for z in columns]
    weight = (sizes[1] / adjusted[0] + sizes[0] / adjusted[1]) / sum(sizes)
    variance = sum(
        np.var(e / mean - weight * (z @ theta), ddof=1) / len(e)
        for e, z, mean in zip(outcomes, columns, adjusted, strict=True)
    )
    found = log_lift(*(group.moments() for group in groups), kind)
    assert found.estimate == pytest.approx(math.log(adjusted[0] / adjusted[1]), rel=1e-8)
    assert found.difference == pytest.approx(adjusted[0] - adjusted[1], rel=1e-8)
    assert found.variance == pytest.approx(variance, rel=1e-8)
    assert found.variance < found.plain_variance


def test_the_variance_falls_by_what_the_covariate_explains() -> None:
    """1 - R^2 of the regression, with groups alike (Deng et al. 2013)."""
    g = np.random.default_rng(3)
    x = g.normal(50.0, 10.0, 40_000)
    y = 20.0 + 0.5 * (x - 50.0) + g.normal(0.0, 7.0, x.size)
    rows = Customers(y, y, np.ones_like(y), x)
    halves = [
        Customers(*(column[part] for column in vars(rows).values())) for part in (slice(0, None, 2), slice(1, None, 2))
    ]
    found = log_lift(*(half.moments() for half in halves), "value")
    assert found.variance / found.plain_variance == pytest.approx(1 - np.corrcoef(x, y)[0, 1] ** 2, rel=1e-3)


@pytest.mark.parametrize("x", ["nothing", "the same for all", "missing for all", "the outcome itself"])
def test_a_covariate_that_says_nothing_or_everything_is_left_out(x: str) -> None:
    groups = two(4, "value", covariate=False)
    plain = log_lift(*(group.moments() for group in groups), "value")
    for group in groups:
        group.x = {
            "nothing": np.zeros_like(group.y),
            "the same for all": np.full_like(group.y, 123.456),
            "missing for all": np.full_like(group.y, np.nan),
            "the outcome itself": 3.0 * group.y,
        }[x]
    assert log_lift(*(group.moments() for group in groups), "value") == plain


def test_an_indicator_that_copies_the_covariate_is_left_out() -> None:
    """x the same wherever it is known: x and "missing" are then one column."""
    groups = two(5, "value", covariate=False)
    for group in groups:
        group.x = np.where(group.y > 10.0, np.nan, 7.0)
    theta = adjustment(*(outcome(group.moments(), "value") for group in groups))
    assert theta.x != 0.0 and theta.m == 0.0
    found = log_lift(*(group.moments() for group in groups), "value")
    assert 0.0 < found.variance < found.plain_variance


def test_without_its_cap_a_value_has_no_covariate() -> None:
    groups = two(6, "value")
    found = log_lift(*(group.moments() for group in groups), "value", capped=False)
    assert found.estimate == pytest.approx(math.log(groups[0].raw.mean() / groups[1].raw.mean()), rel=1e-12)
    assert found.variance == found.plain_variance
    assert found.variance != log_lift(*(group.moments() for group in groups), "value").plain_variance


def spread(n: int, converted: int, mean: float, cv: float) -> Moments:
    """A value group with this many converted units, mean and relative standard deviation."""
    yy = n * mean * mean + (n - 1) * (cv * mean) ** 2
    return Moments(n, converted, n * mean, yy, n * mean, yy)


@pytest.mark.parametrize(("converted", "larger"), [(399, True), (400, False)])
def test_below_400_converted_units_the_larger_error_counts(converted: int, larger: bool) -> None:
    policy, holdout = spread(9_000, 4_000, 10.0, 5.0), spread(1_000, converted, 10.0, 3.0)
    own = 25.0 / 9_000 + 9.0 / 1_000
    pooled = (25.0 * 8_999 + 9.0 * 999) / 9_998 * (1 / 9_000 + 1 / 1_000)
    found = log_lift(policy, holdout, "value")
    assert found.variance == pytest.approx(pooled if larger else own, rel=1e-9)
    assert found.difference_variance == pytest.approx(100.0 * found.variance, rel=1e-9)
    assert log_lift(policy, spread(1_000, converted, 10.0, 8.0), "value").variance == pytest.approx(
        25.0 / 9_000 + 64.0 / 1_000, rel=1e-9
    )


@given(st.integers(100, 10**6), st.integers(100, 10**6), st.floats(0.1, 0.9), st.floats(0.1, 0.9))
def test_the_risk_ratio_of_statsmodels(n: int, m: int, p: float, q: float) -> None:
    """Its log method takes n where the sample variance takes n - 1; each group's variance is brought to it."""
    x, y = round(n * p), round(m * q)
    found = log_lift(Moments(n, x, x, x), Moments(m, y, y, y))
    theirs = found.variance - (n - x) / x / n / (n - 1) - (m - y) / y / m / (m - 1)
    low, high = confint_proportions_2indep(x, n, y, m, compare="ratio", method="log")
    assert math.log(low) == pytest.approx(found.estimate - 1.959963984540054 * math.sqrt(theirs), abs=1e-9)
    assert math.log(high) == pytest.approx(found.estimate + 1.959963984540054 * math.sqrt(theirs), abs=1e-9)


@st.composite
def strata(draw: st.DrawFn) -> list[Stratum]:
    """One to four epochs of customers with covariates that help, hurt, or are missing."""
    binary, found = draw(st.booleans()), []
    for _ in range(draw(st.integers(1, 4))):
        sizes = draw(st.integers(150, 3_000)), draw(st.integers(150, 900))
        options = {"binary": binary, "missing": draw(st.sampled_from([0.0, 0.2])), "covariate": draw(st.booleans())}
        seed, factor = draw(st.integers(0, 2**32)), draw(st.floats(0.5, 2.0))
        groups = [customers(seed + side, n, factor=factor if side else 1.0, **options) for side, n in enumerate(sizes)]
        found.append((groups[0].moments(), groups[1].moments()))
    return found


@given(strata(), st.sampled_from(KINDS), st.booleans())
def test_swapping_the_groups_flips_every_sign_exactly(epochs: list[Stratum], kind: str, capped: bool) -> None:
    """With covariates, epochs and all: not one bit differs but the sign."""
    there, _ = combined(epochs, kind, capped)
    back, _ = combined([(holdout, policy) for policy, holdout in epochs], kind, capped)
    if there is None or back is None:
        assert there is back
        return
    assert back == LogRatio(
        -there.estimate,
        there.variance,
        -there.difference,
        there.difference_variance,
        there.plain_variance,
        there.pooled_variance,
    )


def test_most_of_those_epochs_have_an_estimate() -> None:
    """So that the property above is not about nothing."""
    groups = two(7, "value", missing=0.2)
    found, note = combined([tuple(group.moments() for group in groups)] * 3, "value")
    assert found is not None and not note
    assert found.variance == pytest.approx(log_lift(*(group.moments() for group in groups), "value").variance / 3)
