"""What a unit was like at its first decision: the audiences it belongs to, and the covariates of its goals.

Read back from the encoded context, so that it is what the log holds. Since the first decision comes before anything
was shown, nothing here can be an effect of the policy.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

from banditcore.config import ExperimentSpec
from banditcore.context import ContextSchema
from banditcore.types import Floats

MISSING = "missing"


class Traits:
    """The traits that one definition declares."""

    def __init__(self, spec: ExperimentSpec) -> None:
        schema = ContextSchema(spec.context)
        self.covariates = sorted({goal.covariate for goal in spec.goals if goal.covariate})
        self._first = {attribute.name: schema.column(attribute.name) for attribute in spec.context}
        self._kinds = {attribute.name: attribute for attribute in spec.context}
        self._audiences = spec.audiences

    @property
    def any(self) -> bool:
        """Whether there are any."""
        return bool(self._audiences or self.covariates)

    def read(self, contexts: Floats) -> list[str]:
        """JSON of the traits of each row of (n, d) contexts; see `audience` and `covariate`."""
        words = {name: self._words(contexts, name) for name in self._audiences}
        numbers = {name: self._numbers(contexts, name) for name in self.covariates}
        return [
            json.dumps(
                {
                    "audiences": {name: of[row] for name, of in words.items()},
                    "covariates": {name: of[row] for name, of in numbers.items()},
                },
                ensure_ascii=False,
            )
            for row in range(len(contexts))
        ]

    def _words(self, contexts: Floats, name: str) -> list[str]:
        spec, first = self._kinds[name], self._first[name]
        if spec.type == "category":
            words = (*spec.values, "other", MISSING)
            return [words[index] for index in contexts[:, first : first + len(words)].argmax(axis=1)]
        return [
            MISSING if missing >= 0.5 else "true" if value >= 0.5 else "false"
            for value, missing in contexts[:, first : first + 2].tolist()
        ]

    def _numbers(self, contexts: Floats, name: str) -> list[float | None]:
        """As they are encoded, which is a matter of scale only; None where missing."""
        first = self._first[name]
        return [None if missing >= 0.5 else value for value, missing in contexts[:, first : first + 2].tolist()]


def audience(traits: str, name: str) -> str:
    """The unit's value of an audience attribute; "missing" where nothing is known."""
    return str(_read(traits)["audiences"].get(name, MISSING))


def covariate(traits: str, name: str) -> float | None:
    """The unit's covariate; None where it is missing."""
    value = _read(traits)["covariates"].get(name)
    return None if value is None else float(value)


@lru_cache(maxsize=4_096)
def _read(traits: str) -> dict[str, Any]:
    """Of a page the same few are asked for again and again."""
    found: dict[str, Any] = json.loads(traits) if traits else {"audiences": {}, "covariates": {}}
    return found
