"""The whole engine in one thread, under a seed: clients, network, clock, disk and every fault come from one `Random`.

The engine, its ledger, learner and store are the real ones; the disk, the clock and what lies between engine and
clients are simulated, after FoundationDB's simulation and TigerBeetle's VOPR. The same seed gives the same run:

    python tests/support/simulation.py --seed 7 --events 500

`Simulation` has a method for each kind of event; `run` picks them. A broken promise is a `Violation` that names seed
and event. See `tests/support/promises.py` for what is promised.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from random import Random
from typing import Any

import numpy as np
from disk import Disk, Faults
from promises import Promises, Violation, check_settled, is_final
from shop import spec

from banditcore import DecisionEngine, SqliteStore
from banditcore.clock import SteadyClock
from banditcore.errors import BanditcoreError, NotAllowedNow, StoreUnavailable
from banditcore.types import Ask, Reward

HOUR = 3_600 * 10**9
POLICIES = [{"name": "lin_ucb", "alpha": 0.5}, {"name": "linear_ts"}, {"name": "beta_ts"}]
WEIGHTS = {
    "ask": 60,
    "ask_batch": 5,
    "earn": 60,
    "expose": 6,
    "deliver": 190,
    "commit": 80,
    "learn": 20,
    "pass_time": 25,
    "ask_again": 25,
    "drop": 6,
    "duplicate": 10,
    "pause_or_resume": 3,
    "change_definition": 2,
    "restart": 1,
    "kill": 2,
    "cut_power": 4,
    "break_disk": 2,
    "fill_disk": 1,
    "mend_disk": 8,
    "jump_clock": 1,
    "stall_learner": 1,
}
"""How often each event happens, relative to the others."""
TRAFFIC = ("ask", "earn", "deliver", "commit")
"""Without these there is nothing to break."""


@dataclass
class Call:
    """A client's request, which it repeats until it has an answer that is final."""

    send: Callable[[DecisionEngine], Future[Any]]
    took: Callable[[Any], None]
    """Told what the engine answered, when it does."""
    open: bool = True


