"""The contract of a policy, and everything about one that does not depend on the rule."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from banditcore.errors import InvalidInput
from banditcore.kernels import LIMIT
from banditcore.policies.checks import (
    Arms,
    Mask,
    check_arms,
    check_contexts,
    check_count,
    check_eligible,
    check_number,
    check_vector,
)
from banditcore.types import Floats

State = dict[str, npt.NDArray[Any]]
FORMAT = 1

registered: dict[str, type[Policy]] = {}


class Policy(ABC):
    """Maps (posterior, context, eligible arms) to a probability vector and learns from rewards.

    `Policy(n_arms, n_features, *, floor=0.02, **params)`: K >= 1 arms, contexts of d numbers. Every vector is
    p = (1 - floor) * rule + floor / (eligible arms) on the eligible arms and exactly 0 elsewhere, so no eligible
    arm ever has less than floor / K; the price is the fraction `floor` of the gain over uniform play.

    Arrays: contexts (n, d), or (n, K, d) where each arm brings its own features; any real dtype and layout,
    read-only too; computed in float64. No hidden intercept: append a constant 1 yourself. Invalid input raises
    InvalidInput naming the field and leaves the state as it was.

    Deterministic: what is learned is a function of the parameters and the rows in order, to the last bit, whether
    rows come one by one, in batches or after a restart from `state()`. A policy is not locked: one thread learns,
    others serve from a `copy()`.

    A subclass sets `name`, stores its parameters as attributes named in `params`, and writes `_scores_into`,
    `_propensities_into`, `_learn` and `_learned`. Nothing else needs an edit.
    """

    name: ClassVar[str]
    """Public name; defining a class with a name registers it."""
    params: ClassVar[tuple[str, ...]] = ()
    """Keyword arguments of the constructor besides `floor`, each kept as an attribute of the same name."""
    serving_params: ClassVar[frozenset[str]] = frozenset()
    """Those `params` that change decisions but not what is learned; `floor` always is one besides."""
    per_arm_params: ClassVar[frozenset[str]] = frozenset()
    """Those `params` that speak of arms by their index, so that variants must not come and go beside them."""
    deterministic: ClassVar[bool] = False
    """True where the rule itself never randomises: without a floor such logs cannot be evaluated."""
    reward_kind: ClassVar[Literal["any", "unit_interval"]] = "any"
    needs_context: ClassVar[bool] = True
    """False where contexts only say how many rows there are; n_features may then be 0."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            registered[cls.name] = cls

    def __init__(self, n_arms: int, n_features: int, *, floor: float = 0.02) -> None:
        self.n_arms = check_count(n_arms, "n_arms", 1)
        self.n_features = check_count(n_features, "n_features", int(self.needs_context))
        self.floor = check_number(floor, "floor", 0.0, 1.0)

    @classmethod
    def example_params(cls) -> dict[str, Any]:
        """Arguments for `PolicyContract` where the constructor needs more than n_arms and n_features."""
        return {}

    # What a rule writes; contexts and masks are checked, `out` is (n, K) float64, C-contiguous.

    @abstractmethod
    def _scores_into(self, contexts: Floats, out: Floats) -> None: ...

    @abstractmethod
    def _propensities_into(self, contexts: Floats, eligible: Mask | None, out: Floats) -> None:
        """Unchecked `propensities`; eligible is None or a C-contiguous (K,) or (n, K) bool array."""

    @abstractmethod
    def _learn(self, contexts: Floats, arms: Arms, rewards: Floats) -> None: ...

    @abstractmethod
    def _learned(self) -> State:
        """The arrays that are learned, arm along axis 0: not copies, so that writing into them loads a state."""

    def _reloaded(self) -> None:  # noqa: B027 - most keep nothing derived
        """Called after arrays of `_learned` were overwritten, for those who keep something derived from them."""

    def contributions(self, context: Floats) -> Floats | None:
        """(K, d) coefficient * value for one context (d,) or (K, d); None where the score is not linear."""
        return None

    # What a caller uses.

    def scores(self, contexts: npt.ArrayLike) -> Floats:
        """(n, K) what the rule ranks by: the index of LinUCB, the posterior mean elsewhere."""
        checked = check_contexts(contexts, self.n_arms, self.n_features)
        out = np.empty((len(checked), self.n_arms))
        self._scores_into(checked, out)
        return out

    def propensities(self, contexts: npt.ArrayLike, eligible: npt.ArrayLike | None = None) -> Floats:
        """(n, K) P(arm | context): each row sums to 1 (to 1e-12), ineligible arms are exactly 0.

        eligible: None (all), (K,) for all rows or (n, K) bool; a row without any eligible arm is an error.
        """
        checked = check_contexts(contexts, self.n_arms, self.n_features)
        mask = None if eligible is None else check_eligible(eligible, len(checked), self.n_arms)
        out = np.empty((len(checked), self.n_arms))
        self._propensities_into(checked, mask, out)
        return out

    def update(
        self,
        contexts: npt.ArrayLike,
        arms: npt.ArrayLike,
        rewards: npt.ArrayLike,
        propensities: npt.ArrayLike | None = None,
    ) -> None:
        """Learns n rows in order: arms (n,) integers 0..K-1, rewards (n,), propensities (n,) of those arms.

        Propensities are part of the contract so that a policy may use them; they must lie in (0, 1].
        """
        checked = check_contexts(contexts, self.n_arms, self.n_features)
        rows = len(checked)
        which = check_arms(arms, rows, self.n_arms)
        unit = self.reward_kind == "unit_interval"
        value = check_vector(rewards, "rewards", rows, 0.0 if unit else -LIMIT, 1.0 if unit else LIMIT)
        if propensities is not None:
            check_vector(propensities, "propensities", rows, 5e-324, 1.0)
        self._learn(checked, which, value)

    def state(self) -> State:
        """Everything needed to go on, as arrays that share no memory with the policy."""
        header: State = {
            "policy": np.array(self.name),
            "format": np.array(FORMAT),
            "n_arms": np.array(self.n_arms),
            "n_features": np.array(self.n_features),
            "floor": np.array(self.floor),
        }
        params: State = {f"param.{key}": np.array(getattr(self, key)) for key in self.params}
        return header | params | {key: array.copy() for key, array in self._learned().items()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The policy `state()` was taken from; InvalidInput where it is of another policy, format or shape."""
        _check_header(cls, state)
        params = {key: _param(state, key) for key in cls.params}
        policy = cls(int(state["n_arms"]), int(state["n_features"]), floor=float(state["floor"]), **params)
        policy._take(state, policy.n_arms)
        return policy

    def resume(self, state: State) -> None:
        """Goes on from the statistics of `state` under the own serving parameters and floor.

        Arms beyond those of `state` stay at the prior, so an arm can be added live; fewer arms than in `state`,
        another context length or another learning parameter (l2) is InvalidInput.
        """
        _check_header(type(self), state)
        n_arms = int(state["n_arms"])
        if n_arms > self.n_arms or int(state["n_features"]) != self.n_features:
            raise InvalidInput(
                f"state has {n_arms} arms and {int(state['n_features'])} features, expected at most {self.n_arms} "
                f"and exactly {self.n_features}.",
                field="state",
            )
        for key in self.params:
            if key not in self.serving_params and not np.array_equal(_param(state, key), getattr(self, key)):
                raise InvalidInput(f"state was learned with another {key}; start a new model epoch.", field="state")
        self._take(state, n_arms)

    def copy(self) -> Self:
        """An independent policy in the same state, for serving while this one learns."""
        twin = type(self)(
            self.n_arms, self.n_features, floor=self.floor, **{key: getattr(self, key) for key in self.params}
        )
        theirs = twin._learned()
        for key, array in self._learned().items():
            np.copyto(theirs[key], array)
        twin._reloaded()
        return twin

    def _take(self, state: State, n_arms: int) -> None:
        """Checks all learned arrays before it writes the first, with arms beyond `n_arms` at the prior."""
        fresh = type(self)(self.n_arms, self.n_features, **{key: getattr(self, key) for key in self.params})._learned()
        for key, prior in fresh.items():
            _check_learned(state, key, prior, n_arms)
            prior[:n_arms] = state[key]
        for key, array in self._learned().items():
            np.copyto(array, fresh[key])
        self._reloaded()


def _check_header(cls: type[Policy], state: State) -> None:
    missing = {"policy", "format", "n_arms", "n_features", "floor"} - state.keys()
    if missing:
        raise InvalidInput(f"state lacks {', '.join(sorted(missing))}.", field="state")
    if str(state["policy"]) != cls.name:
        raise InvalidInput(f"state is of policy {str(state['policy'])!r}, expected {cls.name!r}.", field="state")
    if state["format"].shape != () or state["format"] != FORMAT:
        raise InvalidInput(f"state has format {state['format']}, this release reads {FORMAT}.", field="state")


def _param(state: State, key: str) -> Any:
    array = state.get(f"param.{key}")
    if array is None:
        raise InvalidInput(f"state lacks param.{key}.", field="state")
    return array if array.ndim else array.item()


def _check_learned(state: State, key: str, prior: npt.NDArray[Any], n_arms: int) -> None:
    expected = (n_arms, *prior.shape[1:])
    found = state.get(key)
    if found is None or found.shape != expected or found.dtype != prior.dtype:
        seen = "nothing" if found is None else f"{found.dtype} {found.shape}"
        raise InvalidInput(f"state holds {seen} as {key}, expected {prior.dtype} {expected}.", field="state")
    if not np.isfinite(found).all():
        raise InvalidInput(f"state holds numbers in {key} that are not finite.", field="state")
