"""A wall clock that jumps changes neither ids nor windows nor what is learned, and would without a steady clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from shop import policy_unit, spec, taste

from banditcore import DecisionEngine, MemoryStore, SqliteStore
from banditcore.assignment import id_milliseconds
from banditcore.clock import SteadyClock
from banditcore.errors import NotAllowedNow
from banditcore.learner import digest

HOUR_S = 3600.0
START_NS = 1_700_000_000_000_000_000


class Machine:
    """A computer's two clocks: time passes in both, and somebody may set the one on the wall."""

    def __init__(self) -> None:
        self.elapsed = 0
        self.set_by = 0

    def wall(self) -> int:
        return START_NS + self.elapsed + self.set_by

    def monotonic(self) -> int:
        return 77 + self.elapsed

    def wait(self, seconds: float) -> None:
        self.elapsed += round(seconds * 1e9)

    def set_wall(self, seconds: float) -> None:
        self.set_by += round(seconds * 1e9)

    def steady(self, not_before: int = 0) -> SteadyClock:
        return SteadyClock(not_before, wall=self.wall, monotonic=self.monotonic)

    def plain(self) -> Callable[[], int]:
        return lambda: self.wall() // 1000


class SameIds(MemoryStore):
    """A store whose decisions get the same ids in every run, so that runs can be compared by their bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.secret = bytes(32)


@pytest.fixture(autouse=True)
def same_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("banditcore.assignment.secrets.randbits", lambda bits: 0)


def test_it_starts_on_the_wall_and_goes_by_what_elapses() -> None:
    machine = Machine()
    clock = machine.steady()
    assert clock() == START_NS // 1000
    machine.wait(1.5)
    assert clock() == START_NS // 1000 + 1_500_000
    assert clock.drift_us() == 0
    machine.set_wall(HOUR_S)
    machine.wait(0.5)
    assert clock() == START_NS // 1000 + 2_000_000
    assert clock.drift_us() == 3_600_000_000
    machine.set_wall(-2 * HOUR_S)
    assert clock.drift_us() == -3_600_000_000


def test_it_starts_no_earlier_than_the_latest_event() -> None:
    machine = Machine()
    latest = START_NS // 1000 + 60_000_000
    clock = machine.steady(latest)
    assert clock() == latest
    machine.wait(2)
    assert clock() == latest + 2_000_000, "it does not stand still until the wall has caught up"
    assert clock.drift_us() == -60_000_000
    assert machine.steady(START_NS // 1000 - 1)() == START_NS // 1000 + 2_000_000


def test_the_real_clocks() -> None:
    clock = SteadyClock.after(None)
    first = clock()
    assert abs(clock.drift_us()) < 60_000_000
    assert clock() >= first > 1_700_000_000_000_000


def run(machine: Machine, clock: Callable[[], int], jump_s: float) -> tuple[list[object], bytes]:
    """A shop of 300 units, two seconds apart, in the middle of which the wall clock is set; what its log says."""
    with DecisionEngine(SameIds(), clock=clock, learn_in_background=False) as engine:
        engine.apply(spec())
        chance = np.random.default_rng(5)
        waiting: list[str] = []
        late: list[str] = []
        for number in range(300):
            if number == 150:
                machine.set_wall(jump_s)
            machine.wait(2)
            waiting.append(engine.decide("shop", f"unit-{number}", taste(number)).id)
            # A third is rewarded at once, a third within the window of ten seconds, a third never.
            for decision in (waiting[-1], waiting[max(number - 4, 0)]):
                if chance.random() < 1 / 3:
                    try:
                        engine.reward(decision, "buy", 1.0, key="once")
                    except NotAllowedNow:
                        late.append(decision)
            engine.catch_up()
        assert waiting == sorted(waiting)
        machine.wait(20)
        engine.catch_up()
        with engine._store.read() as reader:
            decisions = sorted((row.position, row.id, row.arm, row.time) for row in reader.decisions_to_audit(1))
            lessons = reader.lessons(1, 0, 10_000)
        return [decisions, lessons, late], digest(engine.model("shop").state())


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_a_jump_in_the_middle_of_a_run_changes_nothing(jump_s: float) -> None:
    still, jumping = Machine(), Machine()
    expected = run(still, still.steady(), 0.0)
    assert len(expected[0][1].positions) > 200  # type: ignore[attr-defined]
    assert expected[0][2] == [], "no reward of this run is too late"
    assert run(jumping, jumping.steady(), jump_s) == expected


@pytest.mark.parametrize("jump_s", [HOUR_S, -HOUR_S])
def test_with_a_plain_wall_clock_it_would(jump_s: float) -> None:
    still, jumping = Machine(), Machine()
    expected = run(still, still.plain(), 0.0)
    log, model = run(jumping, jumping.plain(), jump_s)
    assert log[1:] != expected[0][1:] and model != expected[1]
    # Set ahead, windows close early and rewards in time are refused; set back, windows stay open for an hour.
    assert bool(log[2]) == (jump_s > 0)


def restarted(
    directory: Path, machine: Machine, clock: Callable[[SqliteStore], Callable[[], int]]
) -> tuple[int, list[float]]:
    """An engine started again an hour behind its log.

    Milliseconds between the ids of two decisions a second apart, and the seconds that the windows of two others
    stay open: one made before the restart, one after it.
    """
    store = SqliteStore(directory)
    with DecisionEngine(store, clock=clock(store), learn_in_background=False) as engine:
        engine.apply(spec())
        unit = policy_unit(engine)
        decisions = [engine.decide("shop", unit, taste()).id]
    made = [machine.elapsed]
    machine.set_wall(-HOUR_S)
    machine.wait(3)
    store = SqliteStore(directory)
    with DecisionEngine(store, clock=clock(store), learn_in_background=False) as engine:
        made.append(machine.elapsed)
        decisions.append(engine.decide("shop", unit, taste()).id)
        assert decisions == sorted(decisions)
        machine.wait(1)
        later = engine.decide("shop", unit, taste()).id
        gap = id_milliseconds(bytes.fromhex(later)) - id_milliseconds(bytes.fromhex(decisions[1]))
        closed: dict[str, float] = {}
        for _ in range(200):
            machine.wait(0.1)
            engine.catch_up()
            with engine._store.read() as reader:
                standings = reader.standings(1, [bytes.fromhex(decision) for decision in decisions])
                for decision, since in zip(decisions, made, strict=True):
                    if standings[bytes.fromhex(decision)].resolution:
                        closed.setdefault(decision, (machine.elapsed - since) / 1e9)
        return gap, [closed.get(decision, float("inf")) for decision in decisions]


def test_after_a_restart_behind_the_log_windows_keep_their_length(tmp_path: Path) -> None:
    machine = Machine()
    steady = lambda store: SteadyClock.after(  # noqa: E731
        store.last_decision_id(), wall=machine.wall, monotonic=machine.monotonic
    )
    gap, (before, after) = restarted(tmp_path, machine, steady)
    assert gap == 1_000
    # Ten seconds, and the second after which a close is written; nothing says how long the server was away.
    assert after == pytest.approx(11.0, abs=0.15)
    assert before == pytest.approx(3.0 + 11.0, abs=0.15)


def test_after_a_restart_behind_the_log_a_plain_wall_clock_pins_ids_and_leaves_windows_open(tmp_path: Path) -> None:
    machine = Machine()
    assert restarted(tmp_path, machine, lambda store: machine.plain()) == (0, [float("inf")] * 2)


def test_an_engine_left_to_itself_has_a_steady_clock() -> None:
    store = MemoryStore()
    ahead = Machine()
    ahead.set_wall(1e9)
    with DecisionEngine(store, clock=ahead.plain(), learn_in_background=False) as engine:
        engine.apply(spec())
        last = engine.decide("shop", "ann", taste())
        again = DecisionEngine(store, learn_in_background=False)
        first = again.decide("shop", "ben", taste())
        assert isinstance(again._clock, SteadyClock)
        assert 0 < first.time_us - last.time_us < 60_000_000
