"""Shops that trade on any kind of store, to be compared with one another."""

from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from postgres import Database
from shop import Clock, spec

from banditcore import DecisionEngine, MemoryStore, SqliteStore
from banditcore.audit import Audit, audit
from banditcore.errors import BanditcoreError
from banditcore.experiments import prior
from banditcore.findings import Report
from banditcore.learner import Fold, digest
from banditcore.recompute import live_versions
from banditcore.storage.base import Store
from banditcore.storage.postgres import PostgresStore
from banditcore.storage.tallied import Slice


class MemoryPlace:
    """Where a store is: opened again as after a crash. A subclass is all that another kind of store needs."""

    def __init__(self, folder: Path) -> None:
        self._store = MemoryStore()

    def open(self) -> Store:
        return self._store

    def leave(self, engine: DecisionEngine) -> None:
        """Lets go of the store, so that it can be opened again."""


class SqlitePlace(MemoryPlace):
    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> Store:
        return SqliteStore(self._folder, synchronous="off")

    def leave(self, engine: DecisionEngine) -> None:
        engine.close()


class PostgresPlace(SqlitePlace):
    database: ClassVar[Database]

    def __init__(self, folder: Path) -> None:
        self._url = self.database.new()

    def open(self) -> Store:
        return PostgresStore(self._url)


@dataclass
class Shop:
    """A shop that trades on a store, in time that it passes itself."""

    place: MemoryPlace
    change: dict[str, Any]
    clock: Clock = field(default_factory=Clock)
    vectors: list[bytes] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = np.random.default_rng(7)
        self.waiting: list[tuple[int, str]] = []
        self.engine = self._open()
        self.apply()

    def _open(self) -> DecisionEngine:
        return DecisionEngine(self.place.open(), clock=self.clock, learn_in_background=False)

    def apply(self, **change: Any) -> None:
        self.change |= change
        self.engine.apply(spec(**self.change))

    def restart(self) -> None:
        self.place.leave(self.engine)
        self.engine = self._open()

    def trade(self, turns: int, *, units: int = 40, pause: float = 1.0) -> None:
        """`turns` decisions, rewards after up to 15 seconds, a look at the clock now and then."""
        for turn in range(turns):
            self.clock.advance(pause * self.chance.random())
            unit = f"unit-{int(self.chance.integers(units))}"
            eligible = ["plain", "sale"] if turn % 7 == 0 else []
            decision = self.engine.decide("shop", unit, {"taste": self.chance.standard_normal(3)}, eligible=eligible)
            self.vectors.append(decision.propensities.tobytes())
            self.ids.append(decision.id)
            self.waiting.append((self.clock.now + int(self.chance.integers(15_000_000)), decision.id))
            self._reward([decision for due, decision in self.waiting if due <= self.clock.now])
            self.waiting = [(due, decision) for due, decision in self.waiting if due > self.clock.now]
            if turn % 10 == 0:
                self.engine.catch_up()

    def _reward(self, decisions: list[str]) -> None:
        for decision in decisions:
            shown, bought, spent = self.chance.random() < 0.7, self.chance.random() < 0.4, self.chance.exponential()
            for send in (
                lambda shown=shown, decision=decision: shown and self.engine.expose(decision),
                lambda bought=bought, decision=decision: self.engine.reward(decision, "buy", float(bought)),
                lambda spent=spent, decision=decision: spent > 1 and self.engine.reward(decision, "spend", spent),
                lambda spent=spent, decision=decision: spent > 2 and self.engine.reward(decision, "spend", 1.0, "more"),
                lambda bought=bought, decision=decision: self.engine.reward(decision, "look", float(bought)),
            ):
                try:
                    send()
                except BanditcoreError as error:
                    assert error.reason in ("WINDOW_CLOSED", "UNKNOWN_GOAL")

    def rest(self, seconds: float) -> None:
        """Lets time pass, in which nobody buys any more."""
        self.waiting.clear()
        self.clock.advance(seconds)
        self.engine.catch_up()

    def report(self) -> Report:
        return self.engine.report("shop")

    def tallies(self) -> dict[Slice, list[float]]:
        """All that reports are made of, also where there is too little of it to be shown."""
        with self.engine._store.read() as reader:
            return {where: list(astuple(moments)) for where, moments in reader.moments(1).items()}

    def learned(self) -> bytes:
        return digest(self.engine.model("shop").state())

    def audit(self) -> Audit:
        with self.engine._store.read() as reader:
            return audit(reader, self.engine._store.secret)

    def left(self, stream: int = 1) -> tuple[int, int]:
        """(decisions left, events deleted)."""
        with self.engine._store.read() as reader:
            return len(list(reader.decisions_to_audit(stream))), reader.trimmed(stream).deleted

    @property
    def stream(self) -> int:
        return self.engine.get("shop").stream

    def base(self) -> tuple[int, int, bytes]:
        """(version, position, digest) of what the log begins with."""
        with self.engine._store.read() as reader:
            trimmed = reader.trimmed(self.stream)
            row = reader.snapshot(self.stream, trimmed.base, max(trimmed.version, 1))
            return trimmed.version, trimmed.base, row.digest if row and trimmed.base else b""

    def folded(self, version: int, position: int) -> tuple[int, int, bytes]:
        """The same, folded from the prior."""
        if not position:
            return version, position, b""
        with self.engine._store.read() as reader:
            fold = Fold(prior(next(live for live in live_versions(reader, "shop") if live.version == version)))
            while fold.read(reader, self.stream, up_to=position):
                pass
        return version, fold.position, digest(fold.policy.state())

    def run(self, *statements: str) -> None:
        """Does to the store what nobody should."""
        self.engine._store.write(lambda tx: [list(tx._run(sql)) for sql in statements]).result()  # type: ignore[attr-defined]


def same(one: Report, other: Report) -> None:
    """Equal: to the last bit what is counted, to rounding what is added up."""
    assert (one.decisions, one.model_position) == (other.decisions, other.model_position)
    for mine, theirs in zip(one.goals, other.goals, strict=True):
        exact = 0.0 if mine.kind == "binary" else 1e-9
        for left, right in ((mine.policy, theirs.policy), (mine.holdout, theirs.holdout)):
            assert (left.units, left.matured_units, left.converted_units) == (
                right.units,
                right.matured_units,
                right.converted_units,
            )
            assert [left.mean, left.variance] == pytest.approx([right.mean, right.variance], rel=exact, nan_ok=True)
        assert (mine.status, mine.note) == (theirs.status, theirs.note)
    for variant, twin in zip(one.variants, other.variants, strict=True):
        assert (variant.variant, variant.decisions, variant.share) == (twin.variant, twin.decisions, twin.share)
        assert variant.raw_mean == pytest.approx(twin.raw_mean, rel=0.0, nan_ok=True)


def alike(kept: Shop, short: Shop) -> None:
    same(kept.report(), short.report())
    tallies = [shop.tallies() for shop in (kept, short)]
    assert tallies[0].keys() == tallies[1].keys()
    for where, sums in tallies[0].items():
        assert sums == pytest.approx(tallies[1][where], rel=1e-9, abs=1e-9), where
    assert kept.learned() == short.learned()
    assert kept.vectors == short.vectors and kept.ids == short.ids
    found = short.audit()
    assert found.passed, found.problems
    assert found.decisions == found.equal + found.beyond and found.equal == found.identical
    assert kept.audit().passed
    assert short.base() == kept.folded(*short.base()[:2])