class Simulation:
    """One store and its engine, when it is up; clients with their calls; what is on the wire between them."""

    def __init__(self, seed: int, *, synchronous: str = "full") -> None:
        self.rng = rng = Random(seed)
        self.seed, self._synchronous = seed, synchronous
        self.disk = Disk(faults=Faults(Random(rng.random())), autocheckpoint=rng.choice((8, 40, None)))
        self.wall_ns, self.monotonic_ns = 1_700_000_000 * 10**9, 10**9
        self.promises = Promises()
        self.calls: list[Call] = []
        self.wire: list[tuple[Call, Any]] = []
        """Requests (None) and replies on their way."""
        self.inbox: list[tuple[Call, Future[Any]]] = []
        """Requests that the engine has taken and not answered."""
        self.trace = blake2b(digest_size=16)
        self._number = 0
        self._stalled = 0
        self._ends: Callable[[], None] = self.disk.kill
        self._statuses = {"running"}
        """Those that may be stored: the last acknowledged, and what was asked for since."""
        self._version = 0
        policy = rng.choice(POLICIES)
        self.spec = spec(policy=policy, exposure="explicit" if rng.random() < 0.25 else "implied")
        self.engine: DecisionEngine | None = None
        self.start()

    # The server

    def start(self) -> None:
        """Starts the server if it is down; what was promised must be there."""
        if self.engine is not None:
            return
        start = self.rng.getrandbits(53)
        with suppress(StoreUnavailable):
            self.store = SqliteStore(
                "data", vfs=self.disk.name, synchronous=self._synchronous, threaded=False, secret=bytes(range(32))
            )
            last = self.store.last_decision_id()
            engine = DecisionEngine(
                self.store,
                clock=SteadyClock.after(last, wall=lambda: self.wall_ns, monotonic=lambda: self.monotonic_ns),
                monotonic=lambda: self.monotonic_ns / 1e9,
                id_start=start,
                learn_in_background=False,
            )
            self.engine = engine
            self._look(engine)
            if self._version == 0:
                self._version = engine.apply(self.spec).version

    def _look(self, engine: DecisionEngine) -> None:
        with self.store.read() as reader:
            self.promises.check_decisions(reader)
        if self._version == 0:
            return
        (standing,) = engine.list() or [None]
        if standing is None or standing.version < self._version:
            raise Violation(f"version {self._version} of the definition was acknowledged and is gone")
        if standing.status not in self._statuses:
            raise Violation(f"the experiment is {standing.status}, acknowledged was {self._statuses}")
        self._version, self._statuses = standing.version, {standing.status}

    def _lose_server(self, ends: Callable[[], None]) -> None:
        ends()
        self.engine = None
        self.inbox.clear()

    # Clients

    def _name(self) -> str:
        self._number += 1
        return f"{self._number}"

    def _attributes(self) -> dict[str, Any]:
        return {"taste": [round(self.rng.gauss(0, 1), 3) for _ in range(3)]}

    def _send(self, call: Call) -> None:
        self.calls.append(call)
        self.wire.append((call, None))

    def ask(self) -> None:
        """A client asks for one to four decisions in one call, each with a request id of its own."""
        asks = []
        for _ in range(self.rng.choice((1, 1, 2, 4))):
            name = self._name()
            self.promises.units[f"unit-{name}"] = name
            asks.append(Ask("shop", f"unit-{name}", self._attributes(), (), name))

        def took(outcomes: Any) -> None:
            for ask, outcome in zip(asks, outcomes, strict=True):
                if not isinstance(outcome, BanditcoreError):
                    self.promises.decided(ask.request_id, outcome)

        self._send(Call(lambda engine: engine.submit_decisions(asks), took))

    def ask_batch(self) -> None:
        name, count = self._name(), self.rng.randint(1, 8)
        units = [f"unit-{name}-{row}" for row in range(count)]
        self.promises.units.update(dict.fromkeys(units, name))
        contexts = np.array([[*self._attributes()["taste"], 1.0] for _ in units])
        self._send(
            Call(
                lambda engine: engine.submit_batch("shop", units, contexts, request_id=name),
                lambda reply: self.promises.decided(name, reply),
            )
        )

    def _some_decision(self) -> str | None:
        known = list(self.promises.known)
        return self.rng.choice(known[-self.rng.choice((10, 100, 1000)) :]) if known else None

    def earn(self) -> None:
        """A client reports one to three rewards in a call; some of them by a key that was used before."""
        rewards = []
        for _ in range(self.rng.choice((1, 1, 3))):
            decision = self._some_decision()
            if decision is None:
                return
            goal = self.rng.choice(("buy", "buy", "spend"))
            value = float(self.rng.randint(0, 1)) if goal == "buy" else self.rng.randint(1, 50) / 2
            reward = Reward(decision, goal, value, self.rng.choice(("", self._name())))
            self.promises.values[decision, goal, reward.key].add(value)
            rewards.append(reward)

        def took(results: Any) -> None:
            for reward, result in zip(rewards, results, strict=True):
                self.promises.rewarded(reward, result)

        self._send(Call(lambda engine: engine.submit_rewards(rewards), took))

    def expose(self) -> None:
        decision = self._some_decision()
        if decision is not None:
            self._send(
                Call(
                    lambda engine: engine.submit_exposure(decision),
                    lambda known: self.promises.exposed.add(decision),
                )
            )

    def ask_again(self) -> None:
        """A client that has waited long enough repeats its request."""
        waiting = [call for call in self.calls[-200:] if call.open]
        if waiting:
            self.wire.append((self.rng.choice(waiting), None))

    # The network

    def _pick(self) -> tuple[Call, Any]:
        return self.wire.pop(self.rng.randrange(len(self.wire)))

    def deliver(self) -> None:
        """One to four messages arrive, in no order."""
        for _ in range(min(self.rng.randint(1, 4), len(self.wire))):
            call, reply = self._pick()
            if reply is not None:
                call.open = False
            elif self.engine is not None:
                self.inbox.append((call, self._submitted(call, self.engine)))

    def _submitted(self, call: Call, engine: DecisionEngine) -> Future[Any]:
        try:
            return call.send(engine)
        except BanditcoreError as error:
            refused: Future[Any] = Future()
            refused.set_exception(error)
            return refused

    def drop(self) -> None:
        if self.wire:
            self._pick()

    def duplicate(self) -> None:
        if self.wire:
            self.wire.append(self.rng.choice(self.wire))

    # The engine at work

    def commit(self) -> None:
        """What has come together is committed, and the answers leave."""
        if self.engine is None:
            return
        self.store.commit_waiting()
        self._answer()

    def _answer(self) -> None:
        waiting, self.inbox = self.inbox, []
        for call, future in waiting:
            if not future.done():
                self.inbox.append((call, future))
                continue
            error = future.exception()
            outcome = error if error is not None else future.result()
            self._note(type(outcome).__name__, outcome)
            if error is None:
                call.took(outcome)
            elif not isinstance(error, BanditcoreError):
                raise Violation(f"an engine's own error: {error!r}") from error
            if all(is_final(one) for one in _outcomes(outcome)):
                self.wire.append((call, outcome))

    def learn(self) -> None:
        """Windows close, lessons are folded, and now and then a snapshot is saved; unless the learner is stalled."""
        if self.engine is None or self._stalled > 0:
            self._stalled -= 1
            return
        with suppress(StoreUnavailable):
            self._note("learned", self.engine.catch_up())
        self._answer()

    def stall_learner(self) -> None:
        self._stalled = self.rng.randint(5, 40)

    def pass_time(self) -> None:
        self._pass(self.rng.choice((10, 300, 2_000)) * 10**6)

    def _pass(self, nanoseconds: int) -> None:
        self.wall_ns += nanoseconds
        self.monotonic_ns += nanoseconds

    def jump_clock(self) -> None:
        """The wall clock is set an hour ahead or back."""
        self.wall_ns += self.rng.choice((HOUR, -HOUR))

    def pause_or_resume(self) -> None:
        if self.engine is None:
            return
        status = self.rng.choice(("paused", "running", "running"))
        self._statuses.add(status)
        with suppress(StoreUnavailable):
            (self.engine.pause if status == "paused" else self.engine.resume)("shop")
            self._statuses = {status}
        self._answer()

    def change_definition(self) -> None:
        """Another version: variants come and go, the policy explores more or less, or is another one altogether."""
        if self.engine is None:
            return
        variants = ["plain", *self.rng.sample(("sale", "gift", "late", "more"), self.rng.randint(1, 3))]
        policy = self.rng.choice([*POLICIES, {"name": "lin_ucb", "alpha": self.rng.randint(1, 9) / 4}])
        changed = spec(policy=policy, exposure=self.spec.exposure, variants=variants)
        with suppress(StoreUnavailable, NotAllowedNow):
            self._version = self.engine.apply(changed).version
        self._answer()

    # Faults

    def restart(self) -> None:
        """The server stops as it should and starts again."""
        if self.engine is not None:
            self.engine.close()
            self._answer()
            self._lose_server(self.disk.kill)
        self.start()

    def kill(self) -> None:
        """The process ends at one of its next operations on the disk; the system keeps what was written."""
        self._ends = self.disk.kill
        self.disk.stop_after(self.rng.choice((0, 2, 10, 40)))

    def cut_power(self) -> None:
        """The same, and what was not synced goes or tears."""
        self._ends = lambda: self.disk.cut(self.rng)
        self.disk.stop_after(self.rng.choice((0, 2, 10, 40)))

    def break_disk(self) -> None:
        self.disk.faults.sync, self.disk.faults.write = self.rng.choice(((0.1, 0.0), (0.0, 0.02), (0.5, 0.05)))

    def fill_disk(self) -> None:
        self.disk.faults.capacity = sum(self.disk.sizes().values()) + self.rng.choice((0, 10_000, 50_000))

    def mend_disk(self) -> None:
        self.disk.faults.sync = self.disk.faults.write = 0.0
        self.disk.faults.capacity = None

    def happen(self, event: str) -> None:
        """One event, and what follows from it by itself: a server that has stopped is down, one that is down starts."""
        self._pass(self.rng.randint(0, 3_000_000))
        if self.engine is None and self.rng.random() < 0.3:
            self.start()
        getattr(self, event)()
        if self.disk.stopped:
            self._lose_server(self._ends)

    # The end

    def settle(self) -> None:
        """Everything heals, every client gets its answer, all windows close; then all promises are compared."""
        self.mend_disk()
        self._stalled = 0
        if self.disk.stopped or self.engine is None or self.rng.random() < 0.5:
            self._lose_server(lambda: self.disk.cut(self.rng))
        self.disk.stop_after(10**9)
        self.start()
        assert self.engine is not None
        self.engine.resume("shop")
        for _ in range(3):
            self.wire = [(call, None) for call in self.calls if call.open]
            while self.wire:
                self.deliver()
                self.commit()
        if any(call.open for call in self.calls):
            raise Violation("a client never got its answer")
        self._close_all_windows(self.engine)
        with self.store.read() as reader:
            self.promises.check(reader)
            check_settled(reader, self.engine, self.store.secret, "shop")

    def _close_all_windows(self, engine: DecisionEngine) -> None:
        self._pass(HOUR)
        while engine.catch_up():
            pass

    def _note(self, *what: Any) -> None:
        self.trace.update(repr(what).encode())


