"""Logs of rising length: what a start takes, and what a call takes while the server runs on each of them in turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

from banditcore import DecisionEngine
from banditcore.assignment import DecisionIds, split_ids
from banditcore.client import AsyncClient
from banditcore.storage.opening import open_store
from banditcore.types import Reward
from banditcore_server.testing import ServerProcess
from benchmarks.stores.places import Place
from benchmarks.stores.world import GOAL, NAME, NARROW, NARROW_FEATURES, TAUGHT_EVERY, Rows, append, request_ids

PAGE = 20_000
CLIENTS = 4
SAMPLED = 8_000
"""Decisions of each log, spread over it, that may be rewarded while it is measured."""


@dataclass(slots=True)
class Log:
    size: int
    twin: bool
    location: str
    bytes: int
    built_s: float
    unrewarded: list[str]
    """Ids of decisions from all over the log."""
    starts: list[float] = field(default_factory=list)
    cold_starts: list[float] = field(default_factory=list)
    decide: list[list[float]] = field(default_factory=list)
    """Seconds of each call, a list a round."""
    reward: list[list[float]] = field(default_factory=list)


def curve(place: Place, sizes: Sequence[int], rounds: int, calls: int, starts: int) -> list[dict[str, Any]]:
    """One entry a size, smallest first; the smallest twice, which shows what noise does to a ratio."""
    logs = list(_built(place, sizes))
    try:
        for _ in range(starts):
            for log in logs:
                _start(place, log)
        _rounds(place, logs, rounds, calls)
    finally:
        for log in logs:
            place.remove(log.location)
    return [_entry(log, logs[0]) for log in logs]


# Building


def _built(place: Place, sizes: Sequence[int]) -> Iterator[Log]:
    """Each grows out of a copy of the one before."""
    location, size = place.new(), 0
    with DecisionEngine(open_store(location), learn_in_background=False) as engine:
        engine.apply(NARROW)
    for index, wanted in enumerate(sizes):
        grown = place.copy(location) if index else location
        started = time.perf_counter()
        unrewarded = _filled(place, grown, wanted - size, seed=wanted)
        took = time.perf_counter() - started
        # Opening and closing folds what was appended and saves the snapshot that a running server would have saved.
        DecisionEngine(open_store(grown), learn_in_background=False).close()
        print(f"{place.name}: a log of {wanted:,} after {took:.0f} s", flush=True)
        log = Log(wanted, False, grown, place.size(grown), took, unrewarded)
        yield log
        if not index:
            yield Log(wanted, True, place.copy(grown), log.bytes, took, list(unrewarded))
        location, size = grown, wanted


def _filled(place: Place, location: str, count: int, seed: int) -> list[str]:
    """Appends `count` decisions; returns the ids of some that have no reward."""
    store = place.building(location)
    with store.read() as reader:
        stream = reader.streams()[0].stream
    ids = DecisionIds(store.secret, last=store.last_decision_id())
    rows, chance = Rows(stream, ids, len(NARROW.variants), NARROW_FEATURES), np.random.default_rng(seed)
    sample: list[str] = []
    for request in request_ids(count, PAGE, seed):
        made = rows.decisions(len(request), time.time_ns() // 1000)
        store.write(lambda tx, made=made, request=request: append(tx, made, request), [stream]).result()  # type: ignore[misc]
        free = [id.hex() for index, id in enumerate(split_ids(made.ids)) if index % TAUGHT_EVERY]
        sample += chance.choice(free, min(len(free), SAMPLED * len(request) // count + 1), replace=False).tolist()
    store.close()
    return [str(id) for id in chance.permutation(sample)]


# Measuring


def _start(place: Place, log: Log) -> None:
    with ServerProcess(log.location, log=place.log(log.location)) as server:
        log.starts.append(server.start_s)
    if place.forget(log.location):
        with ServerProcess(log.location, log=place.log(log.location)) as server:
            log.cold_starts.append(server.start_s)


def _rounds(place: Place, logs: list[Log], rounds: int, calls: int) -> None:
    """All servers are up and idle but the one whose turn it is."""
    with ExitStack() as stack:
        servers = [stack.enter_context(ServerProcess(log.location, log=place.log(log.location))).target for log in logs]
        for turn in range(rounds + 1):
            pairs = list(zip(logs, servers, strict=True))
            for log, target in pairs[turn % len(pairs) :] + pairs[: turn % len(pairs)]:
                decide, reward = asyncio.run(_turn(target, log, calls))
                # The first round finds the system without most of the pages it needs.
                if turn:
                    log.decide.append(decide)
                    log.reward.append(reward)


async def _turn(target: str, log: Log, calls: int) -> tuple[list[float], list[float]]:
    clients = [AsyncClient(target, timeout_s=10.0) for _ in range(CLIENTS)]
    rewards = [Reward(log.unrewarded.pop(), GOAL, 1.0) for _ in range(calls // 2)]
    vector = {"x": [0.1 * number for number in range(NARROW_FEATURES)]}

    async def decide(client: AsyncClient, number: int) -> None:
        answer = await client.decide(NAME, f"visitor-{number}", vector)
        assert not answer.degraded

    async def reward(client: AsyncClient, number: int) -> None:
        (result,) = await client.record_rewards([rewards[number]])
        assert result.resolved

    try:
        for client in clients:
            await client.get(NAME)
        return await _timed(clients, calls, decide), await _timed(clients, calls // 2, reward)
    finally:
        for client in clients:
            await client.close()


async def _timed(clients: list[AsyncClient], calls: int, call: Any) -> list[float]:
    """Seconds of each of `calls` calls; every client has one under way."""
    numbers, took = iter(range(calls)), []

    async def work(client: AsyncClient) -> None:
        for number in numbers:
            started = time.perf_counter()
            await call(client, number)
            took.append(time.perf_counter() - started)

    await asyncio.gather(*map(work, clients))
    return took


# Summing up


def _entry(log: Log, first: Log) -> dict[str, Any]:
    return {
        "size": log.size,
        "twin": log.twin,
        "bytes": log.bytes,
        "bytes_per_decision": round(log.bytes / log.size),
        "built_s": round(log.built_s, 1),
        "start_s": round(median(log.starts), 2),
        "start_worst_s": round(max(log.starts), 2),
        "cold_start_worst_s": round(max(log.cold_starts), 2) if log.cold_starts else None,
        "decide": _latency(log.decide, first.decide),
        "reward": _latency(log.reward, first.reward),
    }


def _latency(found: list[list[float]], base: list[list[float]]) -> dict[str, float]:
    """Milliseconds over all rounds, and medians over rounds of the ratio to the smallest log in the same round."""
    result = {}
    for percentile in (50, 99):
        own, other = (np.array([np.percentile(turn, percentile) for turn in turns]) for turns in (found, base))
        result[f"p{percentile}_ms"] = round(1e3 * float(np.percentile(np.concatenate(found), percentile)), 2)
        result[f"p{percentile}_ratio"] = round(float(np.median(own / other)), 2)
    return result
