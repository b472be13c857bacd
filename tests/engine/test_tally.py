"""What reports read equals what the log says, however it came and in whatever pages it was counted."""

from __future__ import annotations

import json
import math
import random
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import asdict
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shop import Clock

from banditcore import DecisionEngine, MemoryStore, parse_experiment
from banditcore.assignment import id_milliseconds, salt_key, unit_bucket
from banditcore.config import ExperimentSpec
from banditcore.course import Course
from banditcore.errors import BanditcoreError
from banditcore.estimators.lift.moments import NAMES
from banditcore.experiments import definition
from banditcore.storage.tables import Tables
from banditcore.storage.tallied import Slice
from banditcore.types import Ask

GOALS: list[dict[str, Any]] = [
    {"name": "buy", "window": "10s"},
    {"name": "spend", "kind": "value", "window": "20s", "cap": 40.0, "covariate": "past"},
    {"name": "look", "window": "5s", "default": 1.0},
    {"name": "basket", "kind": "ratio", "numerator": "spend", "denominator": "buy"},
    {"name": "per_visit", "kind": "ratio", "numerator": "spend"},
]
SHOP: dict[str, Any] = {
    "control": "plain",
    "holdout": 0.3,
    "variants": ["plain", "sale", "gift"],
    "policy": {"name": "lin_ucb"},
    "context": [
        {"name": "device", "type": "category", "values": ["phone", "desk"]},
        {"name": "member", "type": "boolean"},
        {"name": "past", "type": "numeric"},
        {"name": "one", "type": "constant"},
    ],
    "audiences": ["device", "member"],
    "goals": GOALS,
    "learn": "buy",
}


def shop(**change: Any) -> ExperimentSpec:
    return parse_experiment("shop", {**SHOP, **change})


class Trade:
    """Random customers in an engine, and the sums that the log alone gives."""

    def __init__(self, seed: int, **change: Any) -> None:
        self.chance, self.clock = random.Random(seed), Clock()
        self.store = MemoryStore()
        self.engine = DecisionEngine(self.store, clock=self.clock, learn_in_background=False)
        self.engine.apply(shop(**change))
        self.ids: list[str] = []
        self.held: list[Callable[[], Any]] = []

    def decide(self, unit: str, attributes: dict[str, Any], eligible: list[str]) -> None:
        """One decision in four is long on its way to the log: others that were made later are there before it."""
        if self.chance.random() < 0.75:
            self.ids.append(self.engine.decide("shop", unit, attributes, eligible=eligible).id)
            return
        write = self.store.write
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(self.store, "write", lambda *asked: (self.held.append(lambda: write(*asked)), Future())[1])
            self.engine.submit_decisions([Ask("shop", unit, attributes, eligible)])

    def arrive(self) -> None:
        """What was held up is there."""
        while self.held:
            self.held.pop()().result()

    def visit(self, pause: float) -> None:
        attributes = {
            "device": self.chance.choice(["phone", "desk", "watch", None]),
            "member": self.chance.choice([True, False, None]),
            "past": self.chance.choice([None, 1.5, -2.0]),
        }
        eligible = self.chance.choice([[], [], ["plain", "gift"], ["plain"]])
        self.decide(f"unit-{self.chance.randrange(12)}", attributes, eligible)
        self.clock.advance(pause)
        if self.chance.random() < 0.3:
            self.arrive()
        if not self.ids:
            return
        recent = self.chance.choice(self.ids[-6:])
        for send in (
            lambda: self.engine.expose(recent),
            lambda: self.engine.reward(recent, "buy", float(self.chance.random() < 0.5)),
            lambda: self.engine.reward(
                recent, "spend", round(self.chance.expovariate(0.05), 2), str(self.chance.random())
            ),
            lambda: self.engine.reward(recent, "look", float(self.chance.random() < 0.5)),
        ):
            if self.chance.random() < 0.5:
                try:
                    send()
                except BanditcoreError as error:
                    assert error.reason in ("WINDOW_CLOSED", "UNKNOWN_GOAL", "REWARD_CONFLICT"), error

    def tallied(self) -> dict[Slice, list[float]]:
        self.engine.report("shop")
        with self.store.read() as reader:
            number = Course.of(tuple(reader.versions("shop"))).number
            return {where: list(asdict(found).values()) for where, found in reader.moments(number).items()}

    def by_hand(self) -> dict[Slice, list[float]]:
        with self.store.read() as reader:
            return by_hand(reader, self.clock.now)


