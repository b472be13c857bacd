"""The common part and the arms against algorithm 2, against one solve of the whole system, and by their bytes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banditcore.kernels import HybridArms, reference
from banditcore_simulations.experiments.posteriors.designs import KINDS, design

SUMS = ("A", "b", "B", "Z", "bz")
DERIVED = ("S", "m", "W", "A0", "b0", "S0", "beta")
ARRAYS = (*SUMS, *DERIVED, "n", "weight", "sum_r", "sum_r2", "rss", "age", "age0")


def rows(n, arms, columns, seed=0):
    g = np.random.default_rng(seed)
    return g.standard_normal((n, columns)), g.integers(0, arms, n), g.random(n)


def parts(x, shared):
    """z and x of rows; 0: both are the whole row."""
    return (x[..., :shared], x[..., shared:]) if shared else (x, x)


def learned(x, a, r, arms, shared, l2=1.0):
    state = HybridArms(arms, x.shape[-1], shared, l2)
    state.learn(x, a, r)
    return state


def moments(state, queries):
    mean, sd = (np.empty((len(queries), len(state.n))) for _ in range(2))
    state.moments(queries, mean, sd)
    return mean, sd


def same(one, other):
    return all(getattr(one, key).tobytes() == getattr(other, key).tobytes() for key in ARRAYS)


def whole(x, a, r, arms, shared, l2, queries):
    """Means and variances (n, K) of `queries` by one solve in 80-bit numbers."""
    z, own = parts(x.astype(np.longdouble), shared)
    every = np.repeat(queries, arms, axis=0).astype(np.longdouble)
    asked = reference.block_rows(*parts(every, shared), np.tile(np.arange(arms), len(queries)), arms)
    answer = reference.block_moments(reference.block_rows(z, own, a, arms), r.astype(np.longdouble), l2, asked)
    return tuple(part.reshape(len(queries), arms) for part in answer)


LAYOUT = st.integers(1, 9).flatmap(lambda columns: st.tuples(st.just(columns), st.integers(0, columns - 1)))


@settings(max_examples=60, deadline=None)
@given(LAYOUT, st.integers(1, 5), st.integers(0, 80), st.floats(1e-3, 1e3), st.integers(0, 99))
def test_state_and_scores_match_algorithm_2(layout, arms, n, l2, seed):
    columns, shared = layout
    x, a, r = rows(n, arms, columns, seed)
    state = learned(x, a, r, arms, shared, l2)
    z, own = parts(x, shared)
    twin = reference.hybrid(z, own, a, r, arms, l2)
    loose = 1e-12 * (1.0 + n / l2) * (n + 1)  # what the paper's lines lose by subtracting; the kernel does not
    for key in ("A", "B", "b"):
        np.testing.assert_allclose(getattr(state, key), getattr(twin, key), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(state.Z, l2 * np.eye(z.shape[1]) + z.T @ z, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(state.bz, r @ z, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(state.A0, twin.A0, rtol=1e-9, atol=loose)
    np.testing.assert_allclose(state.b0, twin.b0, rtol=1e-9, atol=loose)
    np.testing.assert_allclose(state.m, np.linalg.solve(state.A, state.b[:, :, None])[:, :, 0], atol=1e-9)
    np.testing.assert_allclose(state.W, np.linalg.solve(state.A, state.B), atol=1e-9)
    np.testing.assert_allclose(state.S0, reference.inverse_factor(state.A0), rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(state.beta, np.linalg.solve(state.A0, state.b0), rtol=1e-8, atol=1e-10)
    queries = np.random.default_rng(seed + 1).standard_normal((3, columns))
    mean, sd = moments(state, queries)
    expected = [[reference.hybrid_moments(twin, k, *parts(row, shared)) for k in range(arms)] for row in queries]
    np.testing.assert_allclose(np.stack([mean, sd * sd], axis=2), expected, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(np.stack([mean, sd * sd]), whole(x, a, r, arms, shared, l2, queries), 1e-9, 1e-11)


@settings(max_examples=20, deadline=None)
@given(LAYOUT, st.integers(1, 4), st.integers(1, 60), st.integers(0, 99))
def test_counts_and_residuals(layout, arms, n, seed):
    columns, shared = layout
    x, a, r = rows(n, arms, columns, seed)
    state = learned(x, a, r, arms, shared)
    blocks = reference.block_rows(*parts(x, shared), a, arms)
    assert state.rss.sum() == pytest.approx(reference.residual_sum(blocks, r, 1.0), abs=1e-10)
    for k in range(arms):
        assert state.n[k] == state.weight[k] == state.age[k] == (a == k).sum()
        assert state.sum_r[k] == pytest.approx(r[a == k].sum())
        assert state.sum_r2[k] == pytest.approx((r[a == k] ** 2).sum())
    assert state.age0.shape == () and state.age0 == n


@pytest.mark.parametrize("shared", [0, 3])
def test_batches_and_single_rows_give_the_same_bytes_across_a_rebuild(shared):
    x, a, r = rows(9000, 2, 7)
    batch, single, saved, resumed = (HybridArms(2, 7, shared, 1.0) for _ in range(4))
    batch.learn(x, a, r)
    for i in range(9000):
        single.learn(x[i : i + 1], a[i : i + 1], r[i : i + 1])
    saved.learn(x[:5000], a[:5000], r[:5000])
    for key in ARRAYS:
        getattr(resumed, key)[...] = getattr(saved, key)
    resumed.learn(x[5000:], a[5000:], r[5000:])
    assert (batch.age < batch.n).all() and batch.age0 < 9000  # both were rebuilt on the way
    assert same(batch, single) and same(batch, resumed)


@settings(max_examples=20, deadline=None)
@given(LAYOUT, st.integers(1, 4), st.integers(0, 60), st.integers(0, 99))
def test_a_row_an_arm_reads_its_own_and_scores_are_the_same_bits_alone(layout, arms, n, seed):
    columns, shared = layout
    g = np.random.default_rng(seed)
    x, (_, a, r) = g.standard_normal((n, arms, columns)), rows(n, arms, columns, seed)
    state = learned(x, a, r, arms, shared)
    assert same(state, learned(np.ascontiguousarray(x[np.arange(n), a]), a, r, arms, shared))
    queries = g.standard_normal((12, arms, columns))
    mean, sd = moments(state, queries)
    only = np.empty_like(mean)
    state.moments(queries, only, None)
    assert (only == mean).all()
    for i in range(12):
        for k in range(arms):
            one = moments(state, np.ascontiguousarray(queries[i, k : k + 1]))
            assert one[0][0, k] == mean[i, k] and one[1][0, k] == sd[i, k]


@settings(max_examples=20, deadline=None)
@given(LAYOUT, st.integers(1, 4), st.integers(1, 80), st.integers(0, 99))
def test_the_order_of_rows_does_not_matter(layout, arms, n, seed):
    columns, shared = layout
    x, a, r = rows(n, arms, columns, seed)
    order = np.random.default_rng(seed).permutation(n)
    one, other = learned(x, a, r, arms, shared), learned(x[order], a[order], r[order], arms, shared)
    for key in (*SUMS, *DERIVED):
        np.testing.assert_allclose(getattr(one, key), getattr(other, key), rtol=1e-10, atol=1e-10)


def within(state, truth, queries, *, of_variance=1e-8, of_mean=1e-8):
    """Means are measured against |mean| + sd: some are 0."""
    mean, sd = moments(state, queries)
    means, variances = truth
    misses = np.abs(mean - means) / (np.abs(means) + np.sqrt(variances)), np.abs(sd * sd / variances - 1.0)
    return misses[0].max() <= of_mean and misses[1].max() <= of_variance


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shared", [0, 8])
def test_accuracy_after_many_rows_and_after_a_refresh(kind, shared):
    """20,000 rows, the last arm with only three: at most 2e-10 off (200,000 were run by hand: 5e-9)."""
    g = np.random.default_rng(5)
    x = np.ascontiguousarray(design(kind, g, 20_000, 16 if shared else 8))
    a, r = g.integers(0, 4, len(x)), g.random(len(x))
    a[:3] = 4
    queries = np.vstack([x[:8], g.standard_normal((8, x.shape[1]))])
    state = learned(x, a, r, 5, shared)
    truth = whole(x, a, r, 5, shared, 1.0, queries)
    assert within(state, truth, queries)
    state.refresh()
    assert within(state, truth, queries)


def textbook(state):
    """A0 from the sums as it is defined."""
    return state.Z - (state.B.transpose(0, 2, 1) @ np.linalg.solve(state.A, state.B)).sum(axis=0)


def test_refresh_keeps_its_accuracy_where_the_definition_loses_it():
    """Every column both common and the arm's own, in raw units: Z is 1e15 times what remains of it."""
    g = np.random.default_rng(7)
    x, a, r = rows(2000, 3, 4, 7)
    x *= np.array([1.0, 1e3, 1e5, 1e6])
    state = learned(x, a, r, 3, 0)
    queries = np.vstack([x[:8], g.standard_normal((8, 4))])
    truth = whole(x, a, r, 3, 0, 1.0, queries)
    state.refresh()
    assert within(state, truth, queries)
    np.testing.assert_allclose(state.A0, 4.0 * np.eye(4), rtol=1e-2, atol=1e-2)  # l2 (1 + K) for arms that know x
    assert np.abs(textbook(state) - state.A0).max() > 1e-3  # sabotage


