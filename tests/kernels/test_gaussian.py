"""Error bar at test size, closed forms, and the twin."""

import hashlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from banditcore.kernels import gaussian_argmax, gaussian_vectors, reference


def case(g, arms, ratio):
    sd = ratio ** g.random(arms)
    return g.standard_normal(arms) * g.choice([0.0, 0.3, 1.0, 3.0]) * np.median(sd), sd


@pytest.mark.parametrize("arms", [2, 3, 10, 100])
@pytest.mark.parametrize("ratio", [1.0, 2.0, 5.0, 100.0, 1e4])
def test_the_error_stays_within_its_bar(arms, ratio):
    g = np.random.default_rng(arms)
    for _ in range(12 if arms < 100 else 4):
        mu, sd = case(g, arms, ratio)
        p, certificate = gaussian_argmax(mu, sd)
        assert certificate <= 1e-9 and abs(p.sum() - 1.0) <= 1e-12
        assert np.abs(p - reference.gaussian_argmax(mu, sd)).max() <= 1e-8


@pytest.mark.parametrize(("arms", "ratio"), [(1000, 1.0), (1000, 10.0), (1000, 100.0), (10_000, 1.0), (10_000, 100.0)])
def test_the_error_with_very_many_arms(arms, ratio):
    mu, sd = case(np.random.default_rng(arms), arms, ratio)
    p, certificate = gaussian_argmax(mu, sd)
    assert certificate <= 1e-9
    assert np.abs(p - reference.gaussian_argmax(mu, sd)).max() <= 1e-8


@settings(max_examples=300, deadline=None)
@given(st.floats(-50, 50), st.floats(-50, 50), st.floats(-6, 6), st.floats(-6, 6))
def test_two_arms_have_a_closed_form(mu1, mu2, log1, log2):
    sd = 10.0 ** np.array([log1, log2])
    p, certificate = gaussian_argmax(np.array([mu1, mu2]), sd)
    assert certificate <= 1e-9
    assert abs(p[0] - ndtr((mu1 - mu2) / np.hypot(*sd))) <= 1e-8


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-3, 2)), min_size=1, max_size=12), st.floats(-1e6, 1e6))
def test_twin_and_shift(arms, shift):
    mu, sd = np.array([m for m, _ in arms]), np.array([10.0**s for _, s in arms])
    p, _ = gaussian_argmax(mu, sd)
    assert np.abs(p - reference.gaussian_argmax(mu, sd)).max() <= 1e-8
    # Adding 1e6 rounds a mean by up to 1e-10, which moves p by up to that over the smallest sd.
    assert np.abs(p - gaussian_argmax(mu + shift, sd)[0]).max() <= 1e-8 + len(mu) * 1e-9 / sd.min()


