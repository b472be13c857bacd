"""What a log is asked about: policies, one variant always, a column of probabilities, a function, a live model."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from banditcore.bandit_log import BanditLog, Rows, checked_vectors
from banditcore.checks import Mask
from banditcore.errors import InvalidInput
from banditcore.evaluation.columns import Fault, chances_fault, check_column
from banditcore.evaluation.origins import check_features, unseen_since
from banditcore.evaluation.spec import PolicySpec, parse_policy, unknown
from banditcore.policies import Policy, policy_names
from banditcore.posteriors.nothing import NoPosterior
from banditcore.types import Floats

WhatIf = Callable[[Rows], Any]
"""Gets rows and gives the (n, K) probabilities that it would have drawn from."""


class Target(ABC):
    """Maps logged contexts to probabilities. Stays what it is while a log is evaluated, but for its training."""

    label: str
    learns: bool = False
    """Whether it is trained on the first part of the log; known after the start."""
    since: int | None = None
    """It cannot have learned from a row that a model at this position or a later one decided, and may have from all
    others; None for a target that has learned from nothing, or nobody knows from what. Known after the start."""
    doubt: str = ""
    """Why it may be evaluated on the rows it has learned from; empty where it is not. Known after the start."""

    def start(self, log: BanditLog) -> None:  # noqa: B027 - most need nothing
        """Fits itself to the log before the first row. Raises InvalidInput where it cannot answer for it."""

    def check(self, rows: Rows) -> Fault | None:
        """The first row of a page, as it was read, whose columns it cannot use."""
        return None

    def learn(self, rows: Rows) -> None:  # noqa: B027
        """Rows that it is trained on."""

    @abstractmethod
    def propensities(self, rows: Rows) -> Floats:
        """(n, K) vectors; or (n,), its probability of the arm shown, where that is all there is."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        return ()


class PolicyTarget(Target):
    """One of our policies, the very code that serves, trained first where it can learn and frozen then."""

    def __init__(self, spec: PolicySpec) -> None:
        self.label, self._spec = spec.label, spec
        self.policy: Policy

    def start(self, log: BanditLog) -> None:
        head = log.head()
        self.policy = self._spec.make_for(log, head.contexts.shape[-1])
        check_times(self.policy, head.times is not None, self.label)
        self.learns = not isinstance(self.policy.posterior, NoPosterior)

    def learn(self, rows: Rows) -> None:
        try:
            times = rows.times if self.policy.posterior.half_life else None
            self.policy.update(rows.contexts, rows.arms, rows.rewards, times=times)
        except InvalidInput as error:
            raise InvalidInput(f"{self.label} cannot learn this log: {error.message}", field="policy") from None

    def propensities(self, rows: Rows) -> Floats:
        return self.policy.propensities(rows.contexts, rows.eligible)

    @property
    def notes(self) -> tuple[str, ...]:
        if not (self.learns and self.policy.floor):
            return ()
        return (f"{self.policy.floor:.0%} of its decisions are drawn uniformly (its floor)",)


def check_times(policy: Policy, timed: bool, label: str) -> None:
    """Raises InvalidInput where the policy forgets by times, and the log is not `timed`."""
    if policy.posterior.half_life and not timed:
        raise InvalidInput(
            f"{label} cannot learn this log: a half_life needs times, and the log has none", field="policy"
        )


def _check_width(label: str, policy: Policy, log: BanditLog) -> None:
    """Raises InvalidInput where a policy that is trained already knows other contexts than the log's."""
    if policy.needs_context and (d := log.head().contexts.shape[-1]) != policy.n_features:
        raise InvalidInput(f"{label} knows contexts of {policy.n_features} numbers, the log has {d}", field="policy")


def _vectors(policy: Policy, contexts: Floats, eligible: Mask | None) -> Floats:
    """Of a policy that is trained already; one that needs no contexts may have been without any."""
    if not policy.needs_context and contexts.shape[-1] != policy.n_features:
        contexts = np.ones((len(contexts), policy.n_features))
    return policy.propensities(contexts, eligible)


class Ready(Target):
    """A policy as the caller trained it."""

    def __init__(self, policy: Policy, label: str) -> None:
        self.label, self._policy = label, policy.copy()

    def start(self, log: BanditLog) -> None:
        if self._policy.n_arms != log.n_arms:
            raise InvalidInput(
                f"{self.label} plays {self._policy.n_arms} variants, and the log has {log.n_arms}", field="policy"
            )
        _check_width(self.label, self._policy, log)

    @property
    def notes(self) -> tuple[str, ...]:
        if isinstance(self._policy.posterior, NoPosterior):
            return ()
        return (
            "it must not have learned from rows of this log, which nobody checks: on those it looks better than it is",
        )

    def propensities(self, rows: Rows) -> Floats:
        return _vectors(self._policy, rows.contexts, rows.eligible)


class Always(Target):
    """One variant for everybody."""

    def __init__(self, variant: str) -> None:
        self.label, self._variant = f"always:{variant}", variant

    def start(self, log: BanditLog) -> None:
        if self._variant not in log.variants:
            raise unknown("variant of the log", self._variant, log.variants)
        self._vector = np.zeros(log.n_arms)
        self._vector[log.variants.index(self._variant)] = 1.0

    def propensities(self, rows: Rows) -> Floats:
        return np.broadcast_to(self._vector, (len(rows), len(self._vector)))


class Column(Target):
    """Probabilities that were computed elsewhere and came along with the log."""

    def __init__(self, name: str) -> None:
        self.label, self._name = f"column:{name}", name

    def start(self, log: BanditLog) -> None:
        check_column(log, self._name)

    def check(self, rows: Rows) -> Fault | None:
        return chances_fault(rows, self._name)

    def propensities(self, rows: Rows) -> Floats:
        return rows.columns[self._name]


