"""contextualbandits: policies over scikit-learn-like models, with a linear regression of its own in Cython."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from contextualbandits import evaluation, online

from benchmarks.peers.peer import Floats, Ints, Peer
from benchmarks.peers.replayer import Replayed, Replayer

REQUIRES = ("contextualbandits==0.3.30",)


class ContextualBandit(Peer):
    library = "contextualbandits"
    returns = "arm only"
    has_batch = True
    rule: type[online.LinUCB]
    options: ClassVar[dict[str, Any]]

    def __init__(self, arms: int, features: int) -> None:
        super().__init__(arms, features)
        self._policy = self.rule(
            arms, lambda_=1.0, fit_intercept=False, use_float=False, method="sm", random_state=1, **self.options
        )

    def lesson(self, arm: int, reward: float) -> Any:
        return np.array([arm]), np.array([reward])

    def decide(self, row: Floats) -> int:
        return int(self._policy.predict(row)[0])

    def learn(self, row: Floats, lesson: tuple[Ints, Floats]) -> None:
        self._policy.partial_fit(row, *lesson)

    def learn_log(self, contexts: Floats, arms: Ints, rewards: Floats) -> None:
        self._policy.partial_fit(contexts, arms, rewards)

    def decide_many(self, contexts: Floats) -> Any:
        return self._policy.predict(contexts)


class LinUCB(ContextualBandit):
    policy = "LinUCB"
    family = "LinUCB"
    rule = online.LinUCB
    options: ClassVar[dict[str, Any]] = {"alpha": 1.0}
    note = "`output_score` gives the index, not a probability. Documented for rewards of 0 and 1, learns real ones too."


class LinTS(ContextualBandit):
    policy = "LinTS, sample_from=ci"
    family = "Thompson"
    rule = online.LinTS
    options: ClassVar[dict[str, Any]] = {"v_sq": 1.0, "sample_from": "ci"}
    note = (
        "`output_score` gives the sampled score, not a probability. Its default sample_from=coef plays at random (12 % "
        "best arms of 10; scores with a deviation of 65 where the posterior says 0.28), hence `ci`."
    )


PEERS = (LinUCB, LinTS)


class ContextualReplay(Replayer):
    library = "contextualbandits"
    batch: int

    def run(self) -> Replayed:
        stream = self.stream
        policy = online.LinUCB(
            stream.arms, lambda_=1.0, alpha=1.0, fit_intercept=False, use_float=False, method="sm", random_state=1
        )
        mean, accepted = evaluation.evaluateRejectionSampling(
            policy,
            stream.contexts,
            stream.decisions,
            stream.rewards,
            online=True,
            partial_fit=True,
            start_point_online=0,
            batch_size=self.batch,
        )
        return Replayed(accepted, mean)


class RowByRow(ContextualReplay):
    call = "evaluateRejectionSampling, batch_size=1"
    note = (
        "Match replay, row by row, although it is called rejection: no propensities, no check that the log is uniform, "
        "one order, no spread."
    )
    batch = 1
    events = 5_000


class InBatches(ContextualReplay):
    call = "evaluateRejectionSampling, batch_size=10"
    note = "Its default: ten rows are decided by the same model before any of them is learned, which is another policy."
    batch = 10
    events = 20_000


REPLAYS = (RowByRow, InBatches)
