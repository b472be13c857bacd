"""What a holdout can show."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from banditcore.config import ExperimentSpec, GoalSpec, parse_experiment
from banditcore.errors import InvalidInput
from banditcore.estimators.power import best_share, plan, refuse_out_of_reach, smallest_lift, units_needed

CONVERSION = GoalSpec(name="purchase", baseline=0.05)
REVENUE = GoalSpec(name="revenue", kind="value", baseline=3.0, spread=4.0)
goals = st.builds(
    lambda baseline, direction: GoalSpec(name="purchase", baseline=baseline, direction=direction),
    st.floats(1e-4, 0.95),
    st.sampled_from(["increase", "decrease"]),
) | st.builds(lambda spread: GoalSpec(name="revenue", kind="value", baseline=1.0, spread=spread), st.floats(0.1, 50.0))


def shop(goal: dict[str, Any] | None = None, **changes: Any) -> ExperimentSpec:
    declared = {
        "control": "plain",
        "variants": ["plain", "bold"],
        "policy": "uniform",
        "holdout": 0.1,
        "goals": [{"name": "purchase", "baseline": 0.05} | (goal or {})],
        "units_per_day": 1_000.0,
        "duration": "61d",
    }
    return parse_experiment("shop", declared | changes)


@pytest.mark.parametrize(("share", "thousands"), [(0.05, 344), (0.1, 181), (0.2, 101), (0.5, 63)])
def test_units_have_the_published_values(share: float, thousands: int) -> None:
    assert round(units_needed(0.10, share, CONVERSION) / 1_000) == thousands


def test_of_a_value_the_spread_takes_the_place_of_the_rates() -> None:
    """A 0/1 outcome has the squared spread (1 - p) / p; small lifts hardly change it."""
    spread = math.sqrt(0.95 / 0.05)
    same = GoalSpec(name="revenue", kind="value", baseline=9.0, spread=spread)
    assert units_needed(0.001, 0.1, same) == pytest.approx(units_needed(0.001, 0.1, CONVERSION), rel=1e-3)
    assert units_needed(0.1, 0.5, REVENUE) == pytest.approx((2.801585 / math.log(1.1)) ** 2 * 64.0, rel=1e-6)


@given(goals, st.floats(0.01, 0.9), st.floats(10.0, 1e9))
def test_the_smallest_lift_needs_just_those_units(goal: GoalSpec, share: float, units: float) -> None:
    lift = smallest_lift(units, share, goal)
    if lift < math.inf:
        assert units_needed(lift, share, goal) == pytest.approx(units, rel=1e-6) or lift < 1e-6
        assert units_needed(0.99 * lift, share, goal) > units


@given(goals, st.floats(1e3, 1e9), st.floats(0.02, 0.98))
def test_no_share_is_better_than_the_best(goal: GoalSpec, units: float, share: float) -> None:
    best = best_share(units, goal)
    if 0.0 < best < 1.0:
        assert smallest_lift(units, best, goal) <= smallest_lift(units, share, goal) * (1 + 1e-9)


def test_a_share_cannot_rise_above_one() -> None:
    common = GoalSpec(name="purchase", baseline=0.9)
    assert units_needed(0.2, 0.1, common) == math.inf
    assert smallest_lift(5.0, 0.1, common) == math.inf


def test_a_fall_needs_what_the_rise_back_would() -> None:
    down = GoalSpec(name="returns", baseline=0.055, direction="decrease")
    assert units_needed(0.1, 0.5, down) == pytest.approx(units_needed(0.1, 0.5, CONVERSION), rel=1e-12)


def test_a_plan_in_words() -> None:
    power = plan(shop())
    assert power is not None
    assert power.units == 61_000
    assert power.smallest_lift == pytest.approx(smallest_lift(60_000, 0.1, CONVERSION))
    assert power.days_to_target == pytest.approx(180.66 + 1, abs=0.01)
    assert power.message == (
        "A holdout of 10 % shows lifts from 17.9 % on in purchase within 61 days; the target of 10 % takes 182 days; "
        "a holdout of 51.3 % would show 10.2 %."
    )


@pytest.mark.parametrize(
    "spec",
    [
        shop(units_per_day=None),
        shop(duration=None),
        shop(goal={"baseline": None}),
        shop(goal={"kind": "value"}),
    ],
    ids=["units_per_day", "duration", "baseline", "spread"],
)
def test_without_an_expectation_there_is_no_plan(spec: ExperimentSpec) -> None:
    assert plan(spec) is None
    refuse_out_of_reach(spec)


def refusal(spec: ExperimentSpec) -> str:
    with pytest.raises(InvalidInput) as caught:
        refuse_out_of_reach(spec)
    assert caught.value.field == "experiments.shop.holdout"
    assert caught.value.message.startswith("experiments.shop.holdout: a holdout of 10 % ")
    return caught.value.message


def test_what_is_within_reach_is_accepted() -> None:
    refuse_out_of_reach(shop())
    refuse_out_of_reach(shop(target_lift=0.061))


def test_a_refusal_names_the_share_that_would_do() -> None:
    message = refusal(shop(target_lift=0.05))
    assert message.endswith("within 61 days, too little for a target_lift of 5 %: a holdout of 0.147 would do")
    refuse_out_of_reach(shop(target_lift=0.05, holdout=0.147))
    with pytest.raises(InvalidInput, match=r"a holdout of 0\.147 would do"):
        refuse_out_of_reach(shop(target_lift=0.05, holdout=0.146))


def test_a_refusal_says_how_long_it_would_take_where_no_share_does() -> None:
    message = refusal(shop(target_lift=0.02))
    assert message.endswith("no holdout does; with 50.8 % held out it takes 170,416 units, a duration of 172 days")
    refuse_out_of_reach(shop(target_lift=0.02, holdout=0.508, duration="172d"))


def test_a_window_longer_than_the_duration_shows_nothing() -> None:
    assert "shows no lift in purchase within 1 days" in refusal(shop(goal={"window": "2d"}, duration="1d"))


def test_a_recommended_share_leaves_someone_to_personalise_for() -> None:
    message = refusal(shop(goal={"baseline": 0.9}, target_lift=0.5, units_per_day=1.0))
    assert "with 95 % held out" in message


def test_planning_needs_a_baseline() -> None:
    with pytest.raises(InvalidInput, match="needs a baseline"):
        units_needed(0.1, 0.1, GoalSpec(name="purchase"))
    with pytest.raises(InvalidInput, match="share must lie"):
        units_needed(0.1, 0.0, CONVERSION)