class Logged(Target):
    """What was logged itself: IPS and SNIPS must be the log's own mean."""

    label = "logged"

    def propensities(self, rows: Rows) -> Floats:
        return rows.propensity if rows.propensities is None else rows.propensities


class Function(Target):
    """A function of rows."""

    def __init__(self, function: WhatIf, label: str | None = None) -> None:
        self.label = label or str(getattr(function, "__name__", "function"))
        self._function, self._n_arms = function, 0

    def start(self, log: BanditLog) -> None:
        self._n_arms = log.n_arms

    def propensities(self, rows: Rows) -> Floats:
        try:
            found = self._function(rows)
        except Exception as error:
            raise InvalidInput(f"{self.label} failed: {type(error).__name__}: {error}", field="policy") from error
        shape = np.shape(found)
        if len(shape) != 2 or shape[0] != len(rows):
            raise InvalidInput(f"{self.label} must give one vector a row, found shape {shape}", field="policy")
        if shape[1] != self._n_arms:
            raise InvalidInput(
                f"{self.label} must give one probability a variant: it gives {shape[1]}, and the log has "
                f"{self._n_arms} variants",
                field="policy",
            )
        return checked_vectors(found, len(rows), shape[1], f"what {self.label} gives")


class Imported(Function):
    """A function by its place, `module:function` or `file.py:function`, so that it can go to other processes."""

    def __init__(self, place: str) -> None:
        self._place = place
        super().__init__(_imported(place), f"python:{place}")

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._place,), {"label": self.label, "_n_arms": self._n_arms}


_DOUBT = (
    "this log cannot tell which of its rows the model has learned from, and on those it looks too good: export "
    "the log of its own experiment as Parquet"
)


class Frozen(Target):
    """The model of a live server as it was when it was exported, or as it is now where the server keeps its data."""

    def __init__(self, place: str) -> None:
        self.label, self._place = f"model:{place}", place

    def start(self, log: BanditLog) -> None:
        from banditcore.exporting import load_model, model_of

        location, _, experiment = self._place.rpartition("#")
        self._policy, facts = model_of(location, experiment) if location else load_model(self._place)
        self._position = facts.position
        if missing := set(facts.variants) - set(log.variants):
            raise InvalidInput(f"{self.label} plays {min(missing)!r}, which the log does not know", field="policy")
        self._arms = np.array([log.variants.index(key) for key in facts.variants])
        self._n_arms = log.n_arms
        _check_width(self.label, self._policy, log)
        if self._policy.needs_context:
            check_features(self.label, facts.features, log)
        if not isinstance(self._policy.posterior, NoPosterior):
            self.since = unseen_since(log, facts)
            self.doubt = _DOUBT if self.since is None else ""

    def propensities(self, rows: Rows) -> Floats:
        x = rows.contexts if rows.contexts.ndim == 2 else rows.contexts[:, self._arms]
        found = np.zeros((len(rows), self._n_arms))
        mask = None if rows.eligible is None else rows.eligible[:, self._arms]
        able = np.ones(len(rows), dtype=np.bool_) if mask is None else mask.any(axis=1)
        found[np.ix_(able, self._arms)] = _vectors(self._policy, x[able], None if mask is None else mask[able])
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        return (f"as the model was at position {self._position}",)


class _Kinds:
    """What may stand before the colon besides the name of a policy."""

    by_prefix: ClassVar[dict[str, Callable[[str], Target]]] = {
        "always": Always,
        "column": Column,
        "python": Imported,
        "model": Frozen,
    }


def parse_target(text: str) -> Target:
    """Of `always:VARIANT`, `column:NAME`, `python:MODULE:FUNCTION`, `model:FILE.npz`, `model:DATA#EXPERIMENT`, `logged`
    or a policy with its parameters. Raises InvalidInput.
    """
    prefix, colon, rest = text.partition(":")
    if colon and rest and prefix in _Kinds.by_prefix:
        return _Kinds.by_prefix[prefix](rest)
    if text == Logged.label:
        return Logged()
    if prefix in _Kinds.by_prefix:
        raise InvalidInput(
            f"{text!r} needs something after the colon, see `banditcore evaluate --help`", field="policy"
        )
    if prefix not in policy_names():
        raise unknown("policy", prefix, [*policy_names(), *_Kinds.by_prefix, Logged.label])
    return PolicyTarget(parse_policy(text))


def as_target(given: Target | Policy | str | WhatIf, label: str | None = None) -> Target:
    """Of a text, a policy (taken as it is, so trained by the caller), a function, or a target."""
    if isinstance(given, Target):
        return given
    if isinstance(given, str):
        return parse_target(given)
    if isinstance(given, Policy):
        return Ready(given, label or given.name)
    if callable(given):
        return Function(given, label)
    raise InvalidInput(f"a target must be a text, a policy or a function, found {type(given).__name__}", field="policy")


def _imported(place: str) -> WhatIf:
    module, _, name = place.rpartition(":")
    try:
        found = getattr(_module(module), name)
    except Exception as error:
        raise InvalidInput(f"cannot import {place}: {type(error).__name__}: {error}", field="policy") from None
    if not callable(found):
        raise InvalidInput(f"{place} is no function", field="policy")
    function: WhatIf = found
    return function


def _module(name: str) -> Any:
    if not name.endswith(".py"):
        sys.path.insert(0, "")
        try:
            return importlib.import_module(name)
        finally:
            sys.path.remove("")
    spec = importlib.util.spec_from_file_location(Path(name).stem, name)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
