"""Words, normals and counts against NumPy, SciPy and the twin; closed forms; bytes.

Statistical tests are seeded, so they do not flicker; the odds stated are those of a fresh choice of seeds.
"""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from banditcore.kernels import gaussian_argmax, joint_vectors, philox, reference, standard_normals
from banditcore.kernels.joint import normals_of

SEED = st.integers(0, 2**64 - 1)


def posterior(arms, d, seed, rows=1):
    g = np.random.default_rng(seed)
    S = np.triu(g.standard_normal((d, d))) / np.sqrt(d)
    return g.standard_normal((rows, arms, d)), 0.5 * g.standard_normal(d), S


def vectors(features, m, S, seeds, *, variance=1.0, mask=None, draws=256, floor=0.0):
    """One feature matrix and many seeds, or as many matrices as seeds."""
    seeds = np.array(seeds, dtype=np.uint64)
    features = np.ascontiguousarray(np.broadcast_to(features, (len(seeds), *features.shape[-2:])))
    out, errors = np.full(features.shape[:2], np.nan), np.full(len(seeds), np.nan)
    joint_vectors(features, m, S, variance, mask, seeds, draws, floor, out, errors)
    return out, errors


@settings(max_examples=100, deadline=None)
@given(SEED, st.integers(0, 70))
def test_words_are_those_of_numpy(seed, n):
    assert philox(seed, n).tolist() == np.random.Philox(key=seed).random_raw(n).tolist()


@pytest.mark.parametrize("seed", [-1, 2**64])
def test_a_seed_is_one_word(seed):
    with pytest.raises(OverflowError):
        philox(seed, 4)


def test_normals_match_scipy():
    words = philox(1, 1_000_000)
    z = standard_normals(1, 1_000_000)
    np.testing.assert_allclose(z, reference.inverse_normal(words), rtol=4e-15, atol=0.0)
    assert (normals_of(~words) == -z).all()  # the mirrored word gives the mirrored normal


def test_normals_at_the_edges():
    """Both ends, the middle, and around the two seams: |u - 1/2| = 0.425 and a tail of exp(-25)."""
    tails = [
        int(2.0**64 * x) for x in np.concatenate([10.0 ** np.arange(-18.0, 0.0), np.exp(-25.0) * np.r_[0.9:1.1:9j]])
    ]
    seam = [int(2.0**64 * 0.075) + (step << 11) for step in range(-3, 4)]
    words = np.array([0, 1 << 11, 2**63 - 1, 2**63, 2**64 - 1, *tails, *seam], dtype=np.uint64)
    z = normals_of(words)
    np.testing.assert_allclose(z, reference.inverse_normal(words), rtol=4e-15, atol=0.0)
    assert np.isfinite(z).all() and z[0] == -z[4] == pytest.approx(-8.292361075813595, rel=1e-14)
    assert z[2] == -z[3] < 0.0
    assert normals_of(np.empty(0, dtype=np.uint64)).shape == (0,)


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 9), st.integers(1, 11), st.integers(1, 90), SEED, st.floats(0.0, 0.3), st.data())
def test_counts_match_the_twin(arms, d, draws, seed, floor, data):
    """Exactly, although sums differ in their last bits: a count could only move where the two best scores of a draw
    agree to some 1e-14, about one draw in 1e13."""
    features, m, S = posterior(arms, d, seed % 1000)
    allowed = data.draw(st.lists(st.booleans(), min_size=arms, max_size=arms).filter(any))
    mask, variance = np.array(allowed), 10.0 ** data.draw(st.floats(-3.0, 2.0))
    out, errors = vectors(features, m, S, [seed], variance=variance, mask=mask, draws=draws, floor=floor)
    p, error = reference.joint_vector(features[0], m, S, variance, mask, seed, draws, floor)
    np.testing.assert_allclose(out[0], p, rtol=0.0, atol=1e-14)
    assert errors[0] == pytest.approx(error, abs=1e-8)


def test_counts_match_the_twin_in_many_dimensions():
    features, m, S = posterior(40, 200, 3)
    out, errors = vectors(features, m, S, [77], draws=300)
    p, error = reference.joint_vector(features[0], m, S, 1.0, np.ones(40, dtype=bool), 77, 300, 0.0)
    np.testing.assert_allclose(out[0], p, rtol=0.0, atol=1e-14)
    assert errors[0] == pytest.approx(error)


