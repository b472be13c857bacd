"""One library, one policy, one setting: a process of its own, so that nothing of another is in its way."""

from __future__ import annotations

import gc
import json
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np

from benchmarks.peers.libraries import peers_of
from benchmarks.peers.peer import Floats, Peer
from benchmarks.peers.world import LIVE, World

WARM_UP = 100
CHUNK = 20
BATCH = 1_000
SECONDS = 6.0
"""After so long the rest of the rows is left out: some take milliseconds a row."""


@dataclass
class Run:
    """What was seen on the live rows; times in seconds."""

    times: list[tuple[float, float, float]] = field(default_factory=list)
    arms: list[int] = field(default_factory=list)
    vectors: list[Floats] = field(default_factory=list)


def measure(peer: Peer, world: World) -> dict[str, Any]:
    logged, arms = slice(0, world.logged), world.logged_arms
    peer.learn_log(world.contexts[logged], arms, world.rewards[np.arange(world.logged), arms])
    gc.collect()
    gc.freeze()  # the tables above are not the library's garbage to walk
    return live(peer, world) | {"batch_us": batch(peer, world) if peer.has_batch else None}


def live(peer: Peer, world: World) -> dict[str, Any]:
    """Decide, then learn, row by row; the first rows and the caller's preparations do not count."""
    run, first = Run(), world.logged
    deadline = perf_counter() + SECONDS
    for row in range(first, first + LIVE):
        step(peer, world, row, run)
        if perf_counter() > deadline and len(run.times) >= WARM_UP + CHUNK:
            break
    rows = (len(run.times) - WARM_UP) // CHUNK * CHUNK
    counted = slice(WARM_UP, WARM_UP + rows)
    chunks = np.array(run.times[counted]).reshape(-1, CHUNK, 3).mean(axis=1)
    prepare, decide, update = np.median(chunks, axis=0) * 1e6
    means = world.means[first + WARM_UP : first + WARM_UP + rows]
    return {"rows": rows, "prepare_us": prepare, "decide_us": decide, "update_us": update} | {
        **success(means, np.array(run.arms[counted])),
        "draw_z": draw_z(np.array(run.vectors[counted]), np.array(run.arms[counted])) if run.vectors else None,
    }


def step(peer: Peer, world: World, index: int, run: Run) -> None:
    context = world.contexts[index]
    start = perf_counter()
    row = peer.row(context)
    ready = perf_counter()
    arm = peer.decide(row)
    decided = perf_counter()
    lesson = peer.lesson(arm, float(world.rewards[index, arm]))
    told = perf_counter()
    peer.learn(row, lesson)
    learned = perf_counter()
    run.times.append((ready - start, decided - ready, learned - told))
    run.arms.append(arm)
    if peer.probabilities is not None:
        run.vectors.append(np.array(peer.probabilities, dtype=np.float64))


def success(means: Floats, arms: np.ndarray) -> dict[str, float]:
    """How good the play was, without the noise: 0 is uniform play and 1 the best arm in every row."""
    rows = np.arange(len(arms))
    uniform, best = means.mean(), means.max(axis=1).mean()
    return {
        "best_arm_share": float((means.argmax(axis=1) == arms).mean()),
        "mean_reward": float(means[rows, arms].mean()),
        "gain": float((means[rows, arms].mean() - uniform) / (best - uniform)),
    }


def draw_z(vectors: Floats, arms: np.ndarray) -> float | None:
    """Standard score of sum p(chosen) against its expectation sum p^2: far from 0 where p is not what was drawn."""
    squares = (vectors**2).sum(axis=1)
    variance = ((vectors**3).sum(axis=1) - squares**2).sum()
    excess = (vectors[np.arange(len(arms)), arms] - squares).sum()
    return float(excess / np.sqrt(variance)) if variance > 1e-9 else None


def batch(peer: Peer, world: World) -> float:
    """us per decision in one call for a thousand rows: the best of a second's worth of calls, two at least."""
    contexts = world.contexts[world.logged : world.logged + BATCH]
    spent: list[float] = []
    while len(spent) < 2 or (sum(spent) < 1.0 and len(spent) < 50):
        start = perf_counter()
        peer.decide_many(contexts)
        spent.append(perf_counter() - start)
    return min(spent) / BATCH * 1e6


def main(module: str, index: str, features: str, arms: str) -> None:
    kind = peers_of(module)[int(index)]
    found = measure(kind(int(arms), int(features)), World(int(features), int(arms)))
    print(json.dumps(found | {"version": version(kind.library)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
