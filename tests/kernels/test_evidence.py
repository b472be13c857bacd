"""The evidence for regularisers against its twin."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from banditcore.kernels import LinearArms, reference
from banditcore.posteriors.evidence import GRID, best_l2, log_evidence


def taught(arms: int, d: int, n: int, seed: int = 0, noise: float = 1.0, mature: int = 0) -> LinearArms:
    g = np.random.default_rng(seed)
    x, a = g.standard_normal((n, d)), g.integers(0, arms, n)
    kernel = LinearArms(arms, d, 0.7)
    kernel.learn(x, a, x @ g.standard_normal(d) + noise * g.standard_normal(n), mature)
    return kernel


def twin(kernel: LinearArms) -> np.ndarray:
    rows = float(kernel.weight.sum())
    return reference.log_evidence(kernel.A, kernel.b, kernel.m0, kernel.l2[0], kernel.sum_r2, rows, GRID)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 29), st.integers(0, 80), st.integers(0, 6), st.integers(0, 99))
def test_evidence_matches_the_twin(arms: int, d: int, n: int, mature: int, seed: int) -> None:
    kernel = taught(arms, d, n, seed, mature=mature)
    np.testing.assert_allclose(log_evidence(kernel), twin(kernel), rtol=1e-9, atol=1e-7)


def test_evidence_finds_the_size_of_the_coefficients() -> None:
    # theta ~ N(0, I) and noise 4: l2 = 16 is true, and the grid's next ones are close
    assert {best_l2(taught(1, 60, 4000, seed, noise=4.0)) for seed in range(5)} <= {8.0, 16.0, 32.0}


def test_equal_columns_leave_a_singular_matrix() -> None:
    x = np.ones((50, 4))
    kernel = LinearArms(1, 4, 1.0)
    kernel.learn(x, np.zeros(50, dtype=np.int64), np.linspace(0.0, 1.0, 50))
    np.testing.assert_allclose(log_evidence(kernel), twin(kernel), rtol=1e-9)
