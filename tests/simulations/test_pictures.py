"""Charts of results: what they plot is what was measured, and Vega draws all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import stats

from banditcore.errors import InvalidInput
from banditcore.pages.chart import NARROW, WIDE
from banditcore_simulations.lab import drawing, pictures
from banditcore_simulations.lab.results import Results

WORLDS, POLICIES, SEEDS = ("easy", "hard"), ("good", "bad", "fair"), 4


def _row(world: str, policy: str, seed: int) -> dict[str, Any]:
    loss = {"good": 1.0, "fair": 2.0, "bad": 3.0}[policy] + 0.01 * seed
    return {
        "world": world,
        "policy": policy,
        "seed": seed,
        "steps": [10, 20, 40],
        "regret": 40.0 * loss,
        "regret_curve": [10.0 * loss, 20.0 * loss, 40.0 * loss],
        "low": [float("nan"), 0.1, 0.2],
        "estimate": [0.5, 0.4, 0.3],
        "high": [float("nan"), 0.8, 0.5],
        # Claimed 0.125 four hundred times and drawn every eighth; 0.75 a hundred times.
        "calibration": [400.0, 50.0, 50.0, 0.0, 0.0, 0.0, 100.0, 75.0, 80.0],
        "estimate_end": 0.3,
        "delay": 10 ** POLICIES.index(policy),
    }


RESULTS = Results([_row(world, policy, seed) for world in WORLDS for policy in POLICIES for seed in range(SEEDS)])
ONE = RESULTS.where(world="easy")
CHARTS: dict[str, Callable[[], pictures.Chart]] = {
    "curves": lambda: pictures.curves(ONE, "regret_curve", y_title="regret"),
    "panels": lambda: pictures.curves(RESULTS, "regret_curve", facet="world", y_title="regret", per_step=True),
    "numbers": lambda: pictures.dots(
        RESULTS, "regret", x="delay", colour="world", y_title="r", x_title="d", log_x=True, truth=100.0
    ),
    "names": lambda: pictures.dots(ONE, "regret", x="policy", y_title="regret", x_title="", truth=100.0),
    "named panels": lambda: pictures.dots(
        RESULTS, "regret", x="world", colour="policy", facet="delay", y_title="regret", x_title="lost"
    ),
    "calibration": lambda: pictures.calibration(RESULTS),
    "trajectories": lambda: pictures.trajectories(
        RESULTS, "estimate", "low", "high", 0.3, facet="world", y_title="lift"
    ),
    "cost": lambda: pictures.cost(RESULTS, "regret", x="delay", colour="seed", y_title="us", x_title="arms"),
}


@pytest.mark.parametrize("name", CHARTS)
def test_every_chart_is_drawn_as_wide_as_asked_without_a_word_from_vega(
    name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for width in (WIDE, NARROW):
        drawn = drawing.svg(CHARTS[name](), width)
        assert abs(float(drawn.split('width="')[1].split('"')[0]) - width) < 0.12 * width
        assert "NaN" not in drawn and "undefined" not in drawn
        assert drawn == drawing.svg(CHARTS[name](), width)
    assert capfd.readouterr().err == ""


def test_a_curve_is_the_mean_over_seeds_and_its_band_the_percentiles() -> None:
    rows = [
        row for row in pictures.curves(ONE, "regret_curve", y_title="")["datasets"]["rows"] if row["name"] == "fair"
    ]
    ends = 40.0 * (2.0 + 0.01 * np.arange(SEEDS))
    assert [row["x"] for row in rows] == [10, 20, 40]
    assert rows[-1]["m"] == pytest.approx(ends.mean())
    assert (rows[-1]["lo"], rows[-1]["hi"]) == pytest.approx(np.quantile(ends, [0.1, 0.9]))


def test_per_step_is_by_visit_wherever_points_lie() -> None:
    chart = pictures.curves(ONE, "regret_curve", y_title="", per_step=True)
    rows = [row["m"] for row in chart["datasets"]["rows"] if row["name"] == "good"]
    assert rows == pytest.approx([1.015] * 3)


def test_policies_are_named_best_first_and_keep_their_colour_in_every_chart() -> None:
    first, second = (
        chart["layer"][0]["encoding"]["color"]["scale"]
        for chart in (
            pictures.curves(ONE, "regret_curve", y_title=""),
            pictures.dots(ONE, "estimate_end", x="delay", colour="policy", y_title="", x_title=""),
        )
    )
    assert first["domain"] == ["good", "fair", "bad"]
    assert first == second


def test_dots_stand_at_the_mean_with_students_interval() -> None:
    row = pictures.dots(ONE, "regret", x="policy", y_title="", x_title="")["datasets"]["rows"][0]
    ends = 40.0 * (1.0 + 0.01 * np.arange(SEEDS))
    low, high = stats.t.interval(0.95, SEEDS - 1, ends.mean(), stats.sem(ends))
    assert (row["e"], row["lo"], row["hi"]) == pytest.approx((ends.mean(), low, high))


def test_calibration_pools_runs_and_shows_how_far_off_each_claim_is() -> None:
    rows = pictures.calibration(RESULTS)["datasets"]["rows"]
    shares, off = ([row for row in rows if row["panel"] == panel] for panel in dict.fromkeys(r["panel"] for r in rows))
    assert [(row["x"], row["e"]) for row in shares] == [(0.125, 0.125), (0.75, 0.8)]
    assert [row["e"] for row in off] == pytest.approx([0.0, 5.0])
    runs = len(RESULTS.rows)
    expected = stats.binomtest(80 * runs, 100 * runs).proportion_ci(method="wilson")
    assert (shares[1]["lo"], shares[1]["hi"]) == pytest.approx((expected.low, expected.high))


def test_what_cannot_be_drawn_is_said() -> None:
    other = Results([*ONE.rows, {**ONE.rows[0], "steps": [1, 2, 3]}])
    with pytest.raises(InvalidInput, match="the same steps"):
        pictures.curves(other, "regret_curve", y_title="")
    with pytest.raises(InvalidInput, match="must be positive"):
        pictures.cost(ONE, "regret", x="seed", colour="policy", y_title="", x_title="")
    many = Results([{**ONE.rows[0], "policy": f"p{at}"} for at in range(22)])
    with pytest.raises(InvalidInput, match="22 values of policy"):
        pictures.curves(many, "regret_curve", y_title="")
