"""Whether a log is of the experiment that a model has learned from, and which of its rows the model has not seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from banditcore.bandit_log import BanditLog, Rows
from banditcore.checks import Mask
from banditcore.errors import InvalidInput
from banditcore.formats.parquet_columns import MODEL_POSITION, told

if TYPE_CHECKING:
    from banditcore.exporting import Facts


def unseen_since(log: BanditLog, facts: Facts) -> int | None:
    """The position from which on rows of the log cannot have taught the model; 0 for all, None where nobody knows.

    A row counts by the model that decided it: the decision came after all that model had learned, and its outcome
    later still. Which rows the model has learned from is no guide, since of decisions whose window is open it has
    learned the successes only, and what is left are the failures.
    """
    row, export = _told(log, "experiment"), _told(log, "export")
    if (row.get("name"), row.get("create_time")) != (facts.experiment, facts.create_time):
        return None
    if "stream" not in export or MODEL_POSITION not in log.head().columns:
        return None
    # A stream begins from nothing, so one teaches no other.
    return facts.position if export["stream"] == facts.stream else 0


def _told(log: BanditLog, name: str) -> dict[str, Any]:
    found = told(log.source, log.metadata, name, {})
    return found if isinstance(found, dict) else {}


def unseen(rows: Rows, since: int) -> Mask | None:
    """(n,) rows that models at `since` or later decided; None for all of them."""
    if not since:
        return None
    later: Mask = rows.columns[MODEL_POSITION] >= since
    return None if later.all() else later


def check_features(label: str, known: tuple[str, ...], log: BanditLog) -> None:
    """Raises InvalidInput where the log has as many features as the model knows, under other names."""
    for mine, theirs in zip(known, log.features, strict=False):
        if mine != theirs:
            raise InvalidInput(
                f"{label} knows the features {_some(known)}, the log has {_some(log.features)}", field="policy"
            )


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names)[:200]
