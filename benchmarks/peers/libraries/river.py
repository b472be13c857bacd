"""river: online learning on dicts; its contextual bandit is LinUCB (Thompson sampling there takes no context)."""

from __future__ import annotations

from river.bandit import LinUCBDisjoint, evaluate_offline

from benchmarks.peers.peer import Floats, Peer
from benchmarks.peers.replayer import Replayed, Replayer, Stream

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


class RiverReplay(Replayer):
    library = "river"
    call = "bandit.evaluate_offline"
    note = (
        "Match replay, row by row. No check that the log is uniform, no propensities (`TODO: use inverse propensity "
        "scoring` in its source), one order, no spread."
    )
    events = 10_000

    def __init__(self, stream: Stream) -> None:
        super().__init__(stream)
        arms, names = list(range(stream.arms)), [f"x{feature}" for feature in range(stream.features)]
        rows = zip(stream.contexts.tolist(), stream.decisions.tolist(), stream.rewards.tolist(), strict=True)
        self._history = [(arms, dict(zip(names, x, strict=True)), arm, reward) for x, arm, reward in rows]

    def run(self) -> Replayed:
        total, accepted = evaluate_offline(LinUCBDisjoint(alpha=1.0, beta=1.0, seed=1), self._history)
        return Replayed(accepted, total.get() / accepted)


REPLAYS = (RiverReplay,)
