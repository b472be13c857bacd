"""Boundary, e-value and the reported lift."""

import dataclasses
import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from banditcore.errors import InvalidInput
from banditcore.estimators.lift import Moments, lift
from banditcore.estimators.lift.confidence_sequence import (
    boundary,
    design_information,
    e_value,
    intrinsic_time,
)
from banditcore.findings import Lift

fractions = st.floats(1e-4, 1e4)
levels = st.floats(1e-4, 0.5)


def binary(n: int, converted: int) -> Moments:
    return Moments(n, converted, float(converted), float(converted))


def look(
    policy: Moments, holdout: Moments, kind: str = "binary", *, alpha: float = 0.05, target_lift: float = 0.1
) -> tuple[str, str, Lift | None]:
    return lift([(policy, holdout)], kind, target_lift=target_lift, open_alpha=alpha)


def ready(policy: Moments, holdout: Moments, *, alpha: float = 0.05, target_lift: float = 0.1) -> Lift:
    status, note, found = look(policy, holdout, alpha=alpha, target_lift=target_lift)
    assert status == "ready" and not note and found is not None
    return found


@pytest.mark.parametrize(("r", "k"), [(0.1, 3.86), (1.0, 3.04), (10.0, 3.24)])
def test_boundary_has_the_published_values(r: float, k: float) -> None:
    assert round(boundary(r, 0.05), 2) == k


def test_the_clock() -> None:
    assert round(intrinsic_time(1.0, 0.05), 2) == 7.94
    assert design_information(0.10) == pytest.approx((2.801585 / math.log(1.1)) ** 2)


@given(levels)
def test_the_interval_is_about_narrowest_at_the_design_information(alpha: float) -> None:
    """At information fraction 1 no other tuning of the same mixture is more than 1 % narrower."""
    best = min(boundary(step / 50, alpha) for step in range(10, 200))
    assert boundary(1.0, alpha) <= 1.01 * best


@given(fractions, levels, st.sampled_from([-1.0, 1.0]))
def test_e_value_is_one_over_alpha_at_the_boundary(r: float, alpha: float, side: float) -> None:
    assert e_value(side * boundary(r, alpha), r, alpha) == pytest.approx(1.0 / alpha, rel=1e-10)


@given(st.floats(1e-4, 0.5), levels)
def test_e_value_has_expectation_one_under_the_null(r: float, alpha: float) -> None:
    """Integral of E(z) times the standard normal density: the mixture is a fair bet at each look."""
    x = intrinsic_time(r, alpha)
    width = math.sqrt(1.0 + x)
    grid = [width * step / 50 for step in range(-500, 501)]
    density = [e_value(z, r, alpha) * math.exp(-0.5 * z * z) for z in grid]
    assert sum(density) * width / 50 / math.sqrt(2 * math.pi) == pytest.approx(1.0, rel=1e-9)


def test_e_value_stays_finite() -> None:
    assert math.isfinite(e_value(1e6, 1.0, 0.05)) and e_value(1e6, 1.0, 0.05) > 1e300
    assert 0.0 < e_value(0.0, 1e9, 0.05) < 1e-3


def test_reported_numbers_are_relative_and_the_difference_absolute() -> None:
    found = ready(binary(90_000, 5_400), binary(10_000, 500))
    assert found.estimate == pytest.approx(0.2, rel=1e-12)
    assert found.difference == pytest.approx(0.01, rel=1e-12)
    error = math.sqrt(0.94 / 0.06 / 89_999 + 0.95 / 0.05 / 9_999)
    margin = boundary(1 / error**2 / design_information(0.1), 0.05) * error
    assert math.log1p(found.low) == pytest.approx(math.log(1.2) - margin, rel=1e-12)
    assert math.log1p(found.high) == pytest.approx(math.log(1.2) + margin, rel=1e-12)
    assert found.alpha == 0.05


