"""A shop's traffic against a running server: decisions, and rewards that come late, twice, out of order or never.

Run as a process of its own: `python -m banditcore_simulations.traffic --target HOST:PORT`. Every line it prints
is JSON: what the server has acknowledged so far, at the end with `"done": true`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO, TypeVar

from banditcore.client import AsyncClient, CallFailed
from banditcore.client.answers import Answer
from banditcore.errors import NotAllowedNow, StoreUnavailable
from banditcore.types import Floats
from banditcore_simulations.datasets import Classification, digits

T = TypeVar("T")

LATE, TWICE, NEVER = 0.15, 0.10, 0.05
"""Shares of rewards that are delayed, sent twice, and never sent; the rest follows at once."""
LATEST_S = 2.0
PATIENCE_S = 60.0


@dataclass
class Tally:
    """What the server has acknowledged."""

    decisions: int = 0
    rewards: int = 0
    duplicates: int = 0
    late: int = 0
    receipts: TextIO | None = field(default=None, repr=False)
    """Where every acknowledgement is written down, one JSON line each, when somebody wants to check them."""

    def note(self, receipt: dict[str, object]) -> None:
        if self.receipts is not None:
            self.receipts.write(json.dumps(receipt) + "\n")
            self.receipts.flush()


async def insist(call: Callable[[], Awaitable[T]]) -> T:
    """Repeats a call until the server answers: it may be away for a moment, and every call is idempotent."""
    loop = asyncio.get_running_loop()
    limit = loop.time() + PATIENCE_S
    while True:
        try:
            return await call()
        except (CallFailed, StoreUnavailable):
            if loop.time() > limit:
                raise
            await asyncio.sleep(0.05)


class Shop:
    """Plays rows of a classification world against the experiment `digits`."""

    def __init__(self, client: AsyncClient, world: Classification, chance: random.Random, tally: Tally) -> None:
        self._client, self._world, self._chance, self.tally = client, world, chance, tally
        self._classes = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

    async def visit(self, unit: str, row: int, gate: asyncio.Semaphore) -> None:
        """One customer: a decision, and what becomes of it."""
        pixels = self._world.contexts[row, :64] * 16.0
        request = uuid.uuid4().hex
        # The gate counts customers who wait for an answer, not those whose reward is still to come.
        async with gate:
            decision = await insist(lambda: self._decide(unit, pixels, request))
        self.tally.decisions += 1
        self.tally.note({"decision": decision.id, "unit": unit, "variant": decision.variant})
        value = self._world.reward(row, self._classes.index(decision.variant))
        await self._reward(decision.id, value)

    async def _decide(self, unit: str, pixels: Floats, request: str) -> Answer:
        decision = await self._client.decide("digits", unit, {"pixels": pixels}, request_id=request)
        if decision.degraded:
            # It may be shown, but it may not be in the log; this shop would rather ask again.
            raise StoreUnavailable("the decision was not logged")
        return decision

    async def _reward(self, decision: str, value: float) -> None:
        fate = self._chance.random()
        if fate < NEVER:
            return
        if fate < NEVER + LATE:
            await asyncio.sleep(self._chance.uniform(0.0, LATEST_S))
        await self._send(decision, value)
        if fate > 1.0 - TWICE:
            await asyncio.sleep(self._chance.uniform(0.0, LATEST_S / 2))
            await self._send(decision, value)

    async def _send(self, decision: str, value: float) -> None:
        try:
            result = await insist(lambda: self._client.record_reward(decision, "correct", value))
        except NotAllowedNow:
            # The window closed while the server was away: the reward is in the log, and counts nowhere.
            self.tally.late += 1
            return
        if result.duplicate:
            self.tally.duplicates += 1
        else:
            self.tally.rewards += 1
        self.tally.note({"reward": decision, "value": value})


async def play(
    target: str, rows: list[tuple[str, int]], *, seed: int, in_flight: int, tally: Tally, world: Classification
) -> None:
    """Sends every (unit, row), at most `in_flight` of them undecided at a time."""
    gate = asyncio.Semaphore(in_flight)
    async with AsyncClient(target, timeout_s=5.0) as client, asyncio.TaskGroup() as visits:
        shop = Shop(client, world, random.Random(seed), tally)
        reporter = asyncio.create_task(_report(tally))
        for unit, row in rows:
            visits.create_task(shop.visit(unit, row, gate))
    reporter.cancel()


async def _report(tally: Tally) -> None:
    while True:
        _print(tally, done=False)
        await asyncio.sleep(0.2)


def _print(tally: Tally, *, done: bool) -> None:
    counts = {name: getattr(tally, name) for name in ("decisions", "rewards", "duplicates", "late")}
    print(json.dumps({**counts, "done": done}), flush=True)


def share(world: Classification, *, passes: int, worker: int, workers: int, seed: int) -> list[tuple[str, int]]:
    """This worker's customers: every image once a pass, each a customer of its own, in shuffled order."""
    everyone = [(f"image-{row}-{turn}", row) for turn in range(passes) for row in range(len(world.contexts))]
    random.Random(seed).shuffle(everyone)
    return everyone[worker::workers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--target", required=True)
    parser.add_argument("--worker", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--passes", type=int, default=1)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--receipts", type=Path)
    options = parser.parse_args()
    world = digits()
    rows = share(world, passes=options.passes, worker=options.worker, workers=options.workers, seed=options.seed)
    receipts = options.receipts.open("a") if options.receipts else None
    tally = Tally(receipts=receipts)
    try:
        asyncio.run(
            play(
                options.target,
                rows,
                seed=options.seed + options.worker,
                in_flight=options.in_flight,
                tally=tally,
                world=world,
            )
        )
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    _print(tally, done=True)


if __name__ == "__main__":
    main()
