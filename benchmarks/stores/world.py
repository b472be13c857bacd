"""The experiments that are measured, and rows for their logs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from banditcore.assignment import DecisionIds, split_ids
from banditcore.config import ExperimentSpec, parse_experiment
from banditcore.storage.base import Asked, DecisionColumns, ResolutionKind, ResolutionRow, RewardRow, Transaction
from banditcore.types import Group

NAME, GOAL = "bench", "g"
TAUGHT_EVERY = 10
"""Every tenth decision of a long log was rewarded."""
_ID_SPACE = 2**128


def spec(arms: int, features: int) -> ExperimentSpec:
    """LinUCB over one vector; windows are so long that none closes meanwhile."""
    return parse_experiment(
        NAME,
        {
            "control": "v0",
            "holdout": 0.1,
            "variants": [f"v{arm}" for arm in range(arms)],
            "policy": {"name": "lin_ucb"},
            "context": [{"name": "x", "type": "vector", "size": features}],
            "goals": [{"name": GOAL, "window": "30d"}],
        },
    )


FEATURES = 20
WIDE = spec(10, FEATURES)
NARROW_FEATURES = 4
NARROW = spec(3, NARROW_FEATURES)
"""For logs of many decisions."""


class Rows:
    """Makes decisions for one stream, as if a policy had drawn every variant with the same probability."""

    def __init__(self, stream: int, ids: DecisionIds, arms: int, features: int, seed: int = 0) -> None:
        self._stream, self._ids, self._arms, self._features = stream, ids, arms, features
        self._chance = np.random.default_rng(seed)

    def decisions(self, count: int, now_us: int) -> DecisionColumns:
        """`count` decisions of the POLICY group, made at `now_us` (Unix microseconds)."""
        return DecisionColumns(
            stream=self._stream,
            version=1,
            model_position=0,
            degraded=0,
            time=now_us,
            ids=b"".join(self._ids.new(self._stream, count, now_us)),
            units=[f"customer-{number}" for number in range(count)],
            groups=[int(Group.POLICY)] * count,
            arms=self._chance.integers(0, self._arms, count).tolist(),
            contexts=self._chance.standard_normal((count, self._features)).tobytes(),
            propensities=np.full((count, self._arms), 1.0 / self._arms).tobytes(),
            eligible=None,
        )


def append(tx: Transaction, rows: DecisionColumns, request_ids: list[str]) -> None:
    """A request id for each decision; a reward, and with it a lesson, for every tenth."""
    tx.append_decisions(rows, [Asked(request_id, index, 1) for index, request_id in enumerate(request_ids)])
    taught = split_ids(rows.ids)[::TAUGHT_EVERY]
    tx.append_rewards([RewardRow(rows.stream, decision, GOAL, "", 1.0, 0, rows.time) for decision in taught])
    tx.append_resolutions(
        [ResolutionRow(rows.stream, decision, ResolutionKind.REWARD, 1.0, rows.time) for decision in taught]
    )


def request_ids(total: int, page: int, seed: int) -> Iterator[list[str]]:
    """`total` ids in pages, each as a random UUID in hex, and all in order.

    They spread over the index as those of a server do, which come in no order; but ten million inserts at random places
    would write the index anew for every page of them.
    """
    chance = np.random.default_rng(seed)
    pages = max(1, total // page)
    for number in range(pages):
        count = page if number < pages - 1 else total - page * (pages - 1)
        high, low = chance.integers(0, 2**63, (2, count)).astype(object)
        within = (high << 65) + (low << 2) + 1
        yield [f"{(number * _ID_SPACE + int(value)) // pages:032x}" for value in np.sort(within)]