def test_refresh_stays_positive_definite_where_the_definition_does_not():
    """A common column that is also each arm's, under its own name: nothing says so, and rounding must not decide."""
    x, a, r = rows(3000, 3, 4, 8)
    x = np.hstack([1e7 * x[:, :2] + 1e6, x[:, 2:]])
    x = np.ascontiguousarray(np.hstack([x, x[:, ::-1] * 1.1]))
    state = learned(x, a, r, 3, 4)
    assert np.linalg.eigvalsh(textbook(state))[0] < 0.0  # sabotage
    state.refresh()
    assert np.linalg.eigvalsh(state.A0)[0] > 0.99
    state.learn(x, a, r)
    mean, sd = moments(state, x)
    assert np.isfinite(mean).all() and (sd > 0.0).all()
    assert sd.max() < 10.0  # every row was seen often


@pytest.mark.parametrize("shared", [0, 3])
def test_states_merge_by_their_sums(shared):
    x, a, r = rows(600, 3, 6, 9)
    one, two = learned(x[:250], a[:250], r[:250], 3, shared, 0.5), learned(x[250:], a[250:], r[250:], 3, shared, 0.5)
    for key in (*SUMS, "sum_r2"):
        getattr(one, key)[...] += getattr(two, key)
    one.A[...] -= 0.5 * np.eye(one.A.shape[1])
    one.Z[...] -= 0.5 * np.eye(len(one.Z))
    one.refresh()
    both = learned(x, a, r, 3, shared, 0.5)
    for key in (*SUMS, *DERIVED):
        np.testing.assert_allclose(getattr(one, key), getattr(both, key), rtol=1e-10, atol=1e-10)
    assert (one.age == 0).all() and one.age0 == 0


