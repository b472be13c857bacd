"""Open Bandit Pipeline on the same arrays, run by the Python of a venv of its own: it pins an old NumPy.

`obp` itself does not install on Python 3.11; `sb-obp` is the same code kept installable.
"""

from __future__ import annotations

import json
import sys
from time import process_time
from typing import Any

import numpy as np

ARMS = 10
BOOTSTRAPS = 100
"""Repeats of its intervals here; it does 10,000 unless told otherwise."""
REPEATS = 3


def arrays(rows: int) -> dict[str, Any]:
    """A log of a known q: what both sides get."""
    g = np.random.default_rng(1)
    at = np.arange(rows)
    q, target = g.random((rows, ARMS)), np.full((rows, ARMS), 0.02 / ARMS)
    target[at, q.argmax(axis=1)] += 0.98
    logged = np.full((rows, ARMS), 0.5 / (ARMS - 1))
    logged[at, g.integers(0, ARMS, rows)] = 0.5
    arms = np.minimum((logged.cumsum(axis=1) <= g.random((rows, 1))).sum(axis=1), ARMS - 1)
    rewards = (g.random(rows) < q[at, arms]).astype(np.float64)
    return {"arms": arms, "rewards": rewards, "propensity": logged[at, arms], "target": target, "q": q}


def main(rows: int) -> None:
    from obp.ope import (  # type: ignore[import-not-found,unused-ignore]
        DoublyRobust,
        InverseProbabilityWeighting,
        OffPolicyEvaluation,
        SelfNormalizedInverseProbabilityWeighting,
    )

    made = arrays(rows)
    feedback = {
        "n_rounds": rows,
        "n_actions": ARMS,
        "action": made["arms"],
        "reward": made["rewards"],
        "position": np.zeros(rows, dtype=int),
        "pscore": made["propensity"],
        "context": np.ones((rows, 1)),
    }
    estimators = [InverseProbabilityWeighting(), SelfNormalizedInverseProbabilityWeighting(), DoublyRobust()]
    ope = OffPolicyEvaluation(bandit_feedback=feedback, ope_estimators=estimators)
    asked = {"action_dist": made["target"][:, :, None], "estimated_rewards_by_reg_model": made["q"][:, :, None]}
    times = []
    for _ in range(REPEATS):
        start = process_time()
        values = ope.estimate_policy_values(**asked)
        times.append(process_time() - start)
    start = process_time()
    ope.estimate_intervals(n_bootstrap_samples=BOOTSTRAPS, **asked)
    intervals = process_time() - start
    found = {"point_ns": min(times) / rows * 1e9, "intervals_ns": intervals / rows * 1e9}
    names = zip(("ips", "snips", "dr"), values.values(), strict=True)
    print(json.dumps(found | {name: float(value) for name, value in names}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
