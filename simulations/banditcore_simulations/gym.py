"""Worlds for agents of Gymnasium: one visit a step, the same visits and luck as `play` in kernel mode."""

from __future__ import annotations

from typing import Any, SupportsFloat

import numpy as np

from banditcore.checks import check_count
from banditcore.errors import InvalidInput
from banditcore_simulations.play.chance import Chance, give
from banditcore_simulations.play.problems import faults
from banditcore_simulations.worlds import World, make_world

try:
    import gymnasium
    from gymnasium import spaces
except ImportError as error:
    raise InvalidInput(
        f"BanditEnv needs Gymnasium ({error}): pip install 'banditcore[gymnasium,offline]'", field="gymnasium"
    ) from None

AHEAD = 256
"""Visits whose chance is drawn at a time."""


class BanditEnv(gymnasium.Env[np.ndarray[Any, np.dtype[np.float64]], np.int64]):
    """Observation: the context, Box (d,) or (K, d). Action: an arm, Discrete(K). Reward: the first goal, when it is
    played, however late `World.window` would let policies know.

    An episode never terminates and is truncated after `events` visits. `info` of a visit has `eligible` (K,) int8, also
    the mask that `Discrete.sample` takes, `means` (K,), what each arm earns on average here, and `unit`; after a step
    also what came of the arm: `regret`, its expected loss against the optimal policy, `outcomes` (goals,) and `delay`,
    seconds. An ineligible arm is refused.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own name and form

    def __init__(self, world: World | str, seed: int = 0, events: int = 10_000) -> None:
        """world: or its text as for `make_world`, which makes it anew for the seed of every `reset(seed=..)`."""
        self._text = world if isinstance(world, str) else None
        self._events = check_count(events, "events", 1)
        self.render_mode = None
        self._seed = check_count(seed, "seed", 0)
        self.world = make_world(world, seed) if isinstance(world, str) else world
        self._fit()
        self._step = self._events
        """Visits so far; all of them until `reset`."""

    def _fit(self) -> None:
        event = self.world.event()
        self.observation_space = spaces.Box(-np.inf, np.inf, event.context.shape, np.float64)
        self.action_space = spaces.Discrete(self.world.n_arms)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """The first visit; without a seed the same ones again. A world that is made for the seed may have another
        number of arms, and the spaces change with it."""
        super().reset(seed=seed)
        if seed is not None and seed != self._seed:
            self._seed = seed
            if self._text is not None:
                self.world = make_world(self._text, seed)
                self._fit()
        self._state, self._event = self.world.state(), self.world.event()
        self._visit, self._outcome = self.world.functions()
        self._chance, self._step = Chance(self.world, self._seed), 0
        self._arrive()
        return self._event.context.copy(), self._info()

    def step(self, action: Any) -> tuple[Any, SupportsFloat, bool, bool, dict[str, Any]]:
        """Plays an arm. Raises InvalidInput for one that there is not, and before `reset` or after the last visit."""
        if self._step >= self._events:
            raise InvalidInput("the episode is over or has not begun: call reset()", field="action")
        arm, event = self._checked(action), self._event
        worth = event.means if np.isnan(event.values[0]) else event.values
        top = event.best[0] if not np.isnan(event.best[0]) else worth[event.eligible].max()
        regret = float(top - worth[arm])
        with faults(self.world):
            self._outcome(self._state, event, arm)
        came = {"regret": regret, "outcomes": event.outcomes.copy(), "delay": float(event.delay[0])}
        self._step += 1
        reward, over = float(event.outcomes[0]), self._step >= self._events
        if not over:
            self._arrive()
        return event.context.copy(), reward, False, over, self._info() | came

    def _checked(self, action: Any) -> int:
        if not self.action_space.contains(action):
            raise InvalidInput(f"action must be an arm in 0..{self.world.n_arms - 1}, found {action!r}", field="action")
        if not self._event.eligible[action]:
            raise InvalidInput(f"arm {action} is not eligible at this visit: see info['eligible']", field="action")
        return int(action)

    def _arrive(self) -> None:
        at = self._step % AHEAD
        if at == 0:
            self._chances = self._chance.next(AHEAD)
        give(self.world, self._event, self._step, self._chances, at)
        with faults(self.world):
            self._visit(self._state, self._event)

    def _info(self) -> dict[str, Any]:
        event = self._event
        return {
            "eligible": event.eligible.astype(np.int8),
            "means": event.means.copy(),
            "unit": int(event.unit[0]),
        }