def by_hand(reader: Any, now_us: int) -> dict[Slice, list[float]]:
    """Every moment from the log, unit by unit, with nothing but sums."""
    versions = {row.version: (definition(row), row.stream) for row in reader.versions("shop")}
    shares = [versions[version][0].holdout for version in sorted(versions)]
    epoch_of = {v: 1 + sum(one != other for one, other in pairwise(shares[:v])) for v in sorted(versions)}
    live = versions[max(versions)][0]
    decisions = sorted(
        (row for stream in {stream for _, stream in versions.values()} for row in reader.decisions_to_audit(stream)),
        key=lambda row: row.id,
    )
    rewards: dict[tuple[bytes, str], list[float]] = defaultdict(list)
    exposed = {bytes(id): time for id, time in reader._run("SELECT decision, time FROM exposure")}
    for decision, goal, value in reader._run("SELECT decision, goal, value FROM reward WHERE late = 0"):
        rewards[bytes(decision), goal].append(value)
    first = {}
    for row in decisions:
        first.setdefault(row.unit, traits(np.frombuffer(row.context)))
    units: dict[tuple[str, int, str], dict[str, float]] = {}
    for row in decisions:
        spec, epoch = versions[row.version][0], epoch_of[row.version]
        everything = units.setdefault(("", epoch, row.unit), {"grp": row.group, "y": 0.0, "d": 0.0, "visits": 0.0})
        everything["visits"] += 1
        for goal in spec.goals:
            # The millisecond of an id, and not the microsecond of its decision, is what windows go by.
            closed = id_milliseconds(row.id) < int(now_us / 1e3 - goal.closes_s * 1e3)
            shown = exposed.get(row.id, 10**18) <= id_milliseconds(row.id) * 1e3 + goal.closes_s * 1e6
            no_choice = row.eligible is not None and sum(row.eligible) == 1
            if not closed or no_choice or (live.exposure == "explicit" and not shown):
                continue
            unit = units.setdefault((goal.name, epoch, row.unit), {"grp": row.group, "y": 0.0, "d": 0.0, "visits": 0.0})
            earned = lambda name, row=row, spec=spec: outcome(rewards[row.id, name], spec.goal(name))  # noqa: E731
            if goal.kind == "binary":
                unit["y"] = max(unit["y"], earned(goal.name))
            elif goal.kind == "value":
                unit["y"] += earned(goal.name)
            else:
                unit["y"] += earned(goal.numerator)
                unit["d"] += 1.0 if goal.denominator == "decisions" else earned(goal.denominator)
    sums: dict[Slice, list[float]] = defaultdict(lambda: [0.0] * len(NAMES))
    for (goal_name, epoch, name), unit in units.items():
        seen = first[name]
        for audience, trait in (("", ""), ("device", seen["device"]), ("member", seen["member"])):
            where = Slice(goal_name, epoch, audience, trait, int(unit["grp"]))
            found = live.goal(goal_name)
            cap = found.cap if found and found.cap else math.inf
            covariate = bool(found and found.covariate)
            x = seen["past"] if covariate and seen["past"] is not None else 0.0
            m = float(covariate and seen["past"] is None)
            raw, y, d = unit["y"], min(unit["y"], cap), unit["d"]
            if goal_name == "":
                row = [1, 0, 0, 0, 0, 0, unit["visits"], *[0] * 9]
            else:
                row = [1, raw != 0, y, y * y, raw, raw * raw, d, d * d, y * d, x, x * x, x * y, x * d, m, m * y, m * d]
            sums[where] = [a + b for a, b in zip(sums[where], row, strict=True)]
    return sums


def traits(context: Any) -> dict[str, Any]:
    device = ["phone", "desk", "other", "missing"][int(np.argmax(context[:4]))]
    member = "missing" if context[5] else "true" if context[4] else "false"
    return {"device": device, "member": member, "past": None if context[7] else float(context[6])}


def outcome(values: list[float], goal: Any) -> float:
    if not values:
        return float(goal.default)
    return max(values) if goal.kind == "binary" else sum(values)