@pytest.mark.parametrize("case", range(4))
def test_the_mean_over_seeds_is_the_law_of_two_arms(case):
    """P(f'theta > g'theta) = Phi(m'(f - g) / sd); 5 standard errors, so a sound kernel fails 1 time in 4e5."""
    features, m, S = posterior(2, 5, case)
    variance = [0.1, 1.0, 1.0, 9.0][case]
    difference = features[0, 0] - features[0, 1]
    p = ndtr(m @ difference / np.sqrt(variance * np.sum((S.T @ difference) ** 2)))
    out, _ = vectors(features, m, S, range(20_000), variance=variance, draws=32)
    assert 0.02 < p < 0.98 and abs(out[:, 0].mean() - p) <= 5.0 * out[:, 0].std() / np.sqrt(20_000)


def test_the_mean_over_seeds_is_the_law_of_correlated_arms():
    """Arms at angles 0, 50 and 170 degrees win in the sectors nearest to them: 120, 85 and 155 degrees of 360.

    5 standard errors for three arms: a sound kernel fails 1 time in 6e5. Sabotage: independent arms with the same
    means and variances would win a third each, and that fails.
    """
    angle = np.deg2rad([0.0, 50.0, 170.0])
    S = np.array([[0.7, -0.4], [0.0, 1.9]])
    features = np.linalg.solve(S.T, np.array([np.cos(angle), np.sin(angle)])).T
    out, _ = vectors(features, np.zeros(2), S, range(20_000), draws=32)
    bar = 5.0 * out.std(axis=0) / np.sqrt(20_000)
    assert (np.abs(out.mean(axis=0) - np.array([120.0, 85.0, 155.0]) / 360.0) <= bar).all()
    independent, _ = gaussian_argmax(np.zeros(3), np.ones(3))
    assert (np.abs(out.mean(axis=0) - independent) > bar)[1:].all()


def test_the_stated_error_is_the_spread_over_seeds():
    """Root mean squares over 20,000 seeds agree within 4 in 100; chance alone moves them by 1."""
    features, m, S = posterior(2, 5, 1)
    out, errors = vectors(features, m, S, range(20_000), draws=200)
    assert np.sqrt(np.mean(errors**2)) == pytest.approx(out[:, 0].std(), rel=0.04)


def test_the_stated_error_knows_an_arm_that_mirroring_does_not_help():
    """theta, -theta and a constant: the constant wins both draws of a pair or none.

    Sabotage: the error of independent draws would claim 1/sqrt(2) of the truth.
    """
    features, m, S = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), np.array([0.0, 0.8]), np.diag([1.0, 0.0])
    out, errors = vectors(features, m, S, range(20_000), draws=200)
    p, spread, stated = 2.0 * ndtr(0.8) - 1.0, out[:, 2].std(), np.sqrt(np.mean(errors**2))
    assert abs(out[:, 2].mean() - p) <= 5.0 * spread / np.sqrt(20_000)
    assert stated == pytest.approx(spread, rel=0.04) == pytest.approx(np.sqrt(2.0 * p * (1.0 - p) / 200), rel=0.04)
    assert np.sqrt(p * (1.0 - p) / 200) < 0.75 * spread


def test_a_vector_depends_on_its_row_and_seed_alone():
    features, m, S = posterior(6, 7, 4, rows=50)
    seeds = np.arange(50, dtype=np.uint64) + np.uint64(2**63)
    whole, errors = vectors(features, m, S, seeds)
    again, _ = vectors(features, m, S, seeds)
    assert whole.tobytes() == again.tobytes()
    for i in range(50):
        one, error = vectors(features[i], m, S, seeds[i : i + 1])
        assert one[0].tobytes() == whole[i].tobytes() and error[0] == errors[i]
    other, _ = vectors(features[0], m, S, range(100))
    assert len(np.unique(other, axis=0)) >= 95
    unasked = np.empty_like(whole)
    joint_vectors(features, m, S, 1.0, None, seeds, 256, 0.0, unasked)
    assert unasked.tobytes() == whole.tobytes()


def test_draws_come_in_pairs_and_more_only_add():
    features, m, S = posterior(5, 3, 5)
    odd, even, few, more = (vectors(features, m, S, [9], draws=draws)[0][0] for draws in (7, 8, 40, 100))
    assert odd.tobytes() == even.tobytes()
    gained = 100 * more - 40 * few
    assert (gained >= -1e-12).all() and gained.sum() == pytest.approx(60.0)


