"""A store to which everything has happened: versions, epochs, batches, exposures, late rewards, retention."""

from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from shop import Clock, spec

from banditcore import DecisionEngine
from banditcore.assignment import id_milliseconds, split_ids
from banditcore.errors import NotAllowedNow
from banditcore.experiments import Live
from banditcore.learner import Fold, digest
from banditcore.offline import UnitReward
from banditcore.recompute import live_versions
from banditcore.storage.base import Reader
from banditcore.storage.copying import COUNTED, COUNTERS, EVENTS, MERGED, REQUEST, SNAPSHOT
from banditcore.storage.opening import open_log, open_store
from banditcore.storage.tables import Tables
from banditcore.storage.tallies import TALLIES

CHANGES: list[dict[str, Any]] = [
    {},
    {"variants": ["plain", "gift", "sale", "bundle"]},
    {"variants": ["plain", "bundle", "sale"], "policy": {"name": "linear_ts"}},
]
TABLES = {
    **EVENTS,
    **COUNTERS,
    **TALLIES,
    **COUNTED,
    "merged": MERGED,
    "request": REQUEST,
    "snapshot": SNAPSHOT,
    "secret": ("name", "value"),
    "experiment": ("name", "status", "version", "create_time", "update_time"),
    "experiment_version": ("experiment", "version", "stream", "spec", "arms", "time"),
}


def live(location: str | Path, *, days: int = 1) -> None:
    """Lets that many days pass for the store, each with what makes a day; a store may live on later."""
    for _ in range(days):
        store = open_store(location)
        clock = Clock()
        if (last := store.last_decision_id()) is not None:
            clock.now = id_milliseconds(last) * 1_000
            clock.advance(86_400)
        with DecisionEngine(store, clock=clock, learn_in_background=False) as engine:
            for change in CHANGES:
                engine.apply(spec(**change))
                _visits(engine, "shop", clock)
            engine.apply(spec("mail", exposure="explicit"))
            _visits(engine, "mail", clock)
            engine.apply(spec("short", retention="60s"))
            _visits(engine, "short", clock)
            clock.advance(60.0)
            # At its end the visits above are too old; these will be on another day.
            _visits(engine, "short", clock)


def _visits(engine: DecisionEngine, experiment: str, clock: Clock) -> None:
    chance = np.random.default_rng(clock.now // 1_000_000)
    made = []
    for turn in range(30):
        eligible = ["plain", "sale"] if turn % 7 == 0 else []
        request = f"{experiment}-{clock.now}" if turn % 2 else ""
        context = {"taste": chance.standard_normal(3)}
        made.append(engine.decide(experiment, f"unit-{turn}", context, eligible=eligible, request_id=request).id)
        clock.advance(0.1)
    batch = engine.decide_batch(
        experiment, [f"batch-{n}" for n in range(20)], chance.standard_normal((20, 4)), request_id=f"all-{clock.now}"
    )
    made += [raw.hex() for raw in split_ids(batch.ids)]
    for number, decision in enumerate(made):
        if number % 3:
            engine.expose(decision)
        if number % 5 == 1:
            engine.reward(decision, "buy", float(chance.random() < 0.5))
            engine.reward(decision, "spend", chance.random(), key=str(number))
    engine.merge_units(experiment, f"tablet-{clock.now}", "unit-1")
    sales = [UnitReward(f"unit-{n}", "spend", 1.0, clock.now, f"sale-{n}") for n in range(35)]
    engine.import_rewards(experiment, [*sales, sales[3]._replace(value=2.0)])
    engine.catch_up()
    clock.advance(15.0)
    try:
        engine.reward(made[0], "buy", 1.0)
    except NotAllowedNow:
        pass
    else:
        raise AssertionError("the window was meant to have closed")
    engine.catch_up()


def contents(location: str | Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table, in an order of its own."""
    with closing(open_log(location)) as log, log.read() as tables:
        assert isinstance(tables, Tables)
        found = {table: tables._run(f"SELECT {', '.join(columns)} FROM {table}") for table, columns in TABLES.items()}
        return {table: sorted(map(tuple, rows), key=repr) for table, rows in found.items()}


def folded(location: str | Path) -> dict[int, bytes]:
    """stream -> digest of the model that its log folds to."""
    with closing(open_log(location)) as log, log.read() as reader:
        versions = [version for row in reader.experiments() for version in live_versions(reader, row.name)]
        # Of each stream the newest definition, which knows all its variants.
        newest = {version.stream: version for version in versions}
        return {stream: digest(_fold(reader, version).policy.state()) for stream, version in newest.items()}


def _fold(reader: Reader, version: Live) -> Fold:
    # From where the log begins: from the prior, or from what was learned of deleted events.
    fold = Fold.start(reader, version, up_to=reader.trimmed(version.stream).base)
    while fold.read(reader, version.stream):
        pass
    return fold
