"""What every estimator of a target's value must do, whatever its formula. Needs no test framework."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from banditcore.bandit_log import Rows
from banditcore.estimators.off_policy.base import Estimator
from banditcore.estimators.off_policy.sums import PIECE
from banditcore.estimators.off_policy.weighted import Weighted, weigh
from banditcore.testing.policy_contract import refuses
from banditcore.types import Floats


def logged(n: int, seed: int = 1, units: bool = False) -> tuple[Rows, Floats, Floats]:
    """(rows, target (n, 3), q (n, 3)) of a log with rewards between 0 and 2 and a model that is roughly right."""
    g = np.random.default_rng(seed)
    p, target = g.dirichlet(np.full(3, 4.0), n), g.dirichlet(np.full(3, 2.0), n)
    arms = (p.cumsum(axis=1) < g.random((n, 1))).sum(axis=1).clip(0, 2)
    means = g.uniform(0.2, 1.8, (n, 3))
    rewards = means[np.arange(n), arms] + g.uniform(-0.2, 0.2, n)
    rows = Rows(
        contexts=np.empty((n, 0)),
        arms=arms,
        rewards=rewards,
        propensity=p[np.arange(n), arms],
        propensities=p,
        units=g.integers(0, max(n // 3, 1), n).astype(np.uint64) if units else None,
    )
    return rows, target, means + g.normal(0.1, 0.2, (n, 3))


def close(one: float, other: float, tolerance: float = 1e-9) -> bool:
    """Equal but for rounding, or both NaN."""
    return math.isclose(one, other, rel_tol=tolerance, abs_tol=1e-12) or (math.isnan(one) and math.isnan(other))


class EstimatorContract:
    """Subclass it, set `estimator_class`, let pytest collect it: `class TestMine(EstimatorContract): ...`."""

    estimator_class: type[Estimator]
    params: ClassVar[dict[str, Any]] = {}

    def make(self) -> Estimator:
        return self.estimator_class(**self.params)

    def over(self, *parts: Weighted) -> Estimator:
        found = self.make()
        for part in parts:
            found.add(part)
        return found

    def figures(self, found: Estimator) -> list[float]:
        return [
            found.value(),
            found.standard_error(),
            found.gain(),
            found.gain_error(),
            *found.interval(0.1),
            *found.anytime(0.1),
            found.parameter,
        ]

    def same(self, one: Estimator, other: Estimator, tolerance: float = 1e-9) -> None:
        mine, theirs = self.figures(one), self.figures(other)
        assert all(close(a, b, tolerance) for a, b in zip(mine, theirs, strict=True)), (mine, theirs)

    def test_pieces_are_the_whole(self) -> None:
        for units in (False, True):
            whole = weigh(*logged(2 * PIECE + 1_000, units=units))
            cuts = (0, 1, 40, 500, PIECE + 77, len(whole))
            parts = [whole.take(slice(a, b)) for a, b in pairwise(cuts)]
            self.same(self.over(whole), self.over(*parts))

    def test_halves_merge_into_the_whole(self) -> None:
        for units in (False, True):
            whole = weigh(*logged(3_000, units=units))
            one, other = self.over(whole.take(slice(900))), self.over(whole.take(slice(900, None)))
            before = deepcopy(one), deepcopy(other)
            self.same(self.over(whole), one + other)
            self.same(one, before[0], 0.0)
            self.same(other, before[1], 0.0)
            self.same(one, one + self.make(), 0.0)
            self.same(one, self.make() + one, 0.0)

    def test_the_order_of_rows_does_not_matter(self) -> None:
        rows, target, q = logged(3_000, units=True)
        order = np.random.default_rng(2).permutation(3_000)
        shuffled = weigh(rows.take(order), target[order], q[order])
        self.same(self.over(weigh(rows, target, q)), self.over(shuffled))

    def test_without_rows_nothing_is_known(self) -> None:
        empty = self.over(weigh(*logged(5)).take(slice(0)))
        assert empty.rows == 0 and all(math.isnan(figure) for figure in self.figures(empty)[:-1])
        single = self.over(weigh(*logged(1)))
        assert math.isfinite(single.value()) and math.isnan(single.standard_error())

    def test_rewards_of_one_are_worth_one_for_certain(self) -> None:
        rows, target, q = logged(2_000)
        found = self.over(weigh(replace(rows, rewards=np.ones(2_000)), target, np.ones_like(q)))
        if self.estimator_class.translates:
            assert found.value() == 1.0 or (self.estimator_class.needs_model and close(found.value(), 1.0))
            assert found.standard_error() <= 1e-9 and close(*found.interval())
        else:
            assert found.standard_error() > 0.0

    def test_a_constant_is_added_where_it_should_be(self) -> None:
        rows, target, q = logged(2_000)
        found = self.over(weigh(rows, target, q))
        moved = self.over(weigh(replace(rows, rewards=rows.rewards + 3.0), target, q + 3.0))
        if self.estimator_class.translates:
            assert close(moved.value(), found.value() + 3.0)
            assert close(moved.standard_error(), found.standard_error(), 1e-6)

    def test_the_policy_of_the_log_earns_what_it_earned(self) -> None:
        rows, _, q = logged(2_000)
        assert rows.propensities is not None
        flat = np.repeat(q[:, :1], 3, axis=1)
        found = self.over(weigh(rows, rows.propensities, flat))
        if not self.estimator_class.biased:
            assert close(found.value(), float(rows.rewards.mean()))
            assert abs(found.gain()) <= 1e-12 and found.gain_error() <= 1e-7

    def test_rewards_scale(self) -> None:
        rows, target, q = logged(2_000)
        found = self.over(weigh(rows, target, q))
        scaled = self.over(weigh(replace(rows, rewards=100.0 * rows.rewards), target, 100.0 * q))
        expected = [*(100.0 * figure for figure in self.figures(found)[:-1]), found.parameter]
        assert all(close(a, b) for a, b in zip(self.figures(scaled), expected, strict=True))

    def test_intervals_hold_the_value_and_shrink(self) -> None:
        few, many = self.over(weigh(*logged(2_000))), self.over(weigh(*logged(32_000)))
        for found in (few, many):
            low, high = found.interval()
            first, last = found.anytime()
            assert first < low < found.value() < high < last
        if len(getattr(few, "candidates", "x")) == 1:
            assert 0.2 <= many.standard_error() / few.standard_error() <= 0.3

    def test_rows_of_one_unit_count_once(self) -> None:
        rows, target, q = logged(2_000)
        alone = self.over(weigh(rows, target, q))
        twice = np.repeat(np.arange(2_000), 2)
        units = replace(rows.take(twice), units=twice.astype(np.uint64))
        found = self.over(weigh(units, target[twice], q[twice]))
        assert close(found.value(), alone.value()) and close(found.standard_error(), alone.standard_error(), 1e-6)

    def test_it_says_what_it_lacks(self) -> None:
        rows, target, q = logged(50)
        if self.estimator_class.needs_model:
            refuses(lambda: self.over(weigh(rows, target)), "q")
            refuses(lambda: self.over(weigh(rows, target[np.arange(50), rows.arms], q)), "q")
        grouped = weigh(*logged(50, units=True))
        refuses(lambda: self.over(weigh(rows, target, q), grouped), "clusters")
        refuses(lambda: self.over(grouped) + self.over(weigh(rows, target, q)), "clusters")
        refuses(lambda: self.over(weigh(rows, target, q)).bootstrap(10), "units")

    def test_a_bootstrap_is_about_the_interval_and_repeats_itself(self) -> None:
        found = self.over(weigh(*logged(9_000, units=True)))
        low, high = found.bootstrap(400, seed=3)
        assert (low, high) == found.bootstrap(400, seed=3) != found.bootstrap(400, seed=4)
        first, last = found.interval()
        assert low < found.value() < high and 0.8 <= (high - low) / (last - first) <= 1.2
