"""A policy in a world: `play` says what it costs against the optimal policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib import import_module
from typing import Literal, cast, get_args

from banditcore.checks import check_count, check_number
from banditcore.errors import InvalidInput
from banditcore.policies import Policy
from banditcore_simulations.play.happened import Happened
from banditcore_simulations.play.looking import LinearLoss, Looked, linear_loss, look
from banditcore_simulations.play.run import Run, summed
from banditcore_simulations.worlds import World, make_policy, make_world

__all__ = ["Happened", "LinearLoss", "Looked", "Mode", "Run", "linear_loss", "look", "play", "visits"]

Mode = Literal["kernel", "engine", "server"]
MODES = get_args(Mode)
"""Each a module here with `visits`."""


def visits(
    world: World,
    policy: Policy,
    events: int,
    seed: int = 0,
    *,
    mode: Mode = "kernel",
    learn_every: int = 1,
    holdout: float = 0.0,
) -> Iterator[Happened]:
    """What happens visit by visit, in blocks of arrays of their own; the policy has learned from them afterwards.

    mode: "kernel", one compiled loop; "engine", a `DecisionEngine` with ledger, windows and a clock of its own, which
    gives the same arms; "server", a real one in real time. learn_every: visits after which what is known by then is
    learned; holdout: share of customers who always get the control. Raises InvalidInput.
    """
    check_count(events, "events", 1)
    check_count(learn_every, "learn_every", 1)
    check_number(holdout, "holdout", 0.0, 0.9)
    if mode not in MODES:
        raise InvalidInput(f"mode must be one of {', '.join(MODES)}, found {mode!r}", field="mode")
    played = import_module(f"{__name__}.{mode}").visits(
        world, policy, events, seed, learn_every=learn_every, holdout=holdout
    )
    return cast(Iterator[Happened], played)


def play(
    world: World | str,
    policy: Policy | str,
    events: int = 10_000,
    seed: int = 0,
    *,
    mode: Mode = "kernel",
    learn_every: int = 1,
    holdout: float = 0.0,
    points: int = 100,
) -> Run:
    """Plays and adds up. A world or policy by name is made for the seed, as in `linear:arms=5` and `lin_ucb:alpha=2`.

    points: of the curves. The others as in `visits`.
    """
    here = make_world(world, seed) if isinstance(world, str) else world
    label = policy if isinstance(policy, str) else getattr(policy, "name", type(policy).__name__)
    player = make_policy(policy, here) if isinstance(policy, str) else policy
    blocks: Iterable[Happened] = visits(here, player, events, seed, mode=mode, learn_every=learn_every, holdout=holdout)
    return summed(here, blocks, label, seed, events, check_count(points, "points", 1))
