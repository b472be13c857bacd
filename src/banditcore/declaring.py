"""Declaring experiments, changing them, and stopping them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from banditcore import config, experiments
from banditcore.config import ExperimentSpec
from banditcore.estimators.power import refuse_out_of_reach
from banditcore.inforce import InForce
from banditcore.storage.base import Store
from banditcore.types import Experiment

# Inside the class `list` is the method.
Experiments = list[Experiment]


class Declaring:
    """What an engine does with definitions."""

    _store: Store
    _clock: Callable[[], int]
    _experiments: InForce

    def apply(self, definition: ExperimentSpec) -> Experiment:
        """Declares an experiment or changes it; the same definition again changes nothing.

        Raises InvalidInput for one that cannot serve, NotAllowedNow for a change that would spoil the lift.
        """
        return self.apply_all([definition])[0]

    def apply_toml(self, path: Path | str) -> Experiments:
        """Applies every experiment of a TOML file, or none when one is refused."""
        return self.apply_all(config.load_toml(path))

    def apply_all(self, definitions: Sequence[ExperimentSpec]) -> Experiments:
        """As `apply`, for several definitions together: all or none."""
        for definition in definitions:
            experiments.check(definition)
            refuse_out_of_reach(definition)
        with self._experiments.changing():
            now_us = self._clock()
            applied = self._store.write(
                lambda tx: [experiments.put(tx, definition, now_us) for definition in definitions]
            ).result()
            return [self._experiments.adopt(row, version).describe() for row, version in applied]

    def get(self, name: str) -> Experiment:
        return self._experiments.get(name).describe()

    def list(self) -> Experiments:
        """All experiments by name."""
        return [live.describe() for live in self._experiments.all()]

    def pause(self, name: str) -> Experiment:
        """No more decisions until `resume`; rewards go on counting. Pausing twice changes nothing."""
        return self._set_status(name, "paused")

    def resume(self, name: str) -> Experiment:
        return self._set_status(name, "running")

    def archive(self, name: str) -> Experiment:
        """No more decisions, for good; rewards go on counting."""
        return self._set_status(name, "archived")

    def _set_status(self, name: str, status: str) -> Experiment:
        with self._experiments.changing():
            live = self._experiments.get(name)
            now_us = self._clock()
            # The store decides what changes: the status known here may be that of before a failed commit.
            row = self._store.write(lambda tx: experiments.put_status(tx, name, status, now_us)).result()
            return self._experiments.renew(live, row).describe()
