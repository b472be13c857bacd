"""A log as DSJSON, which Vowpal Wabbit learns from and we read back number by number."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from banditcore.bandit_log import BanditLog, Rows
from banditcore.errors import InvalidInput
from banditcore.formats.json_events import HEADER, OWN

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode
OWN_UNIT = re.compile(rf"{OWN}-([0-9a-f]{{16}})")
"""A unit, of which a log keeps the hash only, as an EventId."""


def write(log: BanditLog, path: Path) -> int:
    """One event a line; returns the number of rows. Raises InvalidInput for times that no calendar has.

    Contexts stand in the namespace "banditcore" as plain numbers, and the keys of all variants in the first event.
    Columns beside those of a decision are not written.
    """
    written, header = 0, {"variants": list(log.variants), "features": list(log.features)}
    with gzip.open(path, "wt", encoding="utf-8") if path.suffix == ".gz" else path.open("w", encoding="utf-8") as file:
        for rows in log.pages():
            for event in _events(log, rows):
                if not written:
                    event[HEADER] = header | event.get(HEADER, {})
                file.write(_ENCODE(event) + "\n")
                written += 1
    return written


def _events(log: BanditLog, rows: Rows) -> Iterator[dict[str, Any]]:
    """In VW's terms: `a` and `_label_Action` count the places of `_multi` from 1, `_labelIndex` from 0."""
    tags = [{"_tag": key, "i": {"constant": 1, "id": key}} for key in log.variants]
    everything = list(range(log.n_arms))
    for row in range(len(rows)):
        arm, reward = int(rows.arms[row]), float(rows.rewards[row])
        arms = everything if rows.eligible is None else [k for k in everything if _there(rows, row, k)]
        place = arms.index(arm)
        order = [place, *(other for other in range(len(arms)) if other != place)]
        event: dict[str, Any] = {
            "_label_cost": 0.0 - reward,
            "_label_probability": float(rows.propensity[row]),
            "_label_Action": place + 1,
            "_labelIndex": place,
            "o": [{"v": reward}],
            "Version": "1",
            "a": [other + 1 for other in order],
            "c": _context(rows, row, [tags[k] for k in arms], arms),
        }
        if rows.propensities is not None:
            event["p"] = [float(rows.propensities[row, arms[other]]) for other in order]
        if rows.units is not None:
            event["EventId"] = f"{OWN}-{int(rows.units[row]):016x}"
        if rows.times is not None:
            event["Timestamp"] = _time(float(rows.times[row]))
        if rows.fallback is not None and rows.fallback[row]:
            event[HEADER] = {"fallback": True}
        yield event


def _there(rows: Rows, row: int, arm: int) -> bool:
    assert rows.eligible is not None
    return bool(rows.eligible[row, arm]) or (rows.propensities is not None and rows.propensities[row, arm] > 0.0)


def _context(rows: Rows, row: int, tags: list[dict[str, Any]], arms: list[int]) -> dict[str, Any]:
    x = rows.contexts[row]
    if x.ndim == 1:
        return {OWN: x.tolist(), "_multi": tags}
    return {"_multi": [{**tag, OWN: x[arm].tolist()} for tag, arm in zip(tags, arms, strict=True)]}


def _time(seconds: float) -> str:
    try:
        return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        raise InvalidInput(f"the time {seconds:g} is in no year that DSJSON can say", field="times") from None
