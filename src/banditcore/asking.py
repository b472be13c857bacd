"""Calls for one decision each, decided and written together: one pass through the policy, one write."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from banditcore.assignment import DecisionIds
from banditcore.deciding import Answer, History, choose, identified, replay
from banditcore.errors import BanditcoreError, Conflict
from banditcore.experiments import Live, Mask
from banditcore.storage.base import Asked, Transaction
from banditcore.types import Ask, Decision, Floats
from banditcore.validation import text

Outcome = Decision | BanditcoreError


@dataclass(slots=True)
class Asking:
    """The calls for one experiment that were found to be sound."""

    live: Live
    refusal: BanditcoreError | None = None
    """Why nothing new is decided here, as in a paused experiment; requests answered before still are."""
    places: list[int] = field(default_factory=list)
    """Index of each call among all that came together."""
    request_ids: list[str] = field(default_factory=list)
    units: list[str] = field(default_factory=list)
    encoded: list[bytes] = field(default_factory=list)
    contexts: list[Floats] = field(default_factory=list)
    masks: list[Mask | None] = field(default_factory=list)

    def add(self, place: int, ask: Ask) -> None:
        """Takes a call in. Raises InvalidInput, and has then not taken it."""
        text(ask.request_id, "request_id", least=0)
        (unit,), (encoded,) = identified(self.live, [ask.unit], [text(ask.unit, "unit")])
        context = self.live.schema.encode(ask.attributes)
        self.masks.append(self.live.mask(ask.eligible))
        self.contexts.append(context)
        self.encoded.append(encoded)
        self.units.append(unit)
        self.request_ids.append(ask.request_id)
        self.places.append(place)

    def choose(self, ids: DecisionIds, now_us: int) -> Answer:
        return choose(self.live, ids, self.units, self.encoded, np.array(self.contexts), self._mask(), now_us)

    def _mask(self) -> Mask | None:
        offered = self.live.offered
        if all(mask is offered for mask in self.masks):
            return offered
        everything = np.ones(len(self.live.arms), dtype=np.bool_) if offered is None else offered
        return np.stack([everything if mask is None else mask for mask in self.masks])

    def write(self, tx: Transaction, answer: Answer, history: History) -> list[tuple[int, Outcome]]:
        """Writes what is new and replays what was answered before, also by an earlier call of the same write."""
        fresh, repeated = self._sort(tx)
        part = answer.take(fresh) if repeated else answer
        outcomes: list[tuple[int, Outcome]] = []
        if fresh and self.refusal is not None:
            outcomes += [(self.places[row], self.refusal) for row in fresh]
        elif fresh:
            asked = [Asked(self.request_ids[row], index, 1) for index, row in enumerate(fresh)]
            tx.append_decisions(part.columns, [request for request in asked if request.request_id])
            outcomes += zip([self.places[row] for row in fresh], part.decisions(), strict=True)
        for row in repeated:
            outcomes.append((self.places[row], self._again(tx, row, answer, history)))
        return outcomes

    def _sort(self, tx: Transaction) -> tuple[list[int], list[int]]:
        """Rows whose request id is new or empty, and rows whose request was answered before."""
        named = [request_id for request_id in self.request_ids if request_id]
        seen = tx.known_requests(named) if named else set()
        fresh: list[int] = []
        repeated: list[int] = []
        for row, request_id in enumerate(self.request_ids):
            (repeated if request_id in seen else fresh).append(row)
            if request_id:
                seen.add(request_id)
        return fresh, repeated

    def _again(self, tx: Transaction, row: int, answer: Answer, history: History) -> Outcome:
        earlier = tx.request(self.request_ids[row])
        assert earlier is not None
        try:
            return replay(self.live, answer.take([row]), earlier, tx, history).decisions()[0]
        except Conflict as error:
            return error

    def unlogged(self, answer: Answer) -> list[tuple[int, Outcome]]:
        """What to answer while nothing can be logged: the variant as it was drawn, flagged."""
        if self.refusal is not None:
            return [(place, self.refusal) for place in self.places]
        decisions = (replace(decision, degraded=True) for decision in answer.decisions())
        return list(zip(self.places, decisions, strict=True))


def sort(
    asks: Sequence[Ask], find: Callable[[str], tuple[Live, BanditcoreError | None]]
) -> tuple[list[Asking], list[tuple[int, Outcome]]]:
    """The calls by experiment, and those that are refused."""
    asking: dict[str, Asking] = {}
    refused: list[tuple[int, Outcome]] = []
    for place, ask in enumerate(asks):
        try:
            if ask.experiment not in asking:
                asking[ask.experiment] = Asking(*find(ask.experiment))
            asking[ask.experiment].add(place, ask)
        except BanditcoreError as error:
            refused.append((place, error))
    return [group for group in asking.values() if group.places], refused
