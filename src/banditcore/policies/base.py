"""The contract of a policy: a posterior that learns, and a rule that turns its scores into probabilities."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from banditcore.checks import (
    Arms,
    Mask,
    Seeds,
    check_arms,
    check_contexts,
    check_count,
    check_eligible,
    check_number,
    check_seeds,
    check_vector,
)
from banditcore.errors import InvalidInput
from banditcore.kernels import LIMIT
from banditcore.kernels.models import Model
from banditcore.kernels.steppers import PolicyStepper, Stepper
from banditcore.posteriors.base import Posterior, State
from banditcore.posteriors.nothing import NoPosterior
from banditcore.types import Floats

FORMAT = 2

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

    A subclass sets `name`, hands a posterior to `__init__`, stores its own parameters as attributes named in
    `params`, and writes `_propensities_into`: the rule. Nothing else needs an edit.
    """

    name: ClassVar[str]
    """Public name; defining a class with a name registers it."""
    posterior_class: ClassVar[type[Posterior]] = NoPosterior
    params: ClassVar[tuple[str, ...]] = ()
    """The rule's own keyword arguments besides `floor`, each kept as an attribute of the same name."""
    serving_params: ClassVar[frozenset[str]] = frozenset()
    """Those parameters that change decisions but not what is learned; `floor` always is one besides."""
    per_arm_params: ClassVar[frozenset[str]] = frozenset()
    """Those that speak of arms by their index, so that variants must not come and go beside them."""
    deterministic: bool = False
    """True where the rule itself never randomises: without a floor such logs cannot be evaluated."""
    monte_carlo: bool = False
    """True where vectors are estimated from random numbers: they then depend on `seeds`, and need a floor too."""
    method: str = "closed form"
    """How vectors are computed, for those who read a log; `certificate` says how well."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in cls.__dict__:
            taken = registered.get(cls.name)
            if taken is not None and taken.__module__ != cls.__module__:
                raise TypeError(f"{taken.__module__} has a policy named {cls.name!r} already: choose another name")
            registered[cls.name] = cls

    def __reduce__(self) -> tuple[Any, ...]:
        """Copies and processes of one's own get the state, not the memory; nothing is ever unpickled from outside."""
        return type(self).from_state, (self.state(),)

    def __init__(self, posterior: Posterior, *, floor: float = 0.02) -> None:
        self.posterior = posterior
        self.floor = check_number(floor, "floor", 0.0, 1.0)
        self.n_arms, self.n_features = posterior.n_arms, posterior.n_features

    @property
    def needs_context(self) -> bool:
        """False where contexts only say how many rows there are; n_features may then be 0."""
        return self.posterior.needs_context

    @property
    def reward_kind(self) -> Literal["any", "unit_interval"]:
        return self.posterior.reward_kind

    @classmethod
    def example_params(cls, n_arms: int, params: Mapping[str, Any]) -> dict[str, Any]:
        """Arguments for `PolicyContract` where n_arms, n_features and `params` alone make none that can learn."""
        return {}

    @classmethod
    def make(cls, n_arms: int, n_features: int, floor: float, params: Mapping[str, Any]) -> Self:
        """`cls(n_arms, n_features, floor=floor, **params)`, whatever parameters the class takes."""
        constructor: Any = cls
        policy: Self = constructor(n_arms, n_features, floor=floor, **params)
        return policy

    @classmethod
    def accepted(cls, params: Mapping[str, Any]) -> dict[str, Any]:
        """Names and defaults of all parameters besides `floor` that may be given beside `params`."""
        return keyword_defaults(cls)

    @classmethod
    def size(cls, n_arms: int, n_features: int, params: Mapping[str, Any]) -> int:
        """Bytes that the state will have, about; asked before one is made."""
        return cls.posterior_class.size(n_arms, n_features, params)

    def parameters(self) -> dict[str, Any]:
        """Arguments that make an equal policy, besides `floor`."""
        own = {key: getattr(self, key) for key in self.params}
        return own | {key: getattr(self.posterior, key) for key in self.posterior.params}

    # What a rule writes; contexts and masks are checked, `out` is (n, K) float64, C-contiguous.

    @abstractmethod
    def _propensities_into(
        self, contexts: Floats, eligible: Mask | None, out: Floats, seeds: Seeds | None
    ) -> float | Floats:
        """Unchecked `propensities`; eligible is None or a C-contiguous (K,) or (n, K) bool array.

        Returns the `certificate`: one number for all rows, or (n,).
        """

    def _changed(self) -> None:  # noqa: B027 - most keep nothing between calls
        """Called after the posterior has changed."""

    def _scores_into(self, contexts: Floats, out: Floats) -> None:
        """Unchecked `scores`; override where the rule ranks by something else than the mean."""
        self.posterior.means(contexts, out)

    def stepper(self, *, per_arm: bool = False) -> Stepper:
        """This policy for a compiled loop, row by row, with the same bytes; it learns what the stepper is taught.

        per_arm: contexts are (K, d). It goes through Python where no kernel has the rule, or a subclass has changed it.
        """
        changed = _owner(type(self), "_propensities_into") not in _owner(type(self), "_stepper_over").__mro__
        model = None if changed else self.posterior.model(per_arm=per_arm)
        compiled = None if model is None else self._stepper_over(model)
        return PolicyStepper(self, per_arm=per_arm) if compiled is None else compiled

    def _stepper_over(self, model: Model) -> Stepper | None:
        """The rule in a kernel, over what the posterior is there; several times faster. None: there is none."""
        return None

    # What a caller uses.

    def scores(self, contexts: npt.ArrayLike) -> Floats:
        """(n, K) what the rule ranks by: the index of LinUCB, the expected reward elsewhere."""
        checked = check_contexts(contexts, self.n_arms, self.n_features)
        out = np.empty((len(checked), self.n_arms))
        self._scores_into(checked, out)
        return out

    def propensities(
        self,
        contexts: npt.ArrayLike,
        eligible: npt.ArrayLike | None = None,
        *,
        seeds: npt.ArrayLike | None = None,
        threads: int = 1,
    ) -> Floats:
        """(n, K) P(arm | context): each row sums to 1 (to 1e-12), ineligible arms are exactly 0.

        eligible: None (all), (K,) for all rows or (n, K) bool; a row without any eligible arm is an error.
        seeds: (n,) integers in 0..2^64-1, used where `monte_carlo` says so. A new one for every decision; without
        any, each row's is made of its context, so the same question gets the same answer.
        threads: rows are shared out among so many; the result is the same.
        """
        if eligible is None and seeds is None and threads == 1:  # the common question, on the shortest way
            checked = check_contexts(contexts, self.n_arms, self.n_features)
            out = np.empty((len(checked), self.n_arms))
            self._propensities_into(checked, None, out, None)
            return out
        return self._vectors(contexts, eligible, seeds, threads)[0]

    def certificate(
        self,
        contexts: npt.ArrayLike,
        eligible: npt.ArrayLike | None = None,
        *,
        seeds: npt.ArrayLike | None = None,
    ) -> Floats:
        """(n,) how far each row of `propensities` may be from the ideal rule, before the floor is added.

        0 for closed forms; |sum - 1| before normalising for quadrature, which bounded the error in every case tried;
        the largest standard error for Monte Carlo. What is drawn from is the vector itself in every case.
        """
        errors = self._vectors(contexts, eligible, seeds, 1)[1]
        rows = len(np.asarray(contexts))
        return np.full(rows, errors) if np.isscalar(errors) else np.asarray(errors)

    def _vectors(
        self, contexts: npt.ArrayLike, eligible: npt.ArrayLike | None, seeds: npt.ArrayLike | None, threads: int
    ) -> tuple[Floats, float | Floats]:
        checked = check_contexts(contexts, self.n_arms, self.n_features)
        rows = len(checked)
        mask = None if eligible is None else check_eligible(eligible, rows, self.n_arms)
        given = None if seeds is None else check_seeds(seeds, rows)
        out = np.empty((rows, self.n_arms))
        if threads != 1 and check_count(threads, "threads", 1) and rows > 1:
            return out, self._share_out(checked, mask, out, given, threads)
        return out, self._propensities_into(checked, mask, out, given)

    def _share_out(self, contexts: Floats, mask: Mask | None, out: Floats, seeds: Seeds | None, threads: int) -> Floats:
        bounds = np.linspace(0, len(contexts), threads + 1).astype(int)
        parts = [slice(low, high) for low, high in pairwise(bounds) if low < high]
        errors = np.empty(len(contexts))

        def work(part: slice) -> None:
            own = mask[part] if mask is not None and mask.ndim == 2 else mask
            some = None if seeds is None else seeds[part]
            errors[part] = self._propensities_into(contexts[part], own, out[part], some)

        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, parts))
        return errors

    def update(
        self,
        contexts: npt.ArrayLike,
        arms: npt.ArrayLike,
        rewards: npt.ArrayLike,
        propensities: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
    ) -> None:
        """Learns n rows in order: arms (n,) integers 0..K-1, rewards (n,), propensities (n,) of those arms.

        Propensities are part of the contract so that a policy may use them; they must lie in (0, 1].
        times: (n,) seconds, required where there is a half_life; one earlier than a previous counts as no later.
        """
        self.posterior.learn(*self._lessons(contexts, arms, rewards, propensities, times))
        self._changed()

    def warm_start(
        self,
        contexts: npt.ArrayLike,
        arms: npt.ArrayLike,
        rewards: npt.ArrayLike,
        propensities: npt.ArrayLike | None = None,
        times: npt.ArrayLike | None = None,
    ) -> None:
        """`update` for a whole log at once: equal but for rounding, and faster for many rows an arm."""
        self.posterior.learn_at_once(*self._lessons(contexts, arms, rewards, propensities, times))
        self._changed()

    def _lessons(
        self, contexts: Any, arms: Any, rewards: Any, propensities: Any, times: Any
    ) -> tuple[Floats, Arms, Floats, Floats | None]:
        checked = check_contexts(contexts, self.n_arms, self.n_features)
        rows = len(checked)
        which = check_arms(arms, rows, self.n_arms)
        unit = self.posterior.reward_kind == "unit_interval"
        value = check_vector(rewards, "rewards", rows, 0.0 if unit else -LIMIT, 1.0 if unit else LIMIT)
        if propensities is not None:
            check_vector(propensities, "propensities", rows, 5e-324, 1.0)
        return checked, which, value, None if times is None else check_vector(times, "times", rows, -1e12, 1e12)

    def merge(self, state: State) -> None:
        """Adds what another policy of the same kind learned from other rows, starting from the same prior.

        Exact up to rounding for the linear and the rates posterior; for `logistic` the product of the two
        approximate posteriors. Raises InvalidInput where parameters or sizes differ.
        """
        other = type(self).from_state(state)
        if (other.n_arms, other.n_features) != (self.n_arms, self.n_features) or not self._same_learning(other):
            raise InvalidInput(
                "state has other sizes or learning parameters; only equals can be merged.", field="state"
            )
        self.posterior.merge(other.posterior)
        self._changed()

    def _same_learning(self, other: Policy) -> bool:
        mine, theirs = self.parameters(), other.parameters()
        return all(np.array_equal(mine[key], theirs[key]) for key in mine if not self.serves_only(key))

    def serves_only(self, key: str) -> bool:
        """Whether the parameter changes decisions but not what is learned."""
        return key in self.serving_params or key in self.posterior.serving_params

    def counts_arms(self, given: Iterable[str]) -> bool:
        """Whether one of the given parameters speaks of arms by their index."""
        return not (self.per_arm_params | self.posterior.per_arm_params).isdisjoint(given)

    def contributions(self, context: Floats) -> Floats | None:
        """(K, d) coefficient * value for one context (d,) or (K, d); None where the score is not linear."""
        return self.posterior.contributions(context)

    def state(self) -> State:
        """Everything needed to go on, as arrays that share no memory with the policy."""
        header: State = {
            "policy": np.array(self.name),
            "format": np.array(FORMAT),
            "n_arms": np.array(self.n_arms),
            "n_features": np.array(self.n_features),
            "floor": np.array(self.floor),
        }
        params: State = {f"{_PARAM}{key}": np.array(value) for key, value in self.parameters().items()}
        return header | params | {key: array.copy() for key, array in self._learned().items()}

    @classmethod
    def from_state(cls, state: State) -> Self:
        """The policy `state()` was taken from; InvalidInput where it is of another policy, format or shape."""
        _check_header(cls, state)
        params = {key.removeprefix(_PARAM): _plain(state[key]) for key in state if key.startswith(_PARAM)}
        try:
            policy = cls.make(int(state["n_arms"]), int(state["n_features"]), float(state["floor"]), params)
        except TypeError:
            raise InvalidInput(f"state holds parameters that {cls.name} does not know.", field="state") from None
        _check_params(state, policy.parameters())
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
        parameters = self.parameters()
        _check_params(state, parameters)
        for key, value in parameters.items():
            theirs = _plain(state[_PARAM + key])
            if key in self.posterior.per_arm_params:
                theirs, value = theirs[:n_arms], value[:n_arms]
            if not (self.serves_only(key) or np.array_equal(theirs, value)):
                raise InvalidInput(f"state was learned with another {key}; start a new model epoch.", field="state")
        self._take(state, n_arms)

    def copy(self) -> Self:
        """An independent policy in the same state, for serving while this one learns."""
        twin = self._fresh()
        theirs = twin._learned() | twin.posterior.derived()
        for key, array in (self._learned() | self.posterior.derived()).items():
            np.copyto(theirs[key], array)
        return twin

    def _fresh(self) -> Self:
        """The same policy at its prior."""
        return self.make(self.n_arms, self.n_features, self.floor, self.parameters())

    def _learned(self) -> State:
        return self.posterior.arrays() | self.posterior.common()

    def _take(self, state: State, n_arms: int) -> None:
        """Checks all learned arrays before it writes the first, with arms beyond `n_arms` at the prior."""
        fresh = self._fresh()._learned()
        per_arm = self.posterior.arrays()
        for key, prior in fresh.items():
            _check_learned(state, key, prior, (n_arms, *prior.shape[1:]) if key in per_arm else prior.shape)
            prior[slice(n_arms) if key in per_arm else ...] = state[key]
        for key, array in self._learned().items():
            np.copyto(array, fresh[key])
        self.posterior.enlarged(n_arms)
        self.posterior.reloaded()
        self._changed()


