"""Small logs in files for the tests of formats."""

import json
from typing import Any

import numpy as np

from banditcore.bandit_log import BanditLog, Rows

OBD_COLUMNS = ",timestamp,item_id,position,click,propensity_score,user_feature_0,user_feature_1,user-item_affinity_0"


def obd_text(n: int = 6, items: int = 3) -> str:
    """Rows in the form of the Open Bandit Dataset: items 0.., positions 1..3, a click in every second row."""
    lines = [OBD_COLUMNS]
    for row in range(n):
        when = f"2019-11-24 00:00:{row % 60:02d}.250000+00:00"
        lines.append(
            f"{row},{when},{row % items},{row % 3 + 1},{row % 2},{1 / items!r},{'ab'[row % 2]}f,{'xyz'[row % 3]}f,0.5"
        )
    return "\n".join(lines) + "\n"


def assert_same(found: Rows, expected: Rows, *, columns: bool = True) -> None:
    """Equal to the last bit; a mask that leaves nothing out equals none."""
    for name in ("contexts", "arms", "rewards", "propensity", "propensities", "units", "times"):
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None), name
        if one is not None:
            assert one.dtype == other.dtype and one.tobytes() == other.tobytes(), name
    for name, plain in (("eligible", True), ("fallback", False)):
        one, other = getattr(found, name), getattr(expected, name)
        if one is None or other is None:
            assert all((mask == plain).all() for mask in (one, other) if mask is not None), name
        else:
            assert (one == other).all(), name
    if columns:
        assert found.columns.keys() == expected.columns.keys()
        assert all(np.array_equal(found.columns[name], expected.columns[name]) for name in expected.columns)


def sample_log(n: int = 50, k: int = 3, d: int = 2, seed: int = 0) -> BanditLog:
    """Everything that a log may have, but for contexts by arm."""
    random = np.random.default_rng(seed)
    vectors = random.dirichlet(np.ones(k), n)
    eligible = random.random((n, k)) < 0.7
    arms = random.integers(k, size=n)
    eligible[np.arange(n), arms] = True
    vectors = np.where(eligible, vectors, 0.0)
    vectors /= vectors.sum(axis=1, keepdims=True)
    return BanditLog.of(
        random.standard_normal((n, d)),
        arms,
        random.random(n),
        propensities=vectors,
        eligible=eligible,
        units=random.integers(10, size=n),
        times=1.7e9 + np.arange(n) / 8,
        fallback=random.random(n) < 0.1,
        variants=[f"variant {arm}" for arm in range(k)],
    )


def event(shown: int = 1, cost: float = -1.0, p: tuple[float, ...] = (0.2, 0.5, 0.3), **more: object) -> dict[str, Any]:
    """An event of Azure Personalizer; `shown` counts from 0, p is by place. A key of None is left out."""
    order = [shown, *(place for place in range(len(p)) if place != shown)]
    actions = [{"_tag": name, "i": {"constant": 1, "id": name}, "j": []} for name in ("cat", "dog", "emu")[: len(p)]]
    found = {
        "_label_cost": cost,
        "_label_probability": p[shown],
        "_label_Action": shown + 1,
        "_labelIndex": shown,
        "o": [{"EventId": "e1", "v": -cost}],
        "Timestamp": "2021-02-03T04:05:06.5000000Z",
        "Version": "1",
        "EventId": "e1",
        "a": [place + 1 for place in order],
        "c": {"GUser": {"id": "u7", "age": 2.5, "vip": True, "gone": None}, "_multi": actions},
        "p": [p[place] for place in order],
        "VWState": {"m": "N/A"},
        "_original_label_cost": cost,
    } | more
    return {name: value for name, value in found.items() if value is not None}


def dsjson_text(*events: dict[str, Any]) -> str:
    """One line each."""
    return "".join(json.dumps(one) + "\n" for one in events)
