"""Worlds that change as time passes: what drifts, joins and goes."""

import numpy as np
import pytest
from visited import CHANGING, check_visits, check_word

from banditcore_simulations.play import look
from banditcore_simulations.worlds import make_world


@pytest.mark.parametrize("text", CHANGING)
def test_a_world_keeps_its_word(text):
    check_word(text)


@pytest.mark.parametrize("text", CHANGING)
def test_what_is_played_changes_no_visit_unless_the_world_says_so(text):
    check_visits(text)


def weights(text, steps):
    """(steps, d, K) of a drift world, from the means of visits that only differ in time."""
    world = make_world(text, 0)
    event, state = world.event(), world.state()
    found = np.empty((len(steps), world.n_features, world.n_arms))
    event.normals[:] = 0.0
    for row, step in enumerate(steps):
        event.step[0] = step
        world.functions()[0](state, event)
        constant = event.means.copy()
        found[row, -1] = constant
        for i in range(world.n_features - 1):
            event.normals[i] = 1.0
            world.functions()[0](state, event)
            found[row, i] = event.means - constant
            event.normals[i] = 0.0
    return found


def test_abrupt_drift_stands_still_and_then_jumps():
    w = weights("drift:period=10,features=3,events=40", range(40)).reshape(4, 10, -1)
    assert np.ptp(w, axis=1).max() < 1e-12
    assert np.abs(np.diff(w[:, 0], axis=0)).max(axis=1).min() > 0.1


def test_gradual_drift_never_jumps_and_does_not_come_back():
    w = weights("drift:kind=gradual,period=100,features=3,events=400", range(400)).reshape(400, -1)
    assert np.abs(np.diff(w, axis=0)).max() < 0.05
    assert np.abs(w[::100] - w[0])[1:].max(axis=1).min() > 0.1
    # Between two independent draws the variance of a weight is that of one all the way: over 300 weights within 30 %.
    middle = weights("drift:kind=gradual,period=100,features=50,arms=6", [50])
    assert middle.var() * 50 == pytest.approx(1.0, abs=0.3)


def test_seasonal_drift_comes_back_after_a_period():
    w = weights("drift:kind=seasonal,period=100,features=3", [0, 25, 50, 100, 250])
    assert w[0] == pytest.approx(w[3], abs=1e-9) and w[2] == pytest.approx(-w[0], abs=1e-9)
    assert w[4] == pytest.approx(w[2], abs=1e-9) and np.abs(w[1] - w[0]).max() > 0.1


def test_what_does_not_move_stays():
    w = weights("drift:moving=0,period=10,features=3,events=100", range(0, 100, 5))
    assert np.ptp(w, axis=0).max() < 1e-12


def test_a_pool_keeps_its_size_and_each_item_its_rate():
    world = make_world("replaced:rate=0.05,arms=4,events=1000", 0)
    seen = look(world, 1_000)
    assert (seen.eligible.sum(axis=1) == 4).all()
    assert np.ptp(seen.means, axis=0).max() == 0.0
    changes = (seen.eligible[1:] != seen.eligible[:-1]).sum(axis=1)
    assert set(changes) == {0, 2} and (changes == 2).sum() == world.n_arms - 4
    assert abs((changes == 2).sum() - 50) < 4.5 * np.sqrt(50)
    came = seen.eligible.argmax(axis=0)
    gone = 1_000 - seen.eligible[::-1].argmax(axis=0)
    assert (seen.eligible.sum(axis=0) == gone - came).all(), "an item that retired came back"
    assert (np.diff(came[4:]) > 0).all()


def test_the_pool_of_the_paper_is_the_default():
    world = make_world("replaced", 0)
    rates = world.constants["rates"]
    assert abs(world.n_arms - 1_010) < 4.5 * np.sqrt(1_000)
    assert world.constants["pool"] == 10
    # Beta(4, 4): mean 1/2, variance 1/36.
    assert rates.mean() == pytest.approx(0.5, abs=4.5 / 6 / np.sqrt(world.n_arms))
    assert rates.var() == pytest.approx(1 / 36, rel=0.2)


def test_a_new_arm_is_there_from_its_visit_on():
    seen = look(make_world("new_arm:joins=30", 0), 60)
    assert not seen.eligible[:30, -1].any() and seen.eligible[30:, -1].all() and seen.eligible[:, :-1].all()
