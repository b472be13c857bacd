"""Every experiment that is shipped, at its small size; and that what it checks can fail."""

from functools import cache

import pytest

from banditcore.pages.chart import WIDE
from banditcore_simulations.lab import drawing
from banditcore_simulations.lab.bars import Bar, judged
from banditcore_simulations.lab.experiments import experiment_names, find
from banditcore_simulations.lab.results import Results
from banditcore_simulations.lab.running import run_sweep
from banditcore_simulations.lab.tables import row


@cache
def small(name):
    """Rows of the small sweep, as its file of results has them."""
    return run_sweep(find(name).sweep(small=True)).rows


def failed(name, rows):
    return [check.what for check in find(name).analyse(Results(rows)).checks if not check.holds]


@pytest.mark.parametrize("name", experiment_names())
def test_what_an_experiment_checks_holds(name):
    found = find(name).analyse(Results(small(name)))
    assert found.checks and found.summary
    assert not [check for check in found.checks if not check.holds]


@pytest.mark.parametrize("name", experiment_names())
def test_its_pictures_can_be_drawn(name):
    pictures = find(name).analyse(Results(small(name))).pictures
    assert len({picture.name for picture in pictures}) == len(pictures)
    for picture in pictures:
        assert picture.caption.endswith(".")
        assert "<path" in drawing.svg(picture.chart, WIDE)


@pytest.mark.parametrize("name", experiment_names())
def test_it_says_what_it_is_in_a_line(name):
    assert find(name).description.endswith(".")


@pytest.mark.parametrize("name", experiment_names())
def test_a_point_and_a_seed_are_all_that_a_result_hangs_on(name):
    """And the full size measures what the small one does."""
    sweep, full = find(name).sweep(small=True), find(name).sweep()
    point, seed = sweep.points[-1], sweep.seeds - 1
    again = row(point, seed, sweep.measure(point, seed))
    kept = small(name)[-1]
    assert all(repr(kept[key]) == repr(value) for key, value in again.items())
    assert full.points[0].keys() == sweep.points[0].keys()
    assert len(full.points) * full.seeds > len(sweep.points) * sweep.seeds


def swapped(rows, name, one, other):
    """Results with two values of a parameter exchanged."""
    turn = {one: other, other: one}
    return [{**each, name: turn.get(each[name], each[name])} for each in rows]


SWAPS = [
    ("clicks", "policy", "logistic_ts", "variance fixed at .25"),
    ("shared_model", "vector", "joint", "marginal"),
    ("drift", "half_life", 0, 500),
    ("price_of_the_floor", "floor", 0.0, 0.1),
    ("cold_start", "mature_after", 0, 100),
    ("misspecification", "form", "given", "right"),
    ("estimators", "kind", "overlap, worth 355 rows", "overlap, worth 80 rows"),
    ("hard_worlds", "kind", "few rewards", "enough rewards"),
    ("off_policy", "kind", "propensities of one arm x 1.2", "sound log"),
    ("replay", "case", "uniform log, match", "biased log, naive match"),
]


@pytest.mark.parametrize(("name", "parameter", "one", "other"), SWAPS)
def test_results_that_are_exchanged_fail_its_checks(name, parameter, one, other):
    assert failed(name, swapped(small(name), parameter, one, other))


@pytest.mark.parametrize(("numbers", "each", "holds"), [((0.5, 3.0), True, False), ((0.5, 3.0), False, True)])
def test_a_bar_of_each_seed_is_not_met_by_their_mean(numbers, each, holds):
    rows = [{"kind": "some", "case": "", "seed": seed, "number": number} for seed, number in enumerate(numbers)]
    for sign in (1.0, -1.0):
        signed = Results([{**each, "number": sign * each["number"]} for each in rows])
        one = Bar("number", "number", most=2.0, least=-2.0, each=each)
        [check] = judged(signed, {"some": [one]}, "").checks
        assert check.holds == holds


def test_a_policy_that_does_not_learn_fails_the_bars_of_labelled_sets():
    guessing = [{**each, "error": 0.5, "total": 0.5 * each["total"]} for each in small("classification")]
    assert len(failed("classification", guessing)) == 5