@pytest.mark.parametrize("what", ["A", "b", "B", "Z", "bz"])
@pytest.mark.parametrize("shared", [0, 2])
def test_a_prior_written_over_a_sum_counts(what, shared):
    """Where z = x the sums tell the same thing twice; refresh may use that only as long as it is true."""
    x, a, r = rows(300, 2, 4, 10)
    state = learned(x, a, r, 2, shared)
    array = getattr(state, what)
    array[...] += 0.01 * (np.eye(array.shape[-1]) if what in "AZ" else np.ones(array.shape))
    state.refresh()
    np.testing.assert_allclose(state.A0, textbook(state), rtol=1e-10, atol=1e-10)
    twin = reference.Hybrid(state.A0, state.b0, state.A, state.B, state.b)
    b0 = state.bz - np.einsum("kdq,kd->q", state.B, np.linalg.solve(state.A, state.b[:, :, None])[:, :, 0])
    np.testing.assert_allclose(state.b0, b0, rtol=1e-10, atol=1e-10)
    mean, sd = moments(state, x[:5])
    expected = [[reference.hybrid_moments(twin, k, *parts(row, shared)) for k in range(2)] for row in x[:5]]
    np.testing.assert_allclose(np.stack([mean, sd * sd], axis=2), expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("what", ["S", "S0"])
def test_the_probe_repairs_a_broken_factor_before_it_does_harm(what):
    x, a, r = rows(200, 1, 6)
    state, sound = learned(x[:100], a[:100], r[:100], 1, 2), learned(x, a, r, 1, 2)
    getattr(state, what)[...] *= 1.001
    state.learn(x[100:], a[100:], r[100:])
    assert (state.age[0] if what == "S" else state.age0) == 100
    for key in (*DERIVED, "rss"):
        np.testing.assert_allclose(getattr(state, key), getattr(sound, key), rtol=1e-9, atol=1e-12)


@settings(max_examples=20, deadline=None)
@given(LAYOUT, st.integers(1, 4), st.lists(st.floats(0.1, 1.0), min_size=1, max_size=6), st.integers(0, 99))
def test_decay_equals_old_rows_that_weigh_less(layout, arms, steps, seed):
    columns, shared = layout
    x, a, r = rows(30 * len(steps), arms, columns, seed)
    state, weight = HybridArms(arms, columns, shared, 0.7), np.ones(len(r))
    for i, g in enumerate(steps):
        part = slice(30 * i, 30 * (i + 1))
        state.learn(x[part], a[part], r[part])
        state.decay(g)
        weight[: part.stop] *= g
    root = np.sqrt(weight)
    truth = whole(x * root[:, None], a, r * root, arms, shared, 0.7, x[:6])
    np.testing.assert_allclose(moments(state, x[:6])[0], truth[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(moments(state, x[:6])[1] ** 2, truth[1], rtol=1e-8)
    for k in range(arms):
        assert state.weight[k] == pytest.approx(weight[a == k].sum(), abs=1e-12)
        assert state.sum_r[k] == pytest.approx((weight * r)[a == k].sum(), abs=1e-12)
        assert state.sum_r2[k] == pytest.approx((weight * r * r)[a == k].sum(), abs=1e-12)
        assert state.n[k] == (a == k).sum()


def test_decay_leaves_what_no_row_excites_at_the_prior():
    l2, g = 0.5, 0.999
    state = HybridArms(2, 6, 3, l2)
    queries = np.zeros((2, 6))
    queries[0, 2] = queries[1, 5] = 1.0  # a common column and one of the arms' own that stay 0 in every row
    x, a, r = rows(20_000, 2, 6, 11)
    x[:, [2, 5]] = 0.0
    bare = l2 * np.eye(3)
    for i in range(20_000):
        state.learn(x[i : i + 1], a[i : i + 1], r[i : i + 1])
        state.decay(g)
        bare = g * (bare + np.outer(x[i, :3], x[i, :3]))
    np.testing.assert_allclose(moments(state, queries)[1] ** 2, 1.0 / l2, rtol=1e-6)
    assert np.linalg.inv(bare)[2, 2] > 1e8 / l2  # sabotage: the prior is forgotten too, and the variance explodes


@pytest.mark.parametrize("shared", [0, 1])
def test_extreme_but_allowed_numbers_stay_finite(shared):
    state = HybridArms(1, 3, shared, 1.0)
    x = np.array([[1e100, -1e100, 1e-100], [1e100, 1e100, 0.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    a, r = np.zeros(4, dtype=np.int64), np.array([1e100, -1e100, 1.0, 0.5])
    for step in (lambda: state.learn(x, a, r), lambda: state.decay(0.9), lambda: state.learn(x, a, r)):
        step()
        assert all(np.isfinite(part).all() for part in moments(state, x))
        assert all(np.isfinite(getattr(state, key)).all() for key in (*SUMS, *DERIVED))
