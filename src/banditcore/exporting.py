"""The log of a store, or its newest model, as a file: all that research needs, and all that recomputing it needs."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np

from banditcore.assignment import id_milliseconds
from banditcore.bandit_log import hash_units
from banditcore.checks import Mask
from banditcore.config import GoalSpec
from banditcore.errors import InvalidInput, NotFound
from banditcore.experiments import Live, resumed
from banditcore.formats.arrow import needed
from banditcore.formats.digests import Sums, of_texts
from banditcore.formats.parquet_writing import Writer, lists, vector
from banditcore.formats.replacing import replacing
from banditcore.learner import Fold, digest, pack, unpacked
from banditcore.ledger import closing_bound
from banditcore.policies.base import Policy
from banditcore.recompute import live_versions
from banditcore.storage.base import DecisionRow, ExperimentRow, Reader, Resolved, RewardRow, VersionRow
from banditcore.storage.opening import open_log
from banditcore.types import Floats, Group

_CHUNK = 2_000
RESOLUTION = ("resolution_position", "resolution_value", "resolution_time_us")
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Exported:
    """What an export holds."""

    experiment: str
    goal: str
    stream: int
    decisions: int = 0
    final: int = 0
    """Decisions whose outcome for the goal is final; the others have no reward."""
    holdout: int = 0
    degraded: int = 0
    """Decisions for which the policy had no answer."""
    unexposed: int = 0
    resolutions: int = 0
    """What the policy has learned from."""
    deleted: int = 0
    """Events that retention had deleted: where there are any, vectors cannot be recomputed from the file alone."""


def schema() -> Any:
    """Of the pages of an export: see `docs/formats.md`."""
    pyarrow = needed("pyarrow", "Parquet")
    text, whole, real, truth = pyarrow.string(), pyarrow.int64(), pyarrow.float64(), pyarrow.bool_()
    kinds = {
        "decision_id": text,
        "time_us": whole,
        "experiment": text,
        "version": pyarrow.int32(),
        "unit": text,
        "unit_hash": pyarrow.uint64(),
        "holdout": truth,
        "arm": pyarrow.int32(),
        "variant": text,
        "propensity": real,
        "propensities": vector(),
        "eligible": pyarrow.list_(truth),
        "context": vector(),
        "reward": real,
        "model_position": whole,
        "degraded": truth,
        "exposed": truth,
        "certificate": real,
        "resolution_position": whole,
        "resolution_value": real,
        "resolution_time_us": whole,
    }
    return pyarrow.schema(list(kinds.items()))


def described(live: Live) -> dict[str, Any]:
    """What a file says of its rows, all of it JSON, as the newest definition has it."""
    return {
        "variants": list(live.keys),
        "features": list(live.schema.feature_names),
        "context_shape": [live.schema.n_features],
        "learned": live.spec.learn,
    }


class Export:
    """One stream of an experiment, as the reader sees it: `pages` once, then `found` is complete."""

    def __init__(
        self,
        reader: Reader,
        experiment: str,
        goal: str | None = None,
        *,
        stream: int | None = None,
        now_us: int | None = None,
    ) -> None:
        """goal: by default the one that the policy learns from; stream: by default the newest.

        now_us: Unix microseconds by the clock of the servers, no later than the reader's view: windows that had closed
        by then are final. Raises NotFound for an unknown experiment, InvalidInput for an unknown goal or stream, or a
        ratio.
        """
        self._reader, self._now_us = reader, time.time_ns() // 1_000 if now_us is None else now_us
        self._versions = _versions(reader, experiment, stream)
        self._lives = {
            live.version: live for live in live_versions(reader, experiment) if live.version in self._versions
        }
        self._newest = self._lives[max(self._lives)]
        self._keys, self._learned = self._newest.keys, self._newest.spec.learn
        self._goal = self._checked_goal(goal or self._learned)
        trimmed = reader.trimmed(self._newest.stream)
        self.sums = Sums(schema())
        self.found = Exported(experiment, self._goal.name, self._newest.stream, deleted=trimmed.deleted)

    def _checked_goal(self, name: str) -> GoalSpec:
        known = {goal.name: goal for live in self._lives.values() for goal in live.spec.goals}
        goal = known.get(name)
        if goal is None:
            raise InvalidInput(f"goal {name[:64]!r} is not a goal of it: it has {', '.join(known)}", field="goal")
        if goal.kind == "ratio":
            raise InvalidInput(
                f"goal {name} is a ratio, which no decision earns by itself: export {goal.numerator}", field="goal"
            )
        return goal

    def says(self) -> dict[str, Any]:
        """What the file says about itself, all of it JSON; folds what came after the newest snapshot."""
        model = _fold(self._reader, self._newest)
        return {
            **described(self._newest),
            "experiment": asdict(self._newest.row),
            "versions": [asdict(row) for row in self._versions.values()],
            "model": {"position": model.position, "digest": digest(model.policy.state()).hex()},
        }

    def pages(self, progress: Progress = lambda done, of: None) -> Iterator[Any]:
        """`pyarrow.Table`s in order of (version, model position, id), each of a few thousand decisions."""
        stream = self.found.stream
        of = self._reader.decision_count(stream)
        for version, same in groupby(self._reader.decisions_to_audit(stream), key=lambda row: row.version):
            while rows := list(islice(same, _CHUNK)):
                yield self._page(self._lives[version], rows)
                progress(self.found.decisions, of)

    def _page(self, live: Live, rows: list[DecisionRow]) -> Any:
        import pyarrow

        stream, ids = self.found.stream, [row.id for row in rows]
        resolved = self._reader.resolutions(stream, ids)
        resolutions = [resolved.get(id) for id in ids]
        exposed = self._exposed(live, ids)
        vectors = self._padded(live, [row.propensities for row in rows], "<f8", np.float64)
        arms = np.array([row.arm for row in rows])
        kinds = schema()
        values: dict[str, Any] = {
            "decision_id": [id.hex() for id in ids],
            "time_us": [row.time for row in rows],
            "experiment": [live.spec.name] * len(rows),
            "version": [row.version for row in rows],
            "unit": [row.unit for row in rows],
            "unit_hash": hash_units(np.array([row.unit for row in rows], dtype=object)),
            "holdout": [row.group == Group.HOLDOUT for row in rows],
            "arm": arms,
            "variant": [self._keys[row.arm] for row in rows],
            "propensity": vectors[np.arange(len(rows)), arms],
            "propensities": lists(vectors, kinds.field("propensities").type),
            "eligible": self._eligible(live, rows, kinds.field("eligible").type),
            "context": lists(_contexts(rows), kinds.field("context").type),
            "reward": self._rewards(live, rows, resolved),
            "model_position": [row.model_position for row in rows],
            "degraded": [bool(row.degraded) for row in rows],
            "exposed": exposed,
            "certificate": [row.certificate for row in rows],
            "resolution_position": _each(resolutions, "position"),
            "resolution_value": _each(resolutions, "value"),
            "resolution_time_us": _each(resolutions, "time"),
        }
        self._count(values)
        columns = [pyarrow.array(values[field.name], field.type) for field in kinds]
        self.sums.add(dict(zip(kinds.names, columns, strict=True)))
        return pyarrow.Table.from_arrays(columns, schema=kinds)

    def _count(self, values: dict[str, Any]) -> None:
        found = self.found
        found.decisions += len(values["arm"])
        found.final += sum(reward is not None for reward in values["reward"])
        found.holdout += sum(values["holdout"])
        found.degraded += sum(values["degraded"])
        found.unexposed += len(values["exposed"]) - sum(values["exposed"])
        found.resolutions += sum(position is not None for position in values["resolution_position"])

    def _padded(self, live: Live, packed: list[bytes], stored: str, kind: Any) -> Any:
        """(n, K) with nothing for the variants that came later."""
        whole = np.zeros((len(packed), len(self._keys)), dtype=kind)
        whole[:, : len(live.arms)] = np.frombuffer(b"".join(packed), dtype=stored).reshape(len(packed), -1)
        return whole

    def _eligible(self, live: Live, rows: list[DecisionRow], kind: Any) -> Any:
        """Null where every variant there ever was could be shown."""
        offered = np.ones(len(live.arms), dtype=np.bool_) if live.offered is None else live.offered
        packed = [offered.tobytes() if row.eligible is None else row.eligible for row in rows]
        masks: Mask = self._padded(live, packed, "?", np.bool_)
        import pyarrow

        return pyarrow.nulls(len(rows), kind) if masks.all() else lists(masks, kind)

    def _exposed(self, live: Live, ids: list[bytes]) -> list[bool]:
        """Whether each was shown before its outcome was final, as reports count it."""
        if live.spec.exposure == "implied":
            return [True] * len(ids)
        shown = self._reader.exposures(self.found.stream, ids)
        closes_us = round(self._goal.closes_s * 1e6)
        return [id in shown and shown[id] <= id_milliseconds(id) * 1_000 + closes_us for id in ids]

    def _rewards(self, live: Live, rows: list[DecisionRow], resolved: dict[bytes, Resolved]) -> list[float | None]:
        """What each has earned; None where it is not final, or was made before there was the goal.

        A reward counts once its window has closed, not when it comes: decisions that were rewarded early are no sample
        of all.
        """
        goal = live.spec.goal(self._goal.name)
        if goal is None:
            return [None] * len(rows)
        before = closing_bound(goal, self._now_us)
        final = [row.id for row in rows if row.id < before]
        earned: dict[bytes, list[float]] = {}
        for reward in self._reader.rewards(self.found.stream, final):
            if _counts(reward, goal):
                earned.setdefault(reward.decision, []).append(reward.value)
        if goal.name == self._learned:
            earned |= {id: [row.value] for id, row in resolved.items()}
        return [self._outcome(goal, earned.get(row.id)) if row.id < before else None for row in rows]

    def _outcome(self, goal: GoalSpec, earned: list[float] | None) -> float:
        if not earned:
            return goal.default
        if goal.name == self._learned:
            return earned[0]
        return max(earned) if goal.kind == "binary" else sum(earned)


def _counts(reward: RewardRow, goal: GoalSpec) -> bool:
    return reward.goal == goal.name and not reward.late


def _each(rows: list[Resolved | None], name: str) -> list[float | None]:
    return [None if row is None else getattr(row, name) for row in rows]


def _contexts(rows: list[DecisionRow]) -> Floats:
    return np.frombuffer(b"".join(row.context for row in rows), dtype="<f8").reshape(len(rows), -1)


def _versions(reader: Reader, experiment: str, stream: int | None) -> dict[int, VersionRow]:
    """The definitions of a stream of an experiment, oldest first."""
    rows = reader.versions(experiment)
    if not rows:
        known = ", ".join(row.name for row in reader.experiments()) or "none"
        raise NotFound(
            f"experiment {experiment[:64]!r} is not in this store, which has: {known}",
            field="experiment",
            reason="EXPERIMENT_NOT_FOUND",
        )
    streams = list(dict.fromkeys(row.stream for row in rows))
    if stream is not None and stream not in streams:
        raise InvalidInput(
            f"stream {stream} is none of {experiment}: it has {', '.join(map(str, streams))}", field="stream"
        )
    wanted = streams[-1] if stream is None else stream
    return {row.version: row for row in rows if row.stream == wanted}


def export(
    reader: Reader,
    experiment: str,
    goal: str | None = None,
    *,
    stream: int | None = None,
    now_us: int | None = None,
) -> Export:
    """The decisions of one stream of a store with what each has earned, page by page; see `Export`.

    The reward of the learned goal is what taught the policy: the first one, or the default. Of another goal it is what
    reports count: the largest one of a binary goal, the sum of a value, no cap applied, as that is a unit's.
    """
    return Export(reader, experiment, goal, stream=stream, now_us=now_us)


def write_export(
    exported: Export, path: str | os.PathLike[str], progress: Progress = lambda done, of: None
) -> Exported:
    """Writes it as Parquet, whole or not at all; `progress` gets decisions done, and of how many."""
    with replacing(path) as partial, Writer(partial, schema(), exported.says()) as writer:
        for table in exported.pages(progress):
            writer.write(table)
        writer.say(export=asdict(exported.found))
        writer.say(sums=exported.sums.told() | of_texts(writer.told()))
    return exported.found


# Models


@dataclass(frozen=True, slots=True)
class Facts:
    """What a frozen model is."""

    experiment: str
    version: int
    stream: int
    position: int
    """Of the last event that it has learned."""
    digest: str
    variants: tuple[str, ...]
    """Keys by arm."""
    features: tuple[str, ...]
    create_time: int
    """Of the experiment, in Unix microseconds: tells it from one of the same name in another store."""


def model_of(location: str | os.PathLike[str], experiment: str) -> tuple[Policy, Facts]:
    """The newest model of an experiment in a data directory or at a URL, also while it is served."""
    with closing(open_log(os.fspath(location))) as log, log.read() as reader:
        policy, facts, _, _ = _newest(reader, experiment)
    return policy, facts


def save_model(reader: Reader, experiment: str, path: str | os.PathLike[str]) -> Facts:
    """Writes the newest model of an experiment as npz, whole or not at all."""
    policy, facts, row, version = _newest(reader, experiment)
    says = json.dumps({"facts": asdict(facts), "experiment": asdict(row), "version": asdict(version)})
    with replacing(path) as partial:
        state = np.frombuffer(pack(policy.state()), dtype=np.uint8)
        with partial.open("wb") as file:
            np.savez(file, says=np.array(says), state=state)
    return facts


def load_model(path: str | os.PathLike[str]) -> tuple[Policy, Facts]:
    """A policy as it was saved, and what it is. Raises InvalidInput where the file is not what was saved."""
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInput(f"cannot read {path}: {error.strerror or error}", field="model") from None
    try:
        with np.load(io.BytesIO(raw), allow_pickle=False) as arrays:
            says, packed = json.loads(str(arrays["says"])), arrays["state"].tobytes()
        given = {"create_time": says["experiment"]["create_time"], **says["facts"]}
        facts = Facts(**{**given, "variants": tuple(given["variants"]), "features": tuple(given["features"])})
        live = Live.of(ExperimentRow(**says["experiment"]), VersionRow(**says["version"]))
        policy = resumed(live, unpacked(packed, bytes.fromhex(facts.digest), "the model"))
    except Exception as error:
        said = str(error).partition("\n")[0][:200]
        raise InvalidInput(f"{path} is no sound model of `banditcore export --model` ({said})", field="model") from None
    return policy, facts


def _newest(reader: Reader, experiment: str) -> tuple[Policy, Facts, ExperimentRow, VersionRow]:
    version = list(_versions(reader, experiment, None).values())[-1]
    row = next(row for row in reader.experiments() if row.name == experiment)
    live = Live.of(row, version)
    fold = _fold(reader, live)
    facts = Facts(
        experiment=experiment,
        version=live.version,
        stream=live.stream,
        position=fold.position,
        digest=digest(fold.policy.state()).hex(),
        variants=live.keys,
        features=tuple(live.schema.feature_names),
        create_time=row.create_time,
    )
    return fold.policy, facts, row, version


def _fold(reader: Reader, live: Live) -> Fold:
    """The newest snapshot and what came after it."""
    fold = Fold.start(reader, live, up_to=reader.stream_position(live.stream))
    while fold.read(reader, live.stream):
        pass
    return fold
