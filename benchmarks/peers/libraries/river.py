"""river: online learning on dicts; its contextual bandit is LinUCB (Thompson sampling there takes no context)."""

from __future__ import annotations

from river.bandit import LinUCBDisjoint

from benchmarks.peers.peer import Floats, Peer

REQUIRES = ("river==0.26.1",)


class LinUCB(Peer):
    library = "river"
    policy = "LinUCBDisjoint"
    family = "LinUCB"
    returns = "arm only"
    note = "No probability. The width includes the noise, sqrt(1 + x'A^-1 x), and has no factor to set."

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        self._policy = LinUCBDisjoint(alpha=1.0, beta=1.0, seed=1)
        self._arms = list(range(arms))
        self._names = [f"x{feature}" for feature in range(features)]

    def row(self, context: Floats) -> dict[str, float]:
        return dict(zip(self._names, context.tolist(), strict=True))

    def decide(self, row: dict[str, float]) -> int:
        return int(self._policy.pull(self._arms, row))

    def learn(self, row: dict[str, float], lesson: tuple[int, float]) -> None:
        arm, reward = lesson
        self._policy.update(arm, row, reward)


PEERS = (LinUCB,)
