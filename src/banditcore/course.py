"""An experiment over time: its definitions, its streams, and the epochs in which its holdout share stood still."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from banditcore.assignment import id_milliseconds, salt_key, unit_bucket
from banditcore.config import PER_DECISION, ExperimentSpec, GoalSpec
from banditcore.experiments import definition
from banditcore.findings import Epoch
from banditcore.storage.base import VersionRow
from banditcore.storage.tallied import Part, Tallied


@dataclass(frozen=True, slots=True)
class Course:
    """All that tallies and reports need to know of an experiment beside its events."""

    number: int
    """Of its first stream: what tallies know it by."""
    rows: tuple[VersionRow, ...]
    specs: dict[int, ExperimentSpec]
    """By version."""
    arms: dict[int, tuple[str, ...]]
    """Variant keys by arm, by version."""
    epoch_of: dict[int, int]
    """By version."""
    epochs: tuple[Epoch, ...]
    goals: dict[str, GoalSpec]
    """All there ever were, by name: a name always means the same."""
    bucket: Callable[[bytes], int]
    no_choice: dict[int, bytes]
    """The eligible variants of a decision when there are none but the control, by version."""

    @classmethod
    def of(cls, rows: tuple[VersionRow, ...]) -> Course:
        """From all definitions, oldest first."""
        specs = {row.version: definition(row) for row in rows}
        arms: dict[int, tuple[str, ...]] = {row.version: tuple(json.loads(row.arms)) for row in rows}
        epochs: list[Epoch] = []
        epoch_of = {}
        for row in rows:
            share = specs[row.version].holdout
            if not epochs or epochs[-1].holdout != share:
                epochs.append(Epoch(len(epochs) + 1, share, row.time))
            epoch_of[row.version] = len(epochs)
        return cls(
            number=min(row.stream for row in rows),
            rows=rows,
            specs=specs,
            arms=arms,
            epoch_of=epoch_of,
            epochs=tuple(epochs),
            goals={goal.name: goal for spec in specs.values() for goal in spec.goals},
            bucket=unit_bucket(salt_key(specs[rows[0].version].salt)),
            no_choice={version: bytes(key == specs[version].control for key in keys) for version, keys in arms.items()},
        )

    @property
    def spec(self) -> ExperimentSpec:
        """The definition in force."""
        return self.specs[self.rows[-1].version]

    @property
    def streams(self) -> tuple[int, ...]:
        """Oldest first."""
        return tuple(dict.fromkeys(row.stream for row in self.rows))

    def counts(self, row: Tallied, goal: GoalSpec) -> bool:
        """Whether a decision counts for the goal: made while there was the goal, with a choice, and shown in time."""
        closes_us = id_milliseconds(row.id) * 1_000 + round(goal.closes_s * 1e6)
        shown = row.exposed is not None and row.exposed <= closes_us
        return shown and self.specs[row.version].goal(goal.name) is not None and self.chosen(row)

    def chosen(self, row: Tallied) -> bool:
        """Whether something else than the control could be shown: not while frozen. If not, it counts for no goal."""
        return row.eligible is None or row.eligible != self.no_choice[row.version]

    def keys(self, stream: int) -> tuple[str, ...]:
        """Variant keys by arm, of all that the stream ever had."""
        return [self.arms[row.version] for row in self.rows if row.stream == stream][-1]

    def parts(self, goal: GoalSpec) -> tuple[Part, ...]:
        """The rewards that make up a goal's outcome."""
        names = [goal.name]
        if goal.kind == "ratio":
            names = [goal.numerator] + [goal.denominator] * (goal.denominator != PER_DECISION)
        of = [self.goals[name] for name in names]
        return tuple(Part(part.name, part.kind == "binary", part.default) for part in of)
