"""What an operator watches: how far models are behind the log, and how often a policy failed."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace

from banditcore.errors import BanditcoreError
from banditcore.experiments import Live
from banditcore.storage.base import Reader, Store
from banditcore.types import ExperimentHealth, Health


class Counts:
    """Counts events by experiment. From any thread."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def add(self, experiments: Iterable[str]) -> None:
        """One more for each name, as often as it occurs."""
        with self._lock:
            self._counts.update(experiments)

    def of(self, experiment: str) -> int:
        with self._lock:
            return self._counts[experiment]


def health(store: Store, lives: Iterable[Live], degraded: Counts, now_us: int) -> Health:
    """How store and models fare as of `now_us`; of a store that cannot be read nothing is known but that."""
    state = store.health()
    try:
        with store.read() as reader:
            waiting = {row.stream: row.open for row in reader.streams()}
            return Health(
                state,
                tuple(
                    _experiment(reader, live, waiting[live.stream], degraded.of(live.row.name), now_us)
                    for live in lives
                ),
            )
    except BanditcoreError:
        return Health(replace(state, up=False), ())


def _experiment(reader: Reader, live: Live, waiting: int, degraded: int, now_us: int) -> ExperimentHealth:
    position = live.model.position if live.model else 0
    behind, since_us = reader.backlog(live.stream, position)
    return ExperimentHealth(
        name=live.row.name,
        position=position,
        lag_events=behind,
        lag_s=max(now_us - since_us, 0) / 1e6 if behind else 0.0,
        open_decisions=waiting,
        degraded=degraded,
    )
