"""Rows for stores under test."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from banditcore.assignment import DecisionIds
from banditcore.storage.base import DecisionColumns, ExperimentRow, Store, Transaction, VersionRow

VECTOR = np.array([0.25, 0.75]).tobytes()
EVER = b"\xff" * 6


def columns(
    store: Store, stream: int, units: Sequence[str], *, group: int = 1, now_us: int = 1_000_000
) -> DecisionColumns:
    """Decisions of arm 1 for `units`, ready to be appended."""
    count = len(units)
    return DecisionColumns(
        stream=stream,
        version=1,
        model_position=0,
        degraded=0,
        time=now_us,
        ids=b"".join(DecisionIds(store.secret, last=store.last_decision_id()).new(stream, count, now_us)),
        units=units,
        groups=[group] * count,
        arms=[1] * count,
        contexts=np.arange(3.0).tobytes() * count,
        propensities=VECTOR * count,
        eligible=None,
    )


def open_stream(store: Store, name: str = "shop") -> int:
    """A stream of a new experiment."""

    def operation(tx: Transaction) -> int:
        tx.put_experiment(ExperimentRow(name, "running", 1, 5, 5))
        stream = tx.new_stream(name)
        tx.put_version(VersionRow(name, 1, stream, "{}", '["a", "b"]', 5))
        return stream

    return store.write(operation).result()
