"""The fold and the scores against their twins; bytes; drift at test size."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banditcore.kernels import LinearArms, reference

ARRAYS = ("A", "b", "S", "m", "n", "sum_r", "sum_r2", "rss", "age")


def rows(n, arms, d, seed=0):
    g = np.random.default_rng(seed)
    return g.standard_normal((n, d)), g.integers(0, arms, n), g.random(n)


def same(one, other):
    return all(getattr(one, key).tobytes() == getattr(other, key).tobytes() for key in ARRAYS)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 7), st.integers(1, 13), st.integers(0, 80), st.floats(1e-3, 1e3), st.integers(0, 99))
def test_state_and_scores_match_the_twin(arms, d, n, l2, seed):
    x, a, r = rows(n, arms, d, seed)
    state = LinearArms(arms, d, l2)
    state.learn(x, a, r)
    for k in range(arms):
        A, b = reference.ridge(x[a == k], r[a == k], l2)
        np.testing.assert_allclose(state.A[k], A, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(state.b[k], b, rtol=1e-12, atol=1e-13)
        np.testing.assert_allclose(state.S[k], reference.inverse_factor(A), rtol=1e-8, atol=1e-12)
        # sum r^2 - m'Am cancels; the running sum does not
        np.testing.assert_allclose(state.rss[k], reference.residual_sum(x[a == k], r[a == k], l2), atol=1e-11 * (n + 1))
        assert state.n[k] == (a == k).sum() and state.sum_r[k] == pytest.approx(r[a == k].sum())
    queries = np.random.default_rng(seed + 1).standard_normal((3, d))
    out = np.empty((3, arms))
    for alpha in (0.0, 1.0, 2.5):
        state.indices(queries, alpha, out)
        np.testing.assert_allclose(out, reference.indices(state.A, state.b, queries, alpha), rtol=1e-9, atol=1e-12)


def test_factor_update_matches_the_twin_and_the_definition():
    g = np.random.default_rng(1)
    S = reference.inverse_factor(np.eye(6))
    A = np.eye(6)
    for x in g.standard_normal((50, 6)):
        A, S = A + np.outer(x, x), reference.absorb(S, x)
    np.testing.assert_allclose(S, reference.inverse_factor(A), rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("alpha", [0.0, 1.0])
def test_linucb_vector_matches_the_twin(alpha):
    x, a, r = rows(300, 6, 5)
    state = LinearArms(6, 5, 1.0)
    state.learn(x, a % 4, r)  # arms 4 and 5 stay at the prior and tie
    mask = np.random.default_rng(2).random((300, 6)) < 0.6
    mask[:, 5] |= ~mask.any(axis=1)
    scores, out = np.empty((300, 6)), np.empty((300, 6))
    state.indices(x, alpha, scores)
    state.linucb(x, mask, alpha, 0.1, out)
    np.testing.assert_allclose(out, reference.add_floor(reference.best_of(scores, mask), mask, 0.1), atol=1e-15)


def test_thompson_vector_matches_the_twin():
    x, a, r = rows(200, 5, 4)
    state = LinearArms(5, 4, 1.0)
    state.learn(x, a, r)
    mu, upper, out, cert = np.empty((9, 5)), np.empty((9, 5)), np.empty((9, 5)), np.empty(9)
    mask = np.array([True, True, False, True, True])
    state.indices(x[:9].copy(), 0.0, mu)
    state.indices(x[:9].copy(), 1.0, upper)
    state.thompson(x[:9].copy(), mask, 0.09, 0.02, out, cert)
    for i in range(9):
        p = np.zeros(5)
        p[mask] = reference.gaussian_argmax(mu[i, mask], 0.3 * (upper - mu)[i, mask])
        np.testing.assert_allclose(out[i], reference.add_floor(p, mask, 0.02), atol=1e-8)
    assert cert.max() <= 1e-9


def test_batches_and_single_rows_give_the_same_bytes_across_a_rebuild():
    x, a, r = rows(9000, 2, 7)
    batch, single, saved = (LinearArms(2, 7, 1.0) for _ in range(3))
    batch.learn(x, a, r)
    for i in range(9000):
        single.learn(x[i : i + 1], a[i : i + 1], r[i : i + 1])
    saved.learn(x[:5000], a[:5000], r[:5000])
    resumed = LinearArms(2, 7, 1.0)
    for key in ARRAYS:
        getattr(resumed, key)[...] = getattr(saved, key)
    resumed.learn(x[5000:], a[5000:], r[5000:])
    assert (batch.age < batch.n).all()  # it was rebuilt on the way
    assert same(batch, single) and same(batch, resumed)


def test_a_batch_of_scores_equals_single_scores_to_the_bit():
    x, a, r = rows(500, 3, 11)
    state = LinearArms(3, 11, 1.0)
    state.learn(x, a, r)
    whole, one = np.empty((500, 3)), np.empty((1, 3))
    for method in (lambda c, o: state.linucb(c, None, 1.0, 0.02, o), lambda c, o: state.indices(c, 1.0, o),
                   lambda c, o: state.thompson(c, None, 0.1, 0.02, o)):  # fmt: skip
        method(x, whole)
        for i in range(500):
            method(x[i : i + 1], one)
            assert (one[0] == whole[i]).all()


def test_the_probe_repairs_a_broken_factor():
    x, a, r = rows(100, 1, 6)
    state = LinearArms(1, 6, 1.0)
    state.learn(x, a, r)
    state.S[0] *= 1.001
    state.learn(x[:1], a[:1], r[:1])
    assert state.age[0] == 0
    A = state.A[0]
    np.testing.assert_allclose(state.S[0] @ state.S[0].T @ A, np.eye(6), atol=1e-12)


def test_extreme_but_allowed_numbers_stay_finite():
    state = LinearArms(1, 3, 1.0)
    x = np.array([[1e100, -1e100, 1e-100], [1e100, 1e100, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    state.learn(x, np.zeros(4, dtype=np.int64), np.array([1e100, -1e100, 1.0, 0.5]))
    out = np.empty((4, 1))
    state.indices(x, 1.0, out)
    assert np.isfinite(out).all() and np.isfinite(state.S).all()


def kinds(g, n, d):
    """Four kinds of data, from harmless to nearly collinear."""
    zipf = 1.0 / np.arange(1, d + 1) ** 1.1
    base = g.standard_normal((n, d))
    return {
        "standard": base,
        "raw scales": base * np.logspace(-2, 2, d),
        "one-hot": np.eye(d)[g.choice(d, n, p=zipf / zipf.sum())],
        "near-collinear": g.standard_normal((n, 1)) + 1e-4 * base,
    }


def exact_forms(x, queries):
    """x' A^-1 x by Cholesky in 80-bit numbers."""
    wide = x.astype(np.longdouble)
    d = x.shape[1]
    A = np.eye(d, dtype=np.longdouble)
    for i in range(d):
        A[i] += (wide[:, i : i + 1] * wide).sum(axis=0)
    L = np.zeros_like(A)
    for j in range(d):
        L[j, j] = np.sqrt(A[j, j] - L[j, :j] @ L[j, :j])
        L[j + 1 :, j] = (A[j + 1 :, j] - L[j + 1 :, :j] @ L[j, :j]) / L[j, j]
    y = queries.T.astype(np.longdouble)
    for j in range(d):
        y[j] = (y[j] - L[j, :j] @ y[:j]) / L[j, j]
    return (y * y).sum(axis=0)


