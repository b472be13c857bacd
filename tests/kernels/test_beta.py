"""Error bar at test size, published vectors, closed forms, and the twin."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betaln

from banditcore.kernels import beta_argmax, reference


def f(*values):
    return np.array(values, dtype=float)


def integer_two_arms(a, b, c, d):
    """P(Beta(c, d) > Beta(a, b)) for whole c: sum_i B(a+i, b+d) / ((d+i) B(1+i, d) B(a, b)); swap roles as needed."""
    i = np.arange(c)
    return np.exp(betaln(a + i, b + d) - np.log(d + i) - betaln(1 + i, d) - betaln(a, b)).sum()


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [  # computed by an independent quadrature
        (f(3, 6, 2), f(5, 4, 2), [0.09346742, 0.56960532, 0.33692726]),
        (f(1, 1, 1, 1), f(1, 1, 1, 1), [0.25] * 4),
        (f(11, 21, 31, 5), f(91, 181, 271, 40), [0.28293359, 0.19705307, 0.16120138, 0.35881197]),
    ],
)
def test_known_vectors(a, b, expected):
    assert np.abs(beta_argmax(a, b)[0] - expected).max() <= 5e-9  # they are printed with eight digits


@pytest.mark.parametrize("arms", [2, 5, 20, 100])
@pytest.mark.parametrize("trials", [1e1, 1e3, 1e6])
def test_the_error_stays_within_its_bar(arms, trials):
    g = np.random.default_rng(int(arms * trials))
    for _ in range(4):
        total, rate = trials * (0.2 + g.random(arms)), g.uniform(0.02, 0.2, arms)
        a, b = 1.0 + total * rate, 1.0 + total * (1.0 - rate)
        p, certificate = beta_argmax(a, b)
        assert certificate <= 1e-9
        assert np.abs(p - reference.beta_argmax(a, b)).max() <= 1e-9


@settings(max_examples=60, deadline=None)
@given(*[st.integers(1, 400)] * 4)
def test_two_whole_arms_have_a_closed_form(a, b, c, d):
    assert abs(beta_argmax(f(a, c), f(b, d))[0][1] - integer_two_arms(a, b, c, d)) <= 1e-9


def test_a_million_trials_against_a_new_arm():
    # To 1e6 trials; the closed form sums over the arm with whole small parameters
    a, b = f(50_000, 1), f(950_000, 1)
    p, certificate = beta_argmax(a, b)
    assert certificate <= 1e-9 and abs(p[1] - 0.95) <= 1e-9  # P(uniform > X) = 1 - E X


def test_parameters_below_one():
    a, b = f(0.05, 0.5, 0.3), f(0.05, 0.5, 2.0)
    p, certificate = beta_argmax(a, b)
    assert certificate <= 1e-9
    assert np.abs(p - reference.beta_argmax(a, b)).max() <= 1e-8
    half, _ = beta_argmax(f(0.05, 0.05), f(0.05, 0.05))
    assert np.abs(half - 0.5).max() <= 1e-12


def test_single_and_none():
    assert beta_argmax(f(3), f(4))[0] == [1.0]
    assert beta_argmax(f(), f())[0].shape == (0,)


def test_equal_arms_share_what_one_of_them_gets():
    """From 33 arms on, those with equal counts are integrated once."""
    g = np.random.default_rng(6)
    pairs = np.array([[1.0, 1.0], [3.0, 20.0], [5.0, 9.0], [2.5, 4.0]])[g.integers(0, 4, 60)]
    p, certificate = beta_argmax(pairs[:, 0].copy(), pairs[:, 1].copy())
    assert certificate <= 1e-9
    assert np.abs(p - reference.beta_argmax(pairs[:, 0], pairs[:, 1])).max() <= 1e-9