@given(st.integers(1000, 10**7), st.integers(1000, 10**7), st.floats(0.03, 0.9), st.floats(0.03, 0.9), levels)
def test_evidence_reaches_one_over_alpha_when_the_interval_excludes_zero(
    n: int, m: int, p: float, q: float, alpha: float
) -> None:
    found = ready(binary(n, round(n * p)), binary(m, round(m * q)), alpha=alpha)
    assume(abs(found.e_value * alpha - 1.0) > 1e-6)
    assert (found.e_value > 1.0 / alpha) == (found.low > 0.0 or found.high < 0.0)


@given(st.integers(1000, 10**7), st.integers(1000, 10**7), st.floats(0.03, 0.9), st.floats(0.03, 0.9))
def test_swapping_the_groups_inverts_the_ratio(n: int, m: int, p: float, q: float) -> None:
    policy, holdout = binary(n, round(n * p)), binary(m, round(m * q))
    there, back = ready(policy, holdout), ready(holdout, policy)
    assert there.difference == -back.difference
    assert there.e_value == back.e_value
    assert (1 + there.estimate) * (1 + back.estimate) == pytest.approx(1.0, rel=1e-12)
    assert (1 + there.low) * (1 + back.high) == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(("policy", "holdout"), [(24, 500), (500, 24), (0, 0)])
def test_below_the_minimum_counts_it_collects(policy: int, holdout: int) -> None:
    status, note, found = look(binary(10_000, policy), binary(10_000, holdout))
    assert status == "collecting" and found is None
    assert "converted units of the 25 needed" in note


def test_the_first_look_is_at_25_and_later_for_values() -> None:
    first, later = binary(1_000, 25), binary(1_000, 100)
    assert look(first, first)[0] == "ready"
    assert look(first, first, "value")[:2] == (
        "collecting",
        "the policy group has 25 converted units of the 100 needed",
    )
    assert look(later, later, "value")[0] == "ready"


def test_a_hopelessly_small_target_gives_a_wide_interval_that_is_still_finite() -> None:
    found = ready(binary(1_000, 50), binary(1_000, 50), target_lift=1e-6)
    assert found.low == -1.0
    assert 1e300 < found.high < math.inf


anything = st.floats(allow_nan=True, allow_infinity=True)


groups = st.builds(Moments, *[st.integers(0, 10**9)] * 2, *[anything] * 14)


@given(
    st.lists(st.tuples(groups, groups), max_size=3),
    st.sampled_from(["binary", "value", "ratio"]),
    st.floats(1e-300, 0.5),
    st.floats(0.0, 0.499),
    st.floats(1e-6, 1e300),
    st.booleans(),
)
def test_no_input_puts_a_nan_on_the_page(
    strata: list[tuple[Moments, Moments]], kind: str, alpha: float, planned: float, target: float, capped: bool
) -> None:
    options = {"target_lift": target, "open_alpha": alpha, "planned_alpha": planned}
    status, note, found = lift(strata, kind, **options, capped=capped)  # type: ignore[arg-type]
    assert (status == "collecting") == (found is None)
    if found is None:
        assert note
        return
    assert all(math.isfinite(number) for number in dataclasses.astuple(found))
    assert -1.0 <= found.low <= found.estimate <= found.high
    assert found.difference_low <= found.difference <= found.difference_high


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("open_alpha", 0.0),
        ("open_alpha", 1.0),
        ("open_alpha", math.nan),
        ("planned_alpha", -0.01),
        ("planned_alpha", 0.95),
        ("planned_alpha", math.nan),
        ("target_lift", 0.0),
        ("target_lift", math.inf),
        ("kind", "revenue"),
    ],
)
def test_impossible_settings_name_the_field(field: str, value: object) -> None:
    good = {"kind": "binary", "target_lift": 0.1, "open_alpha": 0.05, "planned_alpha": 0.0}
    with pytest.raises(InvalidInput) as caught:
        lift([(binary(1_000, 50), binary(1_000, 50))], **(good | {field: value}))  # type: ignore[arg-type]
    assert caught.value.field == field