def _outcomes(outcome: Any) -> list[Any]:
    """One for each thing that a call asked for."""
    if not isinstance(outcome, list):
        return [outcome]
    return [getattr(one, "error", None) or one for one in outcome]


def _mix(rng: Random) -> list[float]:
    """Weights of a seed's own: some mistakes show only where other events are many, or never happen."""
    shares = [1.0 if event in TRAFFIC else rng.choice((0.0, 1.0, 1.0, 4.0)) for event in WEIGHTS]
    return [weight * share for weight, share in zip(WEIGHTS.values(), shares, strict=True)]


def run(seed: int, events: int, **options: Any) -> str:
    """Plays one seed to its end; returns a digest of all that was answered. Raises Violation."""
    simulation = Simulation(seed, **options)
    happened = []
    try:
        for event in simulation.rng.choices(list(WEIGHTS), _mix(simulation.rng), k=events):
            happened.append(event)
            simulation.happen(event)
        happened.append("the end")
        simulation.settle()
        return simulation.trace.hexdigest()
    except Exception as error:
        # Also an error of the engine's own is a finding.
        replay = f"python tests/support/simulation.py --seed {seed} --events {events}"
        raise Violation(f"seed {seed}, event {len(happened)} ({happened[-1]}): {error!r}; again: {replay}") from error
    finally:
        simulation.disk.kill()


def main() -> None:
    parser = argparse.ArgumentParser(description="Plays one seed, or several from it on.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=1, help="how many (default: 1)")
    parser.add_argument("--events", type=int, default=500)
    arguments = parser.parse_args()
    for seed in range(arguments.seed, arguments.seed + arguments.seeds):
        print(seed, run(seed, arguments.events))


if __name__ == "__main__":
    main()
