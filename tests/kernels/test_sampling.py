"""The sampler, the floor, and what a kernel may read."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from banditcore.kernels import (
    add_floor,
    draw,
    draw_many,
    plain_contexts,
    plain_indices,
    plain_vector,
    reference,
)

UNIT = st.floats(0.0, 1.0, exclude_max=True)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(st.just(0.0), st.floats(1e-9, 1.0)), min_size=1, max_size=20), UNIT)
def test_draw_matches_the_twin_and_never_takes_an_impossible_arm(weights, u):
    p = np.array(weights)
    if p.sum() == 0.0:
        p[-1] = 1.0
    p /= p.sum()
    arm = draw(p, u)
    assert p[arm] > 0.0 and arm == reference.draw(p, u)
    assert draw_many(np.vstack([p, p]), np.array([u, u])).tolist() == [arm, arm]


@pytest.mark.parametrize(
    ("p", "u", "arm"),
    [
        ([0.0, 1.0, 0.0], 0.0, 1),
        ([0.0, 1.0, 0.0], 1.0 - 2.0**-53, 1),
        ([0.25, 0.25, 0.5], 0.25, 1),
        ([0.25, 0.25, 0.5], np.nextafter(0.25, 0), 0),
        ([0.5, 0.5 - 1e-13, 0.0], 1.0 - 2.0**-53, 1),  # the remainder goes to the last possible arm
    ],
)
def test_draw_at_the_edges(p, u, arm):
    assert draw(np.array(p), float(u)) == arm


def test_draw_many_of_nothing():
    assert draw_many(np.empty((0, 3)), np.empty(0)).shape == (0,)


def test_floor_matches_the_twin():
    g = np.random.default_rng(0)
    p = g.dirichlet(np.ones(6), 50)
    mask = g.random((50, 6)) < 0.7
    mask[:, 0] = True
    p = np.where(mask, p, 0.0)
    p /= p.sum(axis=1, keepdims=True)
    out = np.empty_like(p)
    add_floor(p, mask.view(np.uint8), 0.1, out)
    np.testing.assert_allclose(out, reference.add_floor(p, mask, 0.1), rtol=1e-15)
    add_floor(p, None, 0.1, out)
    np.testing.assert_allclose(out, 0.9 * p + 0.1 / 6, rtol=1e-15)


def test_plain_contexts():
    x = np.zeros((3, 4))
    assert plain_contexts(x, 2, 4) and plain_contexts(np.zeros((3, 2, 4)), 2, 4)
    assert plain_contexts(np.zeros((0, 4)), 2, 4)
    for bad in (x[0], x.T, x[:, ::-1], x.astype(np.float32), x.tolist(), x.astype(">f8"), np.zeros((3, 5, 4))):
        assert not plain_contexts(bad, 2, 4)
    for value in (np.nan, np.inf, -np.inf, 1.1e30):
        x[2, 3] = value
        assert not plain_contexts(x, 2, 4)


def test_plain_vectors():
    assert plain_vector(np.array([0.0, 1.0]), 2, 0.0, 1.0)
    assert not plain_vector(np.array([0.0, np.nan]), 2, 0.0, 1.0)
    assert not plain_vector(np.array([0.0, 1.0]), 3, 0.0, 1.0)
    assert plain_indices(np.array([0, 2]), 2, 3)
    assert not plain_indices(np.array([0, 3]), 2, 3)
    assert not plain_indices(np.array([0, -1]), 2, 3)
    assert not plain_indices(np.array([0, 1], dtype=np.int32), 2, 3)
