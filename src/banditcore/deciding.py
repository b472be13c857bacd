"""One decision or ten thousand: group, vector, draw, and the row that says so."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from banditcore.assignment import ID_BYTES, DecisionIds
from banditcore.config import ExperimentSpec
from banditcore.errors import Conflict, InvalidInput
from banditcore.experiments import Live, Mask, Model, definition
from banditcore.kernels import draw_many, lawful
from banditcore.merging import roots
from banditcore.storage.base import DecisionColumns, DecisionRow, Reader
from banditcore.types import Decision, DecisionBatch, Floats, Group

# An attribute of an Enum class costs half a microsecond, once a unit.
_POLICY, _HOLDOUT = int(Group.POLICY), int(Group.HOLDOUT)
_GROUPS = {int(group): group for group in Group}


@dataclass(frozen=True, slots=True)
class Answer:
    """Decisions of one call: the rows for the log and the reply for the caller."""

    columns: DecisionColumns
    reply: DecisionBatch

    def decisions(self) -> list[Decision]:
        """One by one, as they answer calls of one each."""
        reply = self.reply
        ids, whole = reply.ids.hex(), isinstance(reply.certificates, float)
        return [
            Decision(
                id=ids[48 * row : 48 * row + 48],
                experiment=reply.experiment,
                version=reply.version,
                unit=reply.units[row],
                group=_GROUPS[group],
                arm=arm,
                variant=reply.variants[arm],
                payload=reply.payloads[arm],
                propensity=propensity,
                propensities=reply.propensities[row],
                model_position=reply.model_position,
                time_us=reply.time_us,
                certificate=float(reply.certificates if whole else reply.certificates[row]),  # type: ignore[index]
                degraded=reply.degraded,
                duplicate=reply.duplicate,
            )
            for row, (arm, group, propensity) in enumerate(
                zip(reply.arms.tolist(), reply.groups.tolist(), reply.propensity.tolist(), strict=True)
            )
        ]

    def take(self, rows: list[int]) -> Answer:
        """The answer to some of the rows only."""
        whole, reply = self.columns, self.reply
        columns = replace(
            whole,
            ids=_take(whole.ids, ID_BYTES, rows),
            units=[whole.units[row] for row in rows],
            groups=[whole.groups[row] for row in rows],
            arms=[whole.arms[row] for row in rows],
            contexts=_take(whole.contexts, len(whole.contexts) // len(whole.units), rows),
            propensities=_take(whole.propensities, reply.propensities.shape[1] * 8, rows),
            eligible=whole.eligible and _take(whole.eligible, reply.propensities.shape[1], rows),
            certificates=_some(whole.certificates, rows),
        )
        part = replace(
            reply,
            ids=columns.ids,
            groups=reply.groups[rows],
            arms=reply.arms[rows],
            propensity=reply.propensity[rows],
            propensities=reply.propensities[rows],
            units=list(columns.units),
            certificates=reply.certificates if isinstance(reply.certificates, float) else reply.certificates[rows],
        )
        return Answer(columns, part)


def _some(certificates: Sequence[float] | float, rows: list[int]) -> Sequence[float] | float:
    return certificates if isinstance(certificates, float) else [certificates[row] for row in rows]


def _take(packed: bytes, width: int, rows: list[int]) -> bytes:
    return b"".join([packed[row * width : (row + 1) * width] for row in rows])


def identified(live: Live, units: Sequence[str], encoded: list[bytes]) -> tuple[list[str], list[bytes]]:
    """The units that are decided for: where one was merged into another, that one; also in UTF-8."""
    if not live.identities:
        return list(units), encoded
    found = [live.identities.root(unit) for unit in units]
    return found, [unit.encode() for unit in found]


def choose(
    live: Live,
    ids: DecisionIds,
    units: list[str],
    encoded_units: list[bytes],
    contexts: Floats,
    mask: Mask | None,
    now_us: int,
) -> Answer:
    """Decides for n units at once; `contexts` (n, d) and `mask` None, (K,) or (n, K) were checked before."""
    model = live.model
    share, bucket, draw = live.spec.holdout, live.bucket, live.draw
    groups = [_HOLDOUT if bucket(unit) < share else _POLICY for unit in encoded_units]
    decision_ids = ids.new(live.stream, len(units), now_us)
    vectors, certificates, degraded = law(live, model, contexts, mask, groups, decision_ids)
    arms = draw_many(vectors, np.array([draw(decision) for decision in decision_ids]))
    reply = DecisionBatch(
        experiment=live.spec.name,
        version=live.version,
        variants=live.keys,
        payloads=live.payloads,
        model_position=model.position if model else 0,
        time_us=now_us,
        ids=b"".join(decision_ids),
        groups=np.array(groups, dtype=np.uint8),
        arms=arms,
        propensity=vectors[np.arange(len(units)), arms],
        propensities=vectors,
        units=units,
        certificates=certificates,
        degraded=degraded,
    )
    return Answer(_columns(live, reply, groups, contexts, mask), reply)


def masks(live: Live, eligible: Sequence[Sequence[str]], count: int) -> Mask | None:
    """(K,) or (n, K) of what the calls allow: one list for all of them, or one each; None for everything."""
    if len(eligible) <= 1:
        return live.mask(eligible[0] if eligible else ())
    if len(eligible) != count:
        raise InvalidInput(
            f"{count} units but {len(eligible)} eligible lists: send none, one or one each", field="eligible"
        )
    if not any(eligible):
        return live.mask(())
    everything = np.ones(len(live.arms), dtype=np.bool_)
    rows = [live.mask(keys, f"items[{index}].eligible_variants") for index, keys in enumerate(eligible)]
    return np.stack([everything if row is None else row for row in rows])


def law(
    live: Live, model: Model | None, contexts: Floats, mask: Mask | None, groups: list[int], decisions: list[bytes]
) -> tuple[Floats, float | Floats, bool]:
    """(n, K) what the variants are drawn from, its certificate, and whether the policy failed to give it."""
    vectors = np.empty((len(contexts), len(live.arms)))
    certificates = _ask(live, model, contexts, mask, vectors, decisions)
    if certificates is None:
        _to_control(live, vectors, slice(None))
        return vectors, 0.0, True
    if _HOLDOUT in groups:
        held_out = [group == _HOLDOUT for group in groups]
        _to_control(live, vectors, held_out)
        if not isinstance(certificates, float):
            certificates[held_out] = 0.0
    return vectors, certificates, False


def _to_control(live: Live, vectors: Floats, rows: slice | list[bool]) -> None:
    vectors[rows] = 0.0
    vectors[rows, live.control] = 1.0


def _ask(
    live: Live, model: Model | None, contexts: Floats, mask: Mask | None, out: Floats, decisions: list[bytes]
) -> float | Floats | None:
    """Fills `out` from the policy; None when there is none or what it gives is no law for every row."""
    if model is None:
        return None
    try:
        chance = model.policy.monte_carlo
        seeds = np.array([live.seed(decision) for decision in decisions], dtype=np.uint64) if chance else None
        certificates = _stated(model.policy._propensities_into(contexts, mask, out, seeds), len(out))
    except Exception:
        # A policy of somebody else's may fail in any way; the caller's customer is served all the same.
        return None
    return certificates if lawful(out) else None


def _stated(certificates: float | Floats, rows: int) -> float | Floats:
    """As the log can keep it: one finite number, or one a row."""
    if isinstance(certificates, float) and math.isfinite(certificates):
        return certificates
    several = np.array(certificates, dtype=np.float64)
    if not np.isfinite(several).all() or several.shape not in ((), (rows,)):
        raise ValueError("a certificate is one finite number, or one a row")
    return several if several.ndim else float(several)


def _columns(
    live: Live, reply: DecisionBatch, groups: list[int], contexts: Floats, mask: Mask | None
) -> DecisionColumns:
    return DecisionColumns(
        stream=live.stream,
        version=reply.version,
        model_position=reply.model_position,
        degraded=int(reply.degraded),
        time=reply.time_us,
        ids=reply.ids,
        units=reply.units,
        groups=groups,
        arms=reply.arms.tolist(),
        contexts=contexts.tobytes(),
        propensities=reply.propensities.tobytes(),
        eligible=_eligible(live, mask, len(reply.units)),
        certificates=reply.certificates if isinstance(reply.certificates, float) else reply.certificates.tolist(),
    )


def _eligible(live: Live, mask: Mask | None, count: int) -> bytes | None:
    """One byte an arm for each of `count` decisions; None when all had what is on offer."""
    if mask is None or mask is live.offered:
        return None
    return mask.tobytes() if mask.ndim == 2 else mask.tobytes() * count


class History:
    """Every definition that was ever in force, also under other processes of the store; read once."""

    def __init__(self) -> None:
        self._specs: dict[tuple[int, int], ExperimentSpec] = {}
        self._names: dict[int, str] = {}

    def name(self, reader: Reader, stream: int) -> str:
        """The experiment that a stream belongs to."""
        if stream not in self._names:
            self._names = {row.stream: row.experiment for row in reader.streams()}
        return self._names[stream]

    def spec(self, reader: Reader, stream: int, version: int) -> ExperimentSpec:
        """The definition that a decision of the stream was made under."""
        if (stream, version) not in self._specs:
            for row in reader.versions(self.name(reader, stream)):
                self._specs[row.stream, row.version] = definition(row)
        return self._specs[stream, version]

    def keys(self, reader: Reader, stream: int) -> tuple[str, ...]:
        """Variant keys by arm. Arms only ever grow within a stream, so the newest list starts with every older one."""
        newest = [row for row in reader.versions(self.name(reader, stream)) if row.stream == stream][-1]
        return tuple(json.loads(newest.arms))


def replay(live: Live, asked: Answer, earlier: list[DecisionRow], reader: Reader, history: History) -> Answer:
    """The first answer to a request id, when it is the same request; else raises Conflict."""
    same = (
        history.name(reader, earlier[0].stream) == live.spec.name
        and _same_units(live, earlier, asked.columns, reader)
        and (earlier[0].version != live.version or _same_question(live, earlier, asked.columns))
    )
    if not same:
        raise Conflict(
            "request_id was used before for another request: make a new one per request, keep it for retries only",
            field="request_id",
            reason="REQUEST_CONFLICT",
        )
    first = earlier[0]
    definition = history.spec(reader, first.stream, first.version)
    payloads = {variant.key: variant.payload for variant in definition.variants}
    vectors = np.array([np.frombuffer(row.propensities, dtype="<f8") for row in earlier])
    arms = np.array([row.arm for row in earlier], dtype=np.int32)
    count = vectors.shape[1]
    known = live.keys if first.stream == live.stream else ()
    # Another process may have added variants that are not known here yet.
    keys = (known if len(known) >= count else history.keys(reader, first.stream))[:count]
    reply = replace(
        asked.reply,
        version=first.version,
        variants=keys,
        payloads=tuple(payloads.get(key, "") for key in keys),
        model_position=first.model_position,
        time_us=first.time,
        ids=b"".join(row.id for row in earlier),
        groups=np.array([row.group for row in earlier], dtype=np.uint8),
        arms=arms,
        propensity=vectors[np.arange(len(arms)), arms],
        propensities=vectors,
        units=[row.unit for row in earlier],
        certificates=np.array([row.certificate for row in earlier]),
        degraded=bool(first.degraded),
        duplicate=True,
    )
    return Answer(asked.columns, reply)


def _same_units(live: Live, earlier: list[DecisionRow], asked: DecisionColumns, reader: Reader) -> bool:
    then, now = [row.unit for row in earlier], list(asked.units)
    if then == now or len(then) != len(now):
        return then == now
    # Units may have been merged since, also by a process whose merges are not known here yet.
    root = roots(reader, live.spec.name, {*then, *now})
    return [root[unit] for unit in then] == [root[unit] for unit in now]


def _same_question(live: Live, earlier: list[DecisionRow], asked: DecisionColumns) -> bool:
    """Whether contexts and eligible variants agree; only under one definition can they be compared."""
    # A call without a list may have been written beside one that had it, and then has all variants spelled out.
    everything = (np.ones(len(live.arms), dtype=np.bool_) if live.offered is None else live.offered).tobytes()
    eligible = b"".join(everything if row.eligible is None else row.eligible for row in earlier)
    contexts = b"".join(row.context for row in earlier)
    # While an experiment is frozen its control is all that is eligible, whatever a call asks for.
    frozen = live.row.status == "frozen" or eligible == live.only_control.tobytes() * len(earlier)
    return contexts == asked.contexts and (frozen or eligible == (asked.eligible or everything * len(earlier)))
