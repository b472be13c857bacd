"""The experiments in force as this process knows them: each under its newest definition, with the model that serves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock
from typing import Any

from banditcore.errors import NotAllowedNow, NotFound, StoreUnavailable
from banditcore.experiments import Chance, Live, Model
from banditcore.futures import then
from banditcore.identities import Identities
from banditcore.learner import Learner
from banditcore.merging import Merge, record_merges
from banditcore.offline import MergeResult
from banditcore.storage.base import ExperimentRow, MergeRow, Reader, Store, VersionRow


class InForce:
    """What is in `lives` never changes; a change puts another in its place, with the learner's lock.

    `load` comes first.
    """

    def __init__(
        self, store: Store, report_error: Callable[[str, Exception], None], chance: Chance | None = None
    ) -> None:
        """`chance` takes the place of the hashes of decision ids."""
        self._chance: dict[str, Any] = {} if chance is None else {"draw": chance.draw, "seed": chance.seed}
        self.lives: dict[str, Live] = {}
        self._store, self._report_error = store, report_error
        self._change = Lock()
        self._identities: dict[str, Identities] = {}
        self._merges = 0
        """Number of the last merge of identities that was read from the store."""

    def load(self, learner: Learner) -> None:
        """Takes over what is in the store, with models that `learner` folds."""
        self._learner = learner
        with self._store.read() as reader:
            found = [(row, reader.versions(row.name)[-1]) for row in reader.experiments()]
            self._read_merges(reader)
        for row, version in found:
            try:
                self.adopt(row, version)
            except Exception as error:
                # One experiment that cannot be folded must not keep the others from serving: it answers with
                # the control, degraded, until its log can be read.
                self._report_error(row.name, error)
                self._put(Live.of(row, version))

    def _put(self, live: Live) -> None:
        identities = self._identities.setdefault(live.row.name, Identities())
        self.lives = {**self.lives, live.row.name: replace(live, identities=identities, **self._chance)}

    def all(self) -> list[Live]:
        """By name."""
        return [live for _, live in sorted(self.lives.items())]

    def get(self, name: str) -> Live:
        """Raises NotFound."""
        live = self.lives.get(name)
        if live is None:
            name = str(name)
            known = ", ".join(sorted(self.lives)[:10]) or "none yet: apply a definition first"
            raise NotFound(
                f"experiment {name[:64]!r} does not exist; there is {known}",
                field="experiment",
                reason="EXPERIMENT_NOT_FOUND",
            )
        return live

    def find(self, name: str) -> tuple[Live, NotAllowedNow | None]:
        """The experiment, and why it decides nothing new if it does not."""
        live = self.get(name)
        status = live.row.status
        if status in ("running", "frozen"):
            return live, None
        remedy = "resume it first" if status == "paused" else "declare a new one"
        message = f"experiment {name} is {status}: {remedy}"
        return live, NotAllowedNow(message, field="experiment", reason=f"EXPERIMENT_{status.upper()}")

    def adopt(self, row: ExperimentRow, version: VersionRow) -> Live:
        """Serves by this definition from now on."""
        with self._learner.lock:
            live = self.lives.get(row.name)
            if live is not None and live.version == version.version:
                return self.renew(live, row)
            live = Live.of(row, version)
            self._put(replace(live, model=self._learner.adopt(live)))
            return self.lives[row.name]

    def renew(self, live: Live, row: ExperimentRow) -> Live:
        """Another standing under the definition in force."""
        with self._learner.lock:
            self._put(replace(self.lives[live.row.name], row=row))
            return self.lives[live.row.name]

    def take_standing(self, row: ExperimentRow) -> None:
        """Takes over another standing, which is in the store already."""
        with self._learner.lock:
            live = self.lives[row.name]
            if live.row.version == row.version:
                self.renew(live, row)

    def publish(self, live: Live, model: Model) -> None:
        """Serves from this model. Called with the learner's lock: `live` is what is in force."""
        name = live.row.name
        self.lives = {**self.lives, name: replace(self.lives[name], model=model)}

    def refresh(self) -> None:
        """Takes over what other processes have declared. Called with the learner's lock."""
        with self._store.read() as reader:
            changed = [row for row in reader.experiments() if not self._up_to_date(row)]
            versions = [reader.versions(row.name)[-1] for row in changed]
            self._read_merges(reader)
        for row, version in zip(changed, versions, strict=True):
            self.adopt(row, version)

    def _read_merges(self, reader: Reader) -> None:
        rows = reader.merges_after(self._merges)
        self._take_over(rows)
        if rows:
            self._merges = rows[-1].number

    def _take_over(self, rows: Sequence[MergeRow]) -> None:
        for row in rows:
            self._identities.setdefault(row.experiment, Identities()).add(row.unit, row.target)

    def merge(self, live: Live, merges: Sequence[Merge], now_us: int) -> Future[list[MergeResult]]:
        """Merges identities, and decides by that as soon as it is durable."""
        written = self._store.write(lambda tx: record_merges(tx, live.spec.name, merges, now_us))
        written.add_done_callback(self._look_again)
        return then(written, self._merged)

    def _merged(self, made: tuple[list[MergeResult], list[MergeRow]]) -> list[MergeResult]:
        results, rows = made
        self._take_over(rows)
        return results

    def _look_again(self, done: Future[Any]) -> None:
        if done.exception() is not None:
            self._learner.unsure = True

    def _up_to_date(self, row: ExperimentRow) -> bool:
        live = self.lives.get(row.name)
        return live is not None and live.row == row and live.version == row.version

    @contextmanager
    def changing(self) -> Iterator[None]:
        """One change at a time; after one of unknown outcome the learner's next turn looks what is stored."""
        with self._change:
            try:
                yield
            except StoreUnavailable:
                self._learner.unsure = True
                raise