def test_ineligible_arms_get_nothing_and_change_nothing():
    features, m, S = posterior(6, 4, 6, rows=30)
    mask = np.random.default_rng(0).random((30, 6)) < 0.5
    mask[:, 2] |= ~mask.any(axis=1)
    out, errors = vectors(features, m, S, range(30), mask=mask)
    floored, _ = vectors(features, m, S, range(30), mask=mask, floor=0.1)
    assert (out[~mask] == 0.0).all() and (floored[~mask] == 0.0).all() and (floored[mask] > 0.0).all()
    np.testing.assert_allclose(floored, reference.add_floor(out, mask, 0.1), rtol=0.0, atol=1e-15)
    for i in range(30):
        alone, error = vectors(np.ascontiguousarray(features[i][mask[i]]), m, S, [i])
        assert alone[0].tobytes() == out[i][mask[i]].tobytes() and error[0] == errors[i]
        shared, _ = vectors(features[i], m, S, [i], mask=mask[i])
        assert shared[0].tobytes() == out[i].tobytes()


def test_a_single_arm_is_certain():
    features, m, S = posterior(1, 3, 7)
    out, errors = vectors(features, m, S, [1, 2], draws=1, floor=0.2)
    assert out.tolist() == [[1.0], [1.0]] and errors.tolist() == [0.0, 0.0]


@pytest.mark.parametrize("point", ["factor", "variance"])
def test_a_point_posterior_shares_ties(point):
    """Whole numbers, so that equal scores are equal to the bit: arms 1, 3 and 4 score 7."""
    features = np.array([[1.0, 0.0], [7.0, 0.0], [0.0, 2.0], [1.0, 2.0], [4.0, 1.0]])
    S = np.zeros((2, 2)) if point == "factor" else np.eye(2)
    out, errors = vectors(features, np.array([1.0, 3.0]), S, [3], variance=float(point == "factor"))
    np.testing.assert_allclose(out[0], [0.0, 1 / 3, 0.0, 1 / 3, 1 / 3], atol=1e-14)
    assert errors[0] <= 1e-8


def test_twins_among_the_arms_share_equally():
    features, m, S = posterior(4, 6, 8)
    features[0, 3] = features[0, 1]
    out, errors = vectors(features, m, S, range(20))
    p, error = reference.joint_vector(features[0], m, S, 1.0, np.ones(4, dtype=bool), 0, 256, 0.0)
    assert (out[:, 1] == out[:, 3]).all() and (out[:, 1] > 0.0).any()
    np.testing.assert_allclose(out.sum(axis=1), 1.0, atol=1e-14)
    np.testing.assert_allclose(out[0], p, atol=1e-14)
    assert errors[0] == pytest.approx(error)


def test_extreme_but_allowed_numbers_stay_lawful():
    features, m, S = posterior(5, 4, 9)
    for scale in (1e100, 1e-100):
        out, errors = vectors(scale * features, scale * m, S, [1], floor=0.05)
        assert out.min() >= 0.01 - 1e-12 and out.sum() == pytest.approx(1.0) and np.isfinite(errors).all()


def test_the_bytes_of_today_are_the_bytes_of_an_audit_years_from_now():
    """Inputs from exact arithmetic on Philox words, so no library's rounding enters. If this fails on a machine or
    after a change, vectors that were logged elsewhere or before cannot be recomputed: the kernel is wrong, not this."""
    digest = hashlib.sha256()
    for seed, (arms, d, draws) in enumerate([(2, 1, 2), (3, 5, 40), (10, 8, 256), (17, 33, 101), (50, 16, 256)]):
        numbers = (philox(seed, 3 * arms * d + d + d * d) >> np.uint64(11)).astype(np.float64) * 2.0**-52 - 1.0
        features, m, S = np.split(numbers, [3 * arms * d, 3 * arms * d + d])
        mask = (philox(seed + 100, 3 * arms) >> np.uint64(62)).reshape(3, arms) > 0
        mask[:, 0] = True
        out, errors = vectors(features.reshape(3, arms, d), m, np.triu(S.reshape(d, d)), philox(seed + 200, 3),
                              variance=0.7, mask=mask, draws=draws, floor=0.02)  # fmt: skip
        digest.update(out.astype("<f8").tobytes() + errors.astype("<f8").tobytes())
        digest.update(standard_normals(seed, 1000).astype("<f8").tobytes())
    assert digest.hexdigest() == "dbdcacbbea628aac35c31d00bea0b59d4d52c2d19a9d8bd28bcb439d7ec3a6dd"