def agree(trade: Trade) -> None:
    found, wanted = trade.tallied(), trade.by_hand()
    assert set(found) == set(wanted)
    for where, sums in wanted.items():
        assert found[where] == pytest.approx(sums, rel=1e-9, abs=1e-9), where


PAUSES = st.lists(st.sampled_from([0.0, 0.001, 1.0, 6.0, 30.0]), min_size=1, max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    pauses=PAUSES,
    seed=st.integers(0, 2**20),
    exposure=st.sampled_from(["implied", "explicit"]),
    page=st.sampled_from([1, 3, 1_000]),
    looks=st.integers(1, 10),
)
def test_tallies_are_what_the_log_says(
    monkeypatch: pytest.MonkeyPatch, pauses: list[float], seed: int, exposure: str, page: int, looks: int
) -> None:
    monkeypatch.setattr("banditcore.analyst.PAGE", page)
    trade = Trade(seed, exposure=exposure)
    for turn, pause in enumerate(pauses):
        trade.visit(pause)
        if turn % looks == 0:
            agree(trade)
        if turn == len(pauses) // 2:
            # Another share, another model, a goal less, a variant more: all of it while customers come back.
            trade.engine.apply(shop(exposure=exposure, holdout=0.6, goals=GOALS[:3]))
        if turn == 3 * len(pauses) // 4:
            trade.engine.apply(
                shop(exposure=exposure, holdout=0.6, variants=["plain", "gift", "tea"], policy="linear_ts")
            )
    trade.arrive()
    trade.clock.advance(60)
    agree(trade)


def test_a_tally_that_forgets_who_came_before_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banditcore.tally._before", lambda *arguments: {})
    monkeypatch.setattr("banditcore.analyst.PAGE", 3)
    trade = Trade(1)
    with pytest.raises(AssertionError):
        for _ in range(40):
            trade.visit(3.0)
            agree(trade)


def test_decisions_that_come_late_would_be_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tables, "note_stragglers", lambda *arguments: None)
    trade = Trade(1)
    with pytest.raises(AssertionError):
        for _ in range(60):
            trade.visit(1.0)
            agree(trade)


def test_traffic_days_and_arms_add_up() -> None:
    trade = Trade(5)
    for _ in range(150):
        trade.visit(7.0)
    trade.arrive()
    trade.clock.advance(60)
    report = trade.engine.report("shop")
    assert report.decisions == 150 and report.behind == 0
    everybody = [span for span in report.traffic if not span.audience]
    assert sum(span.decisions for span in everybody) == 150
    assert sum(span.decisions for span in report.traffic if span.audience == "device") == 150
    assert {span.width_s for span in everybody} == {10.0} and len({span.time_us for span in everybody}) <= 121
    assert sum(variant.decisions for variant in report.variants) == sum(
        span.decisions for span in everybody if span.group == "POLICY"
    )
    with trade.store.read() as reader:
        bucket = unit_bucket(salt_key("shop"))
        days = reader.days(1, "spend", 1, 0)
        wanted = np.zeros(256)
        for unit, value in reader._run(  # type: ignore[attr-defined]
            "SELECT d.unit, sum(r.value) FROM reward r JOIN decision d ON d.id = r.decision"
            " WHERE r.goal = 'spend' AND r.late = 0 AND (d.eligible IS NULL OR d.eligible <> x'010000') GROUP BY d.id"
        ):
            wanted[bucket(unit.encode())] += min(value, 40.0)
        assert sum(np.frombuffer(sums) for _, sums in days) == pytest.approx(wanted)
        units = reader.days(1, "", 1, 0)
        assert sum(np.frombuffer(sums).sum() for _, sums in units) == 12.0


def test_traits_are_those_of_the_first_decision() -> None:
    trade = Trade(2)
    with trade.engine as engine:
        engine.decide("shop", "ann", {"device": "phone", "past": 2.0})
        engine.decide("shop", "ann", {"device": "desk"})
        engine.report("shop")
        with trade.store.read() as reader:
            (row,) = reader.unit_outcomes(1, "", ["ann"])
    assert json.loads(row.traits) == {
        "audiences": {"device": "phone", "member": "missing"},
        "covariates": {"past": 2.0},
    }