@pytest.mark.parametrize(
    ("mu", "sd", "expected"),
    [
        ([0.3], [2.0], [1.0]),
        ([0.3], [0.0], [1.0]),
        ([1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [0.5, 0.5, 0.0]),
        ([0.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.25, 0.25, 0.5]),
        ([1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [ndtr(1.0), 0.0, ndtr(-1.0)]),
        ([0.0, 100.0], [1.0, 1.0], [0.0, 1.0]),
        ([0.0, 1e9], [1e-6, 1e-6], [0.0, 1.0]),
        ([5.0, 5.0], [1e-9, 1e3], [0.5, 0.5]),
        ([0.0, 1.0, 0.0], [1.0, 0.0, 1e-4], [ndtr(-1.0), ndtr(1.0), 0.0]),
    ],
)
def test_edges(mu, sd, expected):
    p, certificate = gaussian_argmax(np.array(mu, dtype=float), np.array(sd, dtype=float))
    assert certificate <= 1e-9
    assert np.abs(p - expected).max() <= 1e-9
    assert np.abs(p - reference.gaussian_argmax(np.array(mu, dtype=float), np.array(sd, dtype=float))).max() <= 1e-8


def test_exchangeable_arms_are_uniform():
    for arms in (2, 7, 30, 31, 100, 400, 10_000):
        p, certificate = gaussian_argmax(np.zeros(arms), np.ones(arms))
        assert certificate <= 1e-9
        assert (p == p[0]).all() and abs(p[0] * arms - 1.0) <= 1e-12


@pytest.mark.parametrize("ratio", [1.0, 10.0, 1e4])
def test_twin_arms_get_exactly_the_same(ratio):
    mu, sd = case(np.random.default_rng(2), 9, ratio)
    p, _ = gaussian_argmax(np.tile(mu, 3), np.tile(sd, 3))
    assert (p[:9] == p[9:18]).all() and (p[:9] == p[18:]).all()


def test_a_point_mass_reads_the_distribution_function_to_twelve_digits():
    """N(0, 1) falls below the mass at x with probability Phi(x) = exp(-x^2 / 2) R(-x): no quadrature in between."""
    x = np.linspace(-7.5, 9.0, 331)
    below = np.array([gaussian_argmax(np.array([0.0, at]), np.array([1.0, 0.0]))[0][1] for at in x])
    assert np.abs(below / ndtr(x) - 1.0).max() <= 1e-12


def test_small_chances_keep_their_digits():
    gap = np.linspace(0.0, 8.0, 81)
    small = np.array([gaussian_argmax(np.array([0.0, by]), np.ones(2))[0][0] for by in gap])
    assert np.abs(small / ndtr(-gap / np.sqrt(2.0)) - 1.0).max() <= 1e-5


@pytest.mark.parametrize("ratio", [1.0, 3.0, 100.0])
@pytest.mark.parametrize("masked", ["none", "shared", "rows"])
def test_vectors_are_the_twin_of_every_row(ratio, masked):
    g = np.random.default_rng(8)
    cases = [case(g, 12, ratio) for _ in range(9)]
    mean, sd = np.array([mu for mu, _ in cases]), np.array([spread for _, spread in cases])
    sd[3, 4] = 0.0
    rows = g.random((9, 12)) < 0.6
    rows[:, 5] = True
    mask = {"none": None, "shared": rows[0], "rows": rows}[masked]
    allowed = np.broadcast_to(True if mask is None else mask, mean.shape)
    out, errors = np.full(mean.shape, np.nan), np.full(9, np.nan)
    gaussian_vectors(mean, sd, mask, 0.1, out, errors)
    expected = np.zeros(mean.shape)
    for i in range(9):
        expected[i, allowed[i]] = reference.gaussian_argmax(mean[i, allowed[i]], sd[i, allowed[i]])
    assert np.abs(out - reference.add_floor(expected, allowed, 0.1)).max() <= 1e-8
    assert (out[~allowed] == 0.0).all() and (errors <= 1e-9).all()
    for i in range(9):  # a row by itself gives the same bytes
        alone = np.empty((1, 12))
        gaussian_vectors(mean[i : i + 1], sd[i : i + 1], allowed[i].copy(), 0.1, alone, None)
        assert (alone[0] == out[i]).all()


def test_vectors_without_floor_are_gaussian_argmax():
    mean, sd = np.random.default_rng(4).standard_normal((2, 5, 30))
    sd = np.abs(sd)
    out, errors = np.empty((5, 30)), np.empty(5)
    gaussian_vectors(mean, sd, None, 0.0, out, errors)
    for i in range(5):
        p, certificate = gaussian_argmax(mean[i], sd[i])
        assert (out[i] == p).all() and errors[i] == certificate


def test_no_rows():
    gaussian_vectors(np.empty((0, 3)), np.empty((0, 3)), None, 0.1, np.empty((0, 3)), np.empty(0))
    gaussian_vectors(np.empty((0, 3)), np.empty((0, 3)), np.empty((0, 3), dtype=bool), 0.1, np.empty((0, 3)), None)


def test_the_bytes_are_the_same_on_every_machine():
    """What one CPU logs another must recompute: the digest of 400 vectors, whatever the width of its registers.

    Inputs are made of whole numbers, for `exp` and `**` differ between machines. A change of the quadrature changes
    the digest, and says by that that logs written before cannot be audited bit by bit.
    """
    digest = hashlib.sha256()
    for i in range(400):
        k = np.arange(2 + i % 50)
        mu = ((k * (37 + i)) % 101 - 50) / 16.0
        sd = ((k * (53 + i)) % 97 + i % 2) / (8.0 * (1 + (k * i) % (1 + i)))
        p, certificate = gaussian_argmax(mu, sd)
        assert certificate <= 1e-9
        digest.update(p.tobytes())
    assert digest.hexdigest()[:16] == "e8b043b9ceff23bf"


def test_no_arms():
    assert gaussian_argmax(np.empty(0), np.empty(0))[0].shape == (0,)


def test_counting_wins_would_fail_the_bar():
    """Sabotage: 100,000 joint draws are off by 1e-3 and give zero to arms that can win."""
    g = np.random.default_rng(3)
    mu, sd = np.array([0.0, 0.5, 1.0, -4.0]), np.array([1.0, 1.0, 1.0, 1.0])
    wins = np.bincount((mu + sd * g.standard_normal((100_000, 4))).argmax(axis=1), minlength=4) / 100_000
    p, _ = gaussian_argmax(mu, sd)
    assert np.abs(wins - p).max() > 1e-5
    assert wins[3] == 0.0 or abs(wins[3] / p[3] - 1.0) > 1e-3
