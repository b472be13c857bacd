"""The fold and the scores against their twins; bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banditcore.kernels import LinearArms, linucb, reference

ARRAYS = ("A", "b", "S", "m", "l2", "m0", "n", "weight", "sum_r", "sum_r2", "rss", "age")


def rows(n, arms, d, seed=0):
    g = np.random.default_rng(seed)
    return g.standard_normal((n, d)), g.integers(0, arms, n), g.random(n)


def same(one, other):
    return all(getattr(one, key).tobytes() == getattr(other, key).tobytes() for key in ARRAYS)


def indices(state, contexts, alpha):
    mean, sd = np.empty((len(contexts), state.arms)), np.empty((len(contexts), state.arms))
    state.moments(contexts, alpha, mean, sd)
    return mean + sd


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 7), st.integers(1, 29), st.integers(0, 80), st.floats(1e-3, 1e3), st.integers(0, 99))
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
    for alpha in (0.0, 1.0, 2.5):
        out = indices(state, queries, alpha)
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
    scores, out = indices(state, x, alpha), np.empty((300, 6))
    linucb(state, x, mask, alpha, 0.1, out)
    np.testing.assert_allclose(out, reference.add_floor(reference.best_of(scores, mask), mask, 0.1), atol=1e-15)


@settings(max_examples=150, deadline=None)
@given(
    st.integers(20, 60), st.integers(1, 12), st.integers(0, 3000), st.sampled_from([0.01, 0.3, 1.0, 30.0]),
    st.sampled_from(["dense", "one-hot", "intercept", "few values"]), st.booleans(), st.integers(0, 99),
)  # fmt: skip
def test_pruning_changes_nothing(arms, d, n, alpha, kind, own, seed):
    """Equality with the full scan, ties included, below and above the number of arms from which it prunes."""
    g = np.random.default_rng(seed)
    x = g.standard_normal((n + 20, d))
    if kind == "one-hot":
        x = np.eye(d)[g.integers(0, d, n + 20)]
    elif kind == "intercept":
        x = np.abs(x) + 1.0
    elif kind == "few values":
        x = g.integers(-1, 2, (n + 20, d)).astype(float)
    state = LinearArms(arms, d, 1.0)
    state.learn(x[:n], np.minimum(g.integers(0, arms + 5, n), arms - 1), np.round(g.random(n), 1))
    queries = g.standard_normal((20, arms, d)) if own else x[n:]
    mask = g.random((20, arms)) < 0.8
    mask[:, 0] = True
    out, scores = np.empty((20, arms)), indices(state, queries, alpha)
    for eligible in (mask, mask[0], None):
        linucb(state, queries, eligible, alpha, 0.02, out)
        full = np.broadcast_to(np.ones(arms, dtype=bool) if eligible is None else eligible, (20, arms))
        assert np.abs(out - reference.add_floor(reference.best_of(scores, full), full, 0.02)).max() <= 1e-15


def test_bounds_are_bounds_and_do_prune():
    x, a, r = rows(20_000, 40, 8)
    state = LinearArms(40, 8, 1.0)
    state.learn(x, a, r)
    inverse = state.S @ np.swapaxes(state.S, 1, 2)
    largest = np.linalg.eigvalsh(inverse)[:, -1]
    assert (state.reach >= largest).all() and (state.reach <= 2.0 * largest).all()
    assert (state.width >= np.sqrt(np.einsum("kii->ki", inverse))).all()
    queries, out = np.random.default_rng(1).standard_normal((500, 8)), np.empty((500, 40))
    before = reference.best_of(indices(state, queries, 1.0), np.ones((500, 40), dtype=bool))
    linucb(state, queries, None, 1.0, 0.0, out)
    assert (out == before).all()
    state.reach[:] *= 1e-6  # sabotage: bounds that are none hide arms that should have won
    state.width[:] *= 1e-6
    linucb(state, queries, None, 1.0, 0.0, out)
    assert (out != before).any()


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


@pytest.mark.parametrize("d", [1, 3, 4, 7, 8, 11, 16, 33])
@pytest.mark.parametrize("arms", [3, 30])
def test_a_batch_of_scores_equals_single_scores_to_the_bit(arms, d):
    x, a, r = rows(500, arms, d)
    state = LinearArms(arms, d, 1.0)
    state.learn(x, a, r)
    whole, one = np.empty((500, arms)), np.empty((1, arms))
    scores = indices(state, x, 1.0)
    linucb(state, x, None, 1.0, 0.02, whole)
    for i in range(500):
        linucb(state, x[i : i + 1], None, 1.0, 0.02, one)
        assert (one[0] == whole[i]).all()
        assert (indices(state, x[i : i + 1], 1.0)[0] == scores[i]).all()


def test_clicks_take_the_adf_step():
    g = np.random.default_rng(3)
    x, a, _ = rows(400, 3, 5)
    state, offset = LinearArms(3, 5, 2.0), -1.5
    m, V = np.zeros((3, 5)), np.tile(np.eye(5) / 2.0, (3, 1, 1))
    clicks = (g.random(400) < 0.3).astype(float)
    state.learn_clicks(x, a, clicks, offset)
    for row, k, y in zip(x, a, clicks, strict=True):
        m[k], V[k] = reference.click_step(m[k], V[k], row, y, offset)
    np.testing.assert_allclose(state.m, m, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(state.S @ np.swapaxes(state.S, 1, 2), V, rtol=1e-9, atol=1e-12)
    assert state.sum_r.sum() == clicks.sum()


def test_fading_puts_the_prior_back():
    """20,000 steps at g = .999 along one direction: the width of the others stays at the prior's, exactly 1 here."""
    state = LinearArms(1, 3, 1.0)
    x = np.array([[1.0, 0.0, 0.0]])
    A = np.eye(3)
    for _ in range(20_000):
        state.reprior(0.999, 1.0)
        state.learn(x, np.zeros(1, dtype=np.int64), np.ones(1))
        A = 0.999 * A + x.T @ x
    variance = np.square(state.S[0]).sum(axis=1)
    np.testing.assert_allclose(variance[1:], 1.0, rtol=1e-9)
    assert np.linalg.inv(A)[1, 1] > 1e8  # sabotage: without the prior the unseen directions explode


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.floats(0.0, 1.0), st.floats(0.01, 100.0), st.integers(0, 40), st.integers(0, 99))
def test_fading_and_another_prior_have_a_closed_form(d, g, l2, n, seed):
    x, a, r = rows(n, 2, d, seed)
    state = LinearArms(2, d, 1.0)
    state.m0[:], state.b[:] = 0.5, 0.5
    state.refactor()
    state.learn(x, a, r)
    state.reprior(g, l2)
    for k in range(2):
        X, y = x[a == k], r[a == k]
        A = g * X.T @ X + l2 * np.eye(d)
        b = g * X.T @ y + l2 * 0.5
        m = np.linalg.solve(A, b)
        rss = g * ((y - X @ m) ** 2).sum() + l2 * ((m - 0.5) ** 2).sum()
        np.testing.assert_allclose(state.A[k], A, rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(state.m[k], m, rtol=1e-7, atol=1e-10)
        np.testing.assert_allclose(state.rss[k], rss, rtol=1e-7, atol=1e-9)


def test_a_new_arm_starts_from_the_mean_of_the_mature():
    x, a, r = rows(300, 3, 4)
    state = LinearArms(4, 4, 2.0)
    state.learn(x, a, r, 50)
    state.inherit(50)
    expected = np.linalg.solve(state.A[:3].sum(axis=0), state.b[:3].sum(axis=0))
    np.testing.assert_allclose(state.m[3], expected, rtol=1e-10)
    np.testing.assert_array_equal(state.A[3], 2.0 * np.eye(4))
    before = state.m[3].copy()
    state.learn(x[:1], np.array([3]), r[:1], 50)
    np.testing.assert_allclose(state.m0[3], before, rtol=1e-12)
    fresh = LinearArms(4, 4, 2.0)
    fresh.inherit(50)  # nobody to inherit from
    assert (fresh.m == 0.0).all() and (fresh.S == LinearArms(4, 4, 2.0).S).all()


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
    x = np.array([[1e30, -1e30, 1e-30], [1e30, 1e30, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    state.learn(x, np.zeros(4, dtype=np.int64), np.array([1e30, -1e30, 1.0, 0.5]))
    assert np.isfinite(indices(state, x, 1.0)).all() and np.isfinite(state.S).all()
