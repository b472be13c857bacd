"""Error bar at test size, closed forms, and the twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from banditcore.kernels import gaussian_argmax, reference


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


@pytest.mark.parametrize("ratio", [1.0, 10.0, 100.0])
def test_the_error_with_a_thousand_arms(ratio):
    mu, sd = case(np.random.default_rng(1000), 1000, ratio)
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
    for arms in (2, 7, 30, 31, 100, 400):
        p, _ = gaussian_argmax(np.zeros(arms), np.ones(arms))
        assert (p == p[0]).all() and abs(p[0] * arms - 1.0) <= 1e-12


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
