"""Vowpal Wabbit: online gradient descent on hashed (context x action) features, exploration on top."""

from __future__ import annotations

import os
import tempfile
from bisect import bisect
from itertools import accumulate
from math import nan, sqrt
from pathlib import Path
from random import Random
from typing import Any

from vowpalwabbit import Workspace

from benchmarks.peers.peer import FLOOR, Floats, Peer
from benchmarks.peers.replayer import Replayed, Replayer, Stream

REQUIRES = ("vowpalwabbit==9.11.9",)


class Explorer(Peer):
    library = "vowpalwabbit"
    options: str

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        # The reward's spread is sqrt(d + 1); some explorers want the range of costs.
        options = self.options.format(spread=4.0 * sqrt(features + 1))
        self._vw = Workspace(f"--cb_explore_adf -q sa --ignore_linear s --random_seed 1 --quiet {options}")
        self._actions = [f"|a arm{arm}" for arm in range(arms)]
        self._uniform = Random(1).random
        self._shares = [1.0 / arms] * arms

    def row(self, context: Floats) -> Any:
        """Parsed examples: as lines of text a decision costs three to five times as much."""
        shared = "shared |s " + " ".join(f"x{feature}:{value:.9g}" for feature, value in enumerate(context))
        return self._vw.parse([shared, *self._actions])

    def decide(self, row: Any) -> int:
        self._shares = self.probabilities = self._vw.predict(row)
        return min(bisect(list(accumulate(self._shares)), self._uniform()), self.arms - 1)

    def lesson(self, arm: int, reward: float) -> tuple[int, str]:
        return arm, f"0:{-reward:.9g}:{self._shares[arm]:.9g}"

    def learn(self, row: Any, lesson: tuple[int, str]) -> None:
        arm, label = lesson
        row[1 + arm].set_label_string(label)
        self._vw.learn(row)
        self._vw.finish_example(row)


class EpsilonGreedy(Explorer):
    policy = "ε-greedy (`--epsilon`)"
    family = "LinUCB"
    returns = "vector (float32)"
    options = f"--epsilon {FLOOR}"
    note = (
        "The caller draws from the vector, so what is logged is right; it sums to 1 to 1e-7. Times are of parsed "
        "examples, parsing is in **prepare**. One gradient step a row learns less from a row than a solved ridge."
    )


class RegCbOpt(Explorer):
    policy = "optimistic (`--regcbopt`)"
    family = "LinUCB"
    returns = "vector (float32)"
    options = "--regcbopt --mellowness 0.01 --cb_min_cost -{spread:.1f} --cb_max_cost {spread:.1f}"
    note = "One-hot: logs of it cannot be evaluated."


class Bag(Explorer):
    policy = "bootstrap of 10 (`--bag`)"
    family = "Thompson"
    returns = "vector (tenths)"
    options = "--bag 10"
    note = "The share of 10 bootstrapped models that put an arm first; an arm that none does has exactly 0."


PEERS = (EpsilonGreedy, RegCbOpt, Bag)


class Driver(Replayer):
    library = "vowpalwabbit"
    events = 20_000
    cached: bool

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        self._folder = tempfile.TemporaryDirectory(prefix="banditcore-bench-")
        self._file = Path(self._folder.name) / "log.txt"
        with self._file.open("w") as file:
            rows = zip(stream.contexts, stream.decisions.tolist(), stream.rewards.tolist(), strict=True)
            for context, arm, reward in rows:
                file.write("shared |s " + " ".join(f"x{j}:{value:.9g}" for j, value in enumerate(context)) + os.linesep)
                for k in range(stream.arms):
                    label = f"0:{-reward:.9g}:{1.0 / stream.arms:.9g} " if k == arm else ""
                    file.write(f"{label}|a arm{k}{os.linesep}")
                file.write(os.linesep)
        if self.cached:
            self._drive()

    def _drive(self) -> Workspace:
        cache = f"--cache_file {self._file}.cache" if self.cached else ""
        vw = Workspace(
            f"--explore_eval --cb_explore_adf --epsilon {FLOOR} -q sa --ignore_linear s --random_seed 1 "
            f"-d {self._file} {cache}",
            enable_logging=True,
        )
        vw.run_parser()
        vw.finish()
        return vw

    def run(self) -> Replayed:
        told = dict(line.split(" = ", 1) for line in self._drive().get_log() if " = " in line)
        return Replayed(float(told["weighted update count"]), nan)


class FromText(Driver):
    call = "its own driver, --explore_eval, text"
    note = (
        "Rejection by a multiplier that it lowers as it goes; ε-greedy on gradient descent, since it has no LinUCB. "
        "The time includes reading its text, which a thread of its own does: here both share the core. The mean it "
        "tells is weighted by inverse propensities over all rows, not that of the rows learned."
    )
    cached = False


class FromCache(Driver):
    call = "its own driver, --explore_eval, binary cache"
    note = "The same from the cache that a first pass wrote: no text is read."
    cached = True


REPLAYS = (FromText, FromCache)