@pytest.mark.parametrize("kind", ["standard", "raw scales", "one-hot", "near-collinear"])
def test_drift_stays_within_its_bar(kind):
    """d = 32; 30,000 of the 200,000 updates (all of them were run by hand: at most 5e-9)."""
    g = np.random.default_rng(5)
    x = np.ascontiguousarray(kinds(g, 30_000, 32)[kind])
    queries = np.vstack([x[:8], g.standard_normal((8, 32))])
    state = LinearArms(1, 32, 1.0)
    state.learn(x, np.zeros(len(x), dtype=np.int64), g.random(len(x)))
    truth = exact_forms(x, queries)
    assert np.abs(((queries @ state.S[0]) ** 2).sum(axis=1) / truth - 1.0).max() <= 1e-8


@pytest.mark.parametrize("kind", ["standard", "near-collinear"])
def test_float32_state_would_fail_the_bar(kind):
    """Sabotage: the same factor update carried in float32."""
    g = np.random.default_rng(5)
    x = kinds(g, 1_500, 32)[kind]
    S = np.eye(32, dtype=np.float32)
    for row in x.astype(np.float32):
        S = reference.absorb(S, row).astype(np.float32)
    queries = x[:8]
    assert np.abs(((queries @ S) ** 2).sum(axis=1) / exact_forms(x, queries) - 1.0).max() > 1e-8
