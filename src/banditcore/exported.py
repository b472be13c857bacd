"""Makes every decision of an exported log again, from the file alone, with the policy that served."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import groupby, islice
from typing import Any

import numpy as np

from banditcore.bandit_log import hash_units
from banditcore.errors import BanditcoreError, InvalidInput
from banditcore.experiments import Live, Model, prior, resumed
from banditcore.exporting import RESOLUTION, described, schema
from banditcore.formats.arrow import numbers, vectors
from banditcore.formats.digests import Sums, of_texts
from banditcore.formats.parquet_columns import PREFIX, check_columns, damaged, metadata, open_parquet, told
from banditcore.learner import PAGE, Behind, Fold, digest
from banditcore.recompute import recompute
from banditcore.storage.base import DecisionRow, ExperimentRow, Lessons, VersionRow
from banditcore.types import Group

_CHUNK = 1_000
_BATCH = 8_192
_LESSON = ("model_position", "arm", "context", *RESOLUTION)
_DECISION = (
    "decision_id",
    "time_us",
    "experiment",
    "version",
    "unit",
    "unit_hash",
    "holdout",
    "arm",
    "variant",
    "propensity",
    "propensities",
    "context",
    "model_position",
    "degraded",
    "certificate",
    "exposed",
)
"""What every decision has; none of it is ever null."""
_OUTCOME = ("reward", "eligible", *RESOLUTION)
_VECTORS = ("propensities", "context", "eligible")
_SAYS: dict[str, type] = {
    "export": dict,
    "model": dict,
    "sums": dict,
    "learned": str,
    "variants": list,
    "features": list,
    "context_shape": list,
    "versions": list,
    "experiment": dict,
}
"""What it must say about itself, and what that is."""
_END = 2**63 - 1


@dataclass(slots=True)
class RecomputedLog:
    """What came of making the decisions of a log again."""

    decisions: int = 0
    identical: int = 0
    """Decisions whose vector is equal to the last bit."""
    equal: int = 0
    """Decisions with the same group, draw and vector, this to the tolerance of an audit, and with a sound outcome."""
    resolutions: int = 0
    """What the policy has learned from on the way."""
    first_difference: str = ""
    """Empty when all is as it was served."""

    def differs(self, words: str) -> None:
        self.first_difference = self.first_difference or words


def recompute_log(
    path: str | os.PathLike[str], progress: Callable[[int, int], None] = lambda done, of: None
) -> RecomputedLog:
    """Folds what the policy has learned and decides again, each decision with the very model that made it.

    In the end the model must be the one the store had. progress: decisions done, and of how many. Raises InvalidInput
    for a file that `banditcore export` did not write, or from which retention has taken what the models learned.
    """
    log = _Log(path)
    found, walk = RecomputedLog(), _Walk(log)
    for version, (first, count) in log.parts.items():
        rows = log.decisions(version, first, count)
        for position, same in groupby(rows, key=lambda row: row.decision.model_position):
            model = walk.to(version, position)
            while chunk := list(islice(same, _CHUNK)):
                _compare(log, version, model, chunk, found)
                progress(found.decisions, log.rows)
    walk.to(max(log.lives), _END)
    found.resolutions = walk.learned
    for words in _in_the_end(log, walk, found):
        found.differs(words)
    return found


def _compare(log: _Log, version: int, model: Model | None, rows: list[_Row], found: RecomputedLog) -> None:
    """Adds some decisions of one model to `found`."""
    found.decisions += len(rows)
    differences = ["its model cannot have been what the log folds to"] * len(rows)
    if model is not None:
        again = recompute(log.lives[version], model, [row.decision for row in rows])
        differences = again.differences
        found.identical += again.identical
    for row, difference in zip(rows, differences, strict=True):
        if words := difference or row.wrong:
            found.differs(f"row {row.number}, decision {row.decision.id.hex()} of version {version}: {words}")
        else:
            found.equal += 1


def _in_the_end(log: _Log, walk: _Walk, found: RecomputedLog) -> Iterator[str]:
    for name in ("decisions", "resolutions"):
        if (has := getattr(found, name)) != log.export[name]:
            yield f"{log.export[name]} {name} were exported, the file holds {has}"
    for name, value in described(log.newest).items():
        if log.says[name] != value:
            yield f"metadata {PREFIX}{name} is not as the newest definition has it"
    content = log.sums.told() | log.digests
    for name in content | log.told_sums:
        if content.get(name) != log.told_sums.get(name):
            what = "metadata" if name.startswith(PREFIX) else "column"
            yield f"{what} {name} is not what was exported: its digest differs"
    if walk.digest() != log.model["digest"]:
        yield f"what the log folds to is not the model of the store at {log.model['position']}"


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    """In the file, from 1."""
    decision: DecisionRow
    wrong: str
    """What does not fit together in it; empty for nothing."""


class _Log:
    """An exported file: its definitions, and where the decisions of each lie."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path
        file = open_parquet(path)
        known = metadata(file)
        self._check(file, known)
        self.says = {key: told(path, known, key, None) for key in _SAYS}
        if wrong := [key for key, kind in _SAYS.items() if not isinstance(self.says[key], kind)]:
            raise InvalidInput(f"{path}: its metadata {PREFIX}{wrong[0]} is damaged: export it anew", field="log")
        self.export, self.model, self._keys = (self.says[key] for key in ("export", "model", "variants"))
        if self.export["deleted"]:
            raise InvalidInput(
                f"{path} cannot be recomputed: retention had deleted {self.export['deleted']} events before it was"
                " exported, and with them what its models had learned; it can still be evaluated",
                field="log",
            )
        self.lives = self._definitions(known)
        self.newest = self.lives[max(self.lives)]
        self.told_sums: dict[str, str] = self.says["sums"]
        self.sums = Sums(schema())
        self.digests = of_texts({key: text for key, text in known.items() if key != f"{PREFIX}sums"})
        """Of what the file says about itself."""
        self.rows = int(file.metadata.num_rows)
        self.parts = self._parts()

    def _check(self, file: Any, known: dict[str, str]) -> None:
        names = file.schema_arrow.names
        absent = [name for name in schema().names if name not in names]
        absent += [key for key in _SAYS if PREFIX + key not in known]
        if absent:
            raise InvalidInput(
                f"{self.path} has no {absent[0]}: only what `banditcore export` wrote can be recomputed", field="log"
            )
        check_columns(self.path, file.schema_arrow)

    def _definitions(self, known: dict[str, str]) -> dict[int, Live]:
        try:
            row = ExperimentRow(**json.loads(known[f"{PREFIX}experiment"]))
            versions = [VersionRow(**version) for version in json.loads(known[f"{PREFIX}versions"])]
            return {version.version: Live.of(row, version) for version in versions}
        except (BanditcoreError, ValueError, TypeError, KeyError):
            raise InvalidInput(f"{self.path}: its definitions are damaged: export it anew", field="log") from None

    def _parts(self) -> dict[int, tuple[int, int]]:
        """version -> (first row from 0, number of rows)."""
        found: dict[int, tuple[int, int]] = {}
        for first, columns in self.batches(["version"], 0, self.rows):
            versions, at, counts = np.unique(numbers(columns["version"]), return_index=True, return_counts=True)
            for version, start, count in zip(versions.tolist(), at.tolist(), counts.tolist(), strict=True):
                begin, before = found.get(int(version), (first + start, 0))
                found[int(version)] = (begin, before + count)
        firsts = [begin for begin, _ in found.values()]
        ends = [begin + count for begin, count in found.values()]
        if not found.keys() <= self.lives.keys() or firsts[1:] != ends[:-1]:
            raise self._disordered()
        return found

    def _disordered(self) -> InvalidInput:
        return InvalidInput(
            f"{self.path}: its rows are not in the order in which `banditcore export` writes them: export it anew",
            field="version",
        )

    def batches(self, names: list[str], first: int, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
        """Columns of `count` rows from `first` on, each batch with the number of its first row, from 0."""
        import pyarrow

        file, begin = open_parquet(self.path), 0
        try:
            for group in range(file.metadata.num_row_groups):
                size = file.metadata.row_group(group).num_rows
                if first < begin + size and begin < first + count:
                    yield from _clipped(file.iter_batches(_BATCH, [group], names, False), begin, first, count)
                begin += size
        except (pyarrow.ArrowException, OSError) as error:
            raise damaged(self.path, error) from None

    def decisions(self, version: int, first: int, count: int) -> Iterator[_Row]:
        """In order of their models."""
        names, last = [*_DECISION, *_OUTCOME], 0
        for start, columns in self.batches(names, first, count):
            rows = self._rows(self.lives[version], columns, start)
            self.sums.add(columns)
            for row in rows:
                if row.decision.model_position < last:
                    raise self._disordered()
                last = row.decision.model_position
            yield from rows

    def _rows(self, live: Live, columns: dict[str, Any], start: int) -> list[_Row]:
        for name in _DECISION:
            if columns[name].null_count:
                raise InvalidInput(f"{self.path}, after row {start}: {name} is null", field=name)
        n_arms, whole = len(live.arms), len(self._keys)
        propensities, uneven = vectors(columns["propensities"], whole)
        contexts, other = vectors(columns["context"], live.schema.n_features)
        if uneven is not None or other is not None:
            raise InvalidInput(f"{self.path}, after row {start}: vectors of different lengths", field="context")
        cells = {name: columns[name].to_pylist() for name in (*_DECISION, *_OUTCOME) if name not in _VECTORS}
        masks, hashes = columns["eligible"].to_pylist(), hash_units(np.array(cells["unit"], dtype=object))
        found = []
        for index in range(len(propensities)):
            cell = {name: values[index] for name, values in cells.items()}
            vector, arm = propensities[index], cell["arm"]
            row = DecisionRow(
                stream=live.stream,
                id=_id(self.path, start + index + 1, cell["decision_id"]),
                position=0,
                version=live.version,
                unit=cell["unit"],
                group=int(Group.HOLDOUT if cell["holdout"] else Group.POLICY),
                arm=arm,
                model_position=cell["model_position"],
                degraded=int(cell["degraded"]),
                time=cell["time_us"],
                context=contexts[index].tobytes(),
                propensities=vector[:n_arms].tobytes(),
                eligible=_eligible(live, masks[index]),
                certificate=cell["certificate"],
            )
            wrong = self._wrong(cell, vector, n_arms, int(hashes[index]))
            found.append(_Row(start + index + 1, row, wrong))
        return found

    def _wrong(self, cell: dict[str, Any], vector: Any, n_arms: int, unit_hash: int) -> str:
        arm, value = cell["arm"], cell["resolution_value"]
        if cell["experiment"] != self.newest.spec.name:
            return f"experiment {cell['experiment'][:64]!r} is not that of the definitions"
        if not 0 <= arm < n_arms or cell["variant"] != self._keys[arm]:
            return f"arm {arm} is not the variant {cell['variant']!r}"
        if vector[n_arms:].any():
            return "a variant that was not there yet has a probability"
        if cell["propensity"] != vector[arm]:
            return f"propensity {cell['propensity']!r} is not the entry {float(vector[arm])!r} of its vector"
        if cell["unit_hash"] != unit_hash:
            return "unit_hash is not that of the unit"
        taught = value is not None and cell["reward"] is not None and self.export["goal"] == self.says["learned"]
        if taught and cell["reward"] != value:
            return f"the reward is {cell['reward']!r}, but the policy learned {value!r}"
        return ""


def _clipped(batches: Iterator[Any], begin: int, first: int, count: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Of batches that begin at row `begin` those of the rows that are wanted."""
    for batch in batches:
        low, high = max(first - begin, 0), min(first + count - begin, batch.num_rows)
        if low < high:
            part = batch.slice(low, high - low)
            yield begin + low, dict(zip(part.schema.names, part.columns, strict=True))
        begin += batch.num_rows


def _id(path: str | os.PathLike[str], row: int, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise InvalidInput(f"{path}, row {row}: decision_id {text[:64]!r} is no id", field="decision_id") from None


def _eligible(live: Live, mask: list[bool] | None) -> bytes | None:
    """As the store has it: None for all that were on offer."""
    offered = np.ones(len(live.arms), dtype=np.bool_) if live.offered is None else live.offered
    found = np.array([True] * len(offered) if mask is None else mask[: len(offered)], dtype=np.bool_)
    return None if np.array_equal(found, offered) else found.tobytes()


class _Walk:
    """Folds what was learned forward, under each definition in turn."""

    def __init__(self, log: _Log) -> None:
        self._log = log
        self._version = min(log.lives)
        self.learned = 0
        self._begin()

    def _begin(self) -> None:
        self._fold = Fold(prior(self._log.lives[self._version]))
        self._lessons = [_Lessons(self._log, first, count) for first, count in self._log.parts.values()]
        self._pending: list[tuple[int, int, float, bytes, int]] = []
        self.learned = 0

    def to(self, version: int, position: int) -> Model | None:
        """The model at a position as a definition has it; None where the definition cannot have known it."""
        if version != self._version:
            self._version = version
            self._fold.policy = resumed(self._log.lives[version], self._fold.policy.state())
        if position < self._fold.position:
            # A definition takes over at another moment in every process of a shared store.
            self._begin()
        try:
            self._learn(position)
        except Behind:
            self._begin()
            return None
        return Model(self._fold.policy, self._fold.position)

    def _learn(self, position: int) -> None:
        # What is learned at a position was decided by an earlier model, so it is read by then.
        for lessons in self._lessons:
            for lesson in lessons.before(position):
                heappush(self._pending, lesson)
        page = []
        while self._pending and self._pending[0][0] <= position:
            page.append(heappop(self._pending))
            if len(page) == PAGE:
                self._fold_in(page)
                page = []
        if page:
            self._fold_in(page)

    def _fold_in(self, page: list[tuple[int, int, float, bytes, int]]) -> None:
        positions, arms, values, contexts, times = zip(*page, strict=True)
        self._fold.learn(Lessons(positions, arms, values, contexts, times))
        self.learned += len(page)

    def digest(self) -> str:
        """Of the model as the newest definition has it."""
        return digest(resumed(self._log.newest, self._fold.policy.state()).state()).hex()


class _Lessons:
    """Resolutions of the decisions of one definition, in order of the models that decided."""

    def __init__(self, log: _Log, first: int, count: int) -> None:
        self._batches = log.batches(list(_LESSON), first, count)
        self._columns: dict[str, Any] = {}
        self._models = np.empty(0)
        self._at = 0

    def before(self, position: int) -> Iterator[tuple[int, int, float, bytes, int]]:
        """Those not given yet whose decisions were made by a model before `position`."""
        while True:
            end = int(np.searchsorted(self._models, position))
            if end > self._at:
                yield from self._some(self._at, end)
                self._at = end
            if end < len(self._models):
                return
            following = next(self._batches, None)
            if following is None:
                return
            self._columns, self._at = following[1], 0
            self._models = numbers(self._columns["model_position"])

    def _some(self, first: int, end: int) -> Iterator[tuple[int, int, float, bytes, int]]:
        part = {name: column.slice(first, end - first) for name, column in self._columns.items()}
        kept = part["resolution_position"].is_valid()
        part = {name: column.filter(kept) for name, column in part.items()}
        contexts = part["context"]
        names = ("resolution_position", "arm", "resolution_value", "resolution_time_us")
        positions, arms, values, times = (part[name].to_pylist() for name in names)
        flat = numbers(contexts.flatten())
        width = len(flat) // len(contexts) if len(contexts) else 0
        for index, (position, arm, value, time) in enumerate(zip(positions, arms, values, times, strict=True)):
            yield position, arm, value, flat[index * width : (index + 1) * width].tobytes(), time
