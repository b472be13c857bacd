"""Posteriors: what is believed about the rewards of the arms, apart from how a policy explores with it."""

from difflib import get_close_matches

from banditcore.errors import InvalidInput
from banditcore.posteriors.base import Posterior
from banditcore.posteriors.hybrid import HybridPosterior
from banditcore.posteriors.linear import LinearPosterior
from banditcore.posteriors.logistic import LogisticPosterior
from banditcore.posteriors.rates import RatesPosterior
from banditcore.posteriors.shared import SharedPosterior

__all__ = [
    "HybridPosterior",
    "LinearPosterior",
    "LogisticPosterior",
    "Posterior",
    "RatesPosterior",
    "SharedPosterior",
    "get_posterior",
    "posterior_names",
]

_KINDS = (LinearPosterior, HybridPosterior, SharedPosterior, LogisticPosterior, RatesPosterior)
_KNOWN: dict[str, type[Posterior]] = {kind.name: kind for kind in _KINDS}


def posterior_names() -> tuple[str, ...]:
    """Names that a policy over any posterior takes as `over`."""
    return tuple(_KNOWN)


def get_posterior(name: object) -> type[Posterior]:
    """The posterior class of that name; InvalidInput with the nearest name if there is none."""
    if isinstance(name, str) and name in _KNOWN:
        return _KNOWN[name]
    near = get_close_matches(str(name), _KNOWN, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(_KNOWN)}."
    raise InvalidInput(f"There is no posterior {name!r}; {hint}", field="over")