def _owner(kind: type, name: str) -> type:
    """The class that has it from no other."""
    return next(base for base in kind.__mro__ if name in base.__dict__)


def keyword_defaults(kind: Any) -> dict[str, Any]:
    """Keyword-only arguments of a constructor with their defaults, `floor` left out."""
    parameters = inspect.signature(kind).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY and p.name != "floor"}


_PARAM = "param."


def _check_header(cls: type[Policy], state: State) -> None:
    missing = {"policy", "format", "n_arms", "n_features", "floor"} - state.keys()
    if missing:
        raise InvalidInput(f"state lacks {', '.join(sorted(missing))}.", field="state")
    if not all(isinstance(array, np.ndarray) for array in state.values()):
        raise InvalidInput("state must hold arrays only.", field="state")
    for key, kinds in (("policy", "U"), ("format", "iu"), ("n_arms", "iu"), ("n_features", "iu"), ("floor", "f")):
        if state[key].shape != () or state[key].dtype.kind not in kinds:
            raise InvalidInput(f"state holds {state[key]!r} as {key}.", field="state")
    if str(state["policy"]) != cls.name:
        raise InvalidInput(f"state is of policy {str(state['policy'])!r}, expected {cls.name!r}.", field="state")
    if state["format"] != FORMAT:
        raise InvalidInput(f"state has format {state['format']}, this release reads {FORMAT}.", field="state")


def _plain(array: npt.NDArray[Any]) -> Any:
    return array if array.ndim else array.item()


def _check_params(state: State, parameters: Mapping[str, Any]) -> None:
    for key in parameters:
        if _PARAM + key not in state:
            raise InvalidInput(f"state lacks {_PARAM}{key}.", field="state")


def _check_learned(state: State, key: str, prior: npt.NDArray[Any], expected: tuple[int, ...]) -> None:
    found = state.get(key)
    if found is None or found.shape != expected or found.dtype != prior.dtype:
        seen = "nothing" if found is None else f"{found.dtype} {found.shape}"
        raise InvalidInput(f"state holds {seen} as {key}, expected {prior.dtype} {expected}.", field="state")
    if not np.isfinite(found).all():
        raise InvalidInput(f"state holds numbers in {key} that are not finite.", field="state")
