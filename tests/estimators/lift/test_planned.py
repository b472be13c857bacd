"""The planned boundary against its published table and a second series, and the one-sided evidence against its
integral."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from banditcore.estimators.lift.confidence_sequence import e_value, intrinsic_time, one_sided_e_value
from banditcore.estimators.lift.planned import planned_boundary, sup_exceeds

levels = st.floats(1e-4, 0.5)
fractions = st.floats(1e-3, 1e3)
TABLE = [(0.05, 2.2414), (0.04, 2.3263), (0.025, 2.4977), (0.01, 2.8070)]


@pytest.mark.parametrize(("alpha", "b"), TABLE)
def test_boundary_has_the_published_values(alpha: float, b: float) -> None:
    assert round(planned_boundary(alpha), 4) == b


@given(st.floats(0.4, 6.0))
def test_the_law_of_the_supremum_by_the_other_series(b: float) -> None:
    """Fourier series of the heat kernel, where the code takes the reflection principle, or the other way round."""
    k = np.arange(60)
    by_heat = 1 - 4 / math.pi * np.sum(
        (-1.0) ** k / (2 * k + 1) * np.exp(-((2 * k + 1) ** 2) * math.pi**2 / (8 * b * b))
    )
    by_reflection = 4 * np.sum((-1.0) ** k * ndtr(-(2 * k + 1) * b))
    assert sup_exceeds(b) == pytest.approx(by_heat, abs=1e-13)
    assert sup_exceeds(b) == pytest.approx(by_reflection, abs=1e-13)


@given(st.floats(1e-12, 0.999))
def test_the_boundary_inverts_the_law(alpha: float) -> None:
    assert sup_exceeds(planned_boundary(alpha)) == pytest.approx(alpha, rel=1e-9)


@given(st.floats(-8.0, 8.0), fractions, levels)
def test_one_sided_evidence_is_the_half_normal_mixture(z: float, r: float, alpha: float) -> None:
    """Integral of the likelihood ratio exp(d z sqrt(x) - d^2 x / 2) over d = |N(0, 1)|, x the intrinsic time."""
    x = intrinsic_time(r, alpha)
    spread = 1.0 / math.sqrt(1.0 + x)
    centre = z * math.sqrt(x) / (1.0 + x)
    d = np.linspace(max(centre - 12 * spread, 0.0), max(centre + 12 * spread, 12 * spread), 40_001)
    ratio = 2 / math.sqrt(2 * math.pi) * np.exp(d * z * math.sqrt(x) - d * d * x / 2 - d * d / 2)
    assert one_sided_e_value(z, r, alpha) == pytest.approx(float(np.trapezoid(ratio, d)), rel=1e-5)


@given(st.floats(-20.0, 20.0), fractions, levels)
def test_both_sides_add_up_to_twice_the_two_sided_evidence(z: float, r: float, alpha: float) -> None:
    both = one_sided_e_value(z, r, alpha) + one_sided_e_value(-z, r, alpha)
    assert both == pytest.approx(2.0 * e_value(z, r, alpha), rel=1e-9)


@pytest.mark.parametrize(("shift", "expected"), [(0.0, 1.0), (-0.5, None), (-3.0, None)])
@pytest.mark.parametrize("r", [0.1, 1.0, 3.0])
def test_one_sided_evidence_is_fair_without_an_effect_and_unfair_below(
    r: float, shift: float, expected: float | None
) -> None:
    """Its mean under z ~ N(shift, 1): 1 at no effect, below 1 where the effect is of the other sign."""
    z = np.linspace(-12.0, 8.0, 4_001) * math.sqrt(1.0 + intrinsic_time(r, 0.01))
    mean = np.trapezoid(
        [one_sided_e_value(one, r, 0.01) * math.exp(-((one - shift) ** 2) / 2) / math.sqrt(2 * math.pi) for one in z], z
    )
    assert mean == pytest.approx(expected, rel=1e-4) if expected else 0.0 < mean < 0.9


def test_one_sided_evidence_stays_finite() -> None:
    assert 1e300 < one_sided_e_value(1e6, 1.0, 0.01) < math.inf
    assert 0.0 < one_sided_e_value(-1e6, 1.0, 0.01) < 1e-5
    assert [one_sided_e_value(z, 1.0, 0.01) for z in (-3, -1, 0, 1, 3)] == sorted(
        one_sided_e_value(z, 1.0, 0.01) for z in (-3, -1, 0, 1, 3)
    )
