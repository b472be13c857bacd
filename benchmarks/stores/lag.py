"""How long after its acknowledgement a reward is in the model that serves, seen from outside of real servers."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left
from contextlib import ExitStack, suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from banditcore.client import AsyncClient
from banditcore.types import Group, Reward
from banditcore_server.testing import ServerProcess
from benchmarks.stores.places import Place
from benchmarks.stores.world import FEATURES, GOAL, NAME, WIDE

PER_CALL = 50
LOOK_S = 0.002
BATCH = 1_000
Times = list[tuple[float, int]]
"""(when, position), both rising."""


def lags(place: Place, servers: int, rate: int, seconds: float) -> dict[str, Any]:
    """`rate` rewards a second to the first of several servers on one log; the lag of each, in milliseconds."""
    location = place.new()
    with ExitStack() as stack:
        targets = [
            stack.enter_context(ServerProcess(location, log=Path(f"{place.log(location)}.{number}"))).target
            for number in range(servers)
        ]
        found = asyncio.run(_measure(targets, rate, seconds))
    place.remove(location)
    return found


async def _measure(targets: list[str], rate: int, seconds: float) -> dict[str, Any]:
    clients = [AsyncClient(target, timeout_s=10.0) for target in targets]
    try:
        await clients[0].apply(WIDE)
        calls = int(rate * seconds / PER_CALL)
        rewards, base = await _decided(clients[0], calls * PER_CALL)
        last = base + 2 * PER_CALL * calls
        watches = [asyncio.create_task(_watch(client, last)) for client in clients]
        acknowledged, took = await _paced(clients[0], rewards, PER_CALL / rate)
        learned = await asyncio.wait_for(asyncio.gather(*watches), 30.0)
    finally:
        for client in clients:
            await client.close()
    return {
        "rewards_per_s": round(len(rewards) / took),
        "engines": [_summary(acknowledged, base, times) for times in learned],
    }


async def _decided(client: AsyncClient, count: int) -> tuple[list[Reward], int]:
    """Rewards for `count` decisions that will teach, and the position of the log before the first of them."""
    vectors = np.random.default_rng(0).standard_normal((BATCH, FEATURES))
    rewards: list[Reward] = []
    made = 0
    while len(rewards) < count:
        answer = await client.batch_decide_columns(NAME, [f"customer-{made + i}" for i in range(BATCH)], vectors)
        teaching = answer.groups == int(Group.POLICY)
        ids = zip(answer.decision_ids(), teaching, strict=True)
        rewards += [Reward(decision, GOAL, 1.0) for decision, teaches in ids if teaches]
        made += BATCH
    return rewards[:count], made


async def _paced(client: AsyncClient, rewards: list[Reward], every_s: float) -> tuple[list[float], float]:
    """When each call was acknowledged, and how long all of them took. A slow call does not hold up the next."""
    started = time.perf_counter()
    calls = []
    for number, start in enumerate(range(0, len(rewards), PER_CALL)):
        await asyncio.sleep(max(0.0, started + number * every_s - time.perf_counter()))
        calls.append(asyncio.create_task(_record(client, rewards[start : start + PER_CALL])))
    acknowledged = await asyncio.gather(*calls)
    return acknowledged, time.perf_counter() - started


async def _record(client: AsyncClient, rewards: list[Reward]) -> float:
    results = await client.record_rewards(rewards)
    now = time.perf_counter()
    assert all(result.resolved for result in results)
    return now


async def _watch(client: AsyncClient, last: int) -> Times:
    """How far the serving model has come, until it has learned the event at `last`."""
    seen: Times = []
    position = -1
    while position < last:
        # Another server reads of a new experiment within a moment.
        with suppress(LookupError):
            found = (await client.get(NAME)).position
            if found > position:
                position = found
                seen.append((time.perf_counter(), found))
        await asyncio.sleep(LOOK_S)
    return seen


def _summary(acknowledged: list[float], base: int, seen: Times) -> dict[str, float]:
    # Every call appends its rewards, then as many resolutions. Calls that share a commit are learned together, so the
    # end of each call's own share tells as well as the position of its last resolution.
    positions = [position for _, position in seen]
    lag = []
    for number, when in enumerate(acknowledged):
        first = bisect_left(positions, base + 2 * PER_CALL * (number + 1))
        lag.append(max(0.0, seen[first][0] - when) * 1e3)
    return {
        "median_ms": round(float(np.median(lag)), 1),
        "p99_ms": round(float(np.percentile(lag, 99)), 1),
        "max_ms": round(max(lag), 1),
        "longest_without_news_ms": round(max((b[0] - a[0]) * 1e3 for a, b in pairwise(seen)), 1),
    }
