"""Prints two digests a policy, of what it learns and of what it decides; `compare.py` runs it on several machines.

Its argument is where the package must lie, so that no other one is digested by mistake. Inputs are made without a
maths library, of integers and products only, so that nothing but the package can differ.
"""

import sys
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any

import numpy as np

import banditcore
from banditcore.policies import Policy, get_policy, policy_names
from banditcore.posteriors import LinearPosterior, posterior_names
from banditcore.posteriors.evidence import log_evidence

SIZES = [(2, 3), (10, 33), (40, 16), (300, 3)]
LEARNED, ASKED = 320, 11  # past the first tuning of l2 = "auto"; one tile of contexts and some single ones
DAY = 86400.0
CASES: list[tuple[str, dict[str, Any]]] = [
    *((name, {}) for name in policy_names()),
    *(
        (name, {"over": posterior, **fading})
        for name in ("epsilon_greedy", "square_cb")
        for posterior in posterior_names()
        for fading in ({}, {"half_life": DAY})
    ),
    ("hybrid_lin_ucb", {"n_shared": 2, "half_life": DAY}),
    ("lin_ucb", {"l2": "auto"}),
    ("lin_ucb", {"l2": 0.3, "half_life": DAY, "mature_after": 3}),
    ("linear_ts", {"l2": "auto", "mature_after": 3}),
    ("linear_ts", {"half_life": DAY}),
    # glibc rounds the logarithm of this rate's odds and the square of this width as the CPU has fused multiply-add
    ("logistic_ts", {"base_rate": 0.11400854883885314, "half_life": DAY, "mature_after": 3}),
    ("shared_linear_ts", {"exploration": 0.5655414498906663, "vector": "marginal", "half_life": DAY}),
]


def numbers(g: np.random.Generator, *shape: int) -> Any:
    """In [-1, 1) with all their bits, an eighth of them 0: contexts are often sparse."""
    return (2.0 * g.random(shape) - 1.0) * (g.integers(0, 8, shape) > 0)


def make(name: str, n_arms: int, n_features: int, params: dict[str, Any]) -> Policy:
    kind = get_policy(name)
    example = kind.example_params(n_arms, params)
    if "arm_features" in example:  # sines
        example["arm_features"] = numbers(np.random.default_rng(1), n_arms, 2)
    return kind.make(n_arms, n_features, 0.02, example | params)


def teach(policy: Policy, g: np.random.Generator, contexts: Any, start: float) -> None:
    """The last arm is never seen, and time passes three times: fading makes every factor afresh."""
    rows = len(contexts)
    thirds = g.integers(0, 4, rows) / 3.0
    rewards = thirds if policy.reward_kind == "unit_interval" else thirds + numbers(g, rows)
    times = start + 0.3 * DAY * (np.arange(rows) * 4 // rows)
    policy.update(contexts, g.integers(0, policy.n_arms - 1, rows), rewards, times=times)


def answers(policy: Policy, g: np.random.Generator, contexts: Any) -> Iterator[Any]:
    masks = g.random((len(contexts), policy.n_arms)) < 0.6
    masks[:, 0] = True
    for mask in (None, masks[0], masks):
        yield policy.propensities(contexts, mask)
    for row in range(3):
        yield policy.propensities(contexts[row : row + 1], masks[row])
    yield policy.scores(contexts)
    yield policy.certificate(contexts)
    if isinstance(policy.posterior, LinearPosterior):
        yield log_evidence(policy.posterior.kernel)


def main(tree: str) -> None:
    assert banditcore.__file__.startswith(tree), f"{banditcore.__file__} instead of {tree}"
    for name, params in CASES:
        state, vectors = blake2b(digest_size=16), blake2b(digest_size=16)
        for n_arms, n_features in SIZES[: 2 if name == "beta_ts" else None]:  # slow, and free to differ
            g = np.random.default_rng(n_arms)
            policy = make(name, n_arms, n_features, params)
            for start, shape in ((0.0, (n_features,)), (2.0 * DAY, (n_arms, n_features))):
                teach(policy, g, numbers(g, LEARNED if start == 0.0 else ASKED, *shape), start)
                for key, array in sorted(policy.state().items()):
                    state.update(key.encode() + array.tobytes())
                for answer in answers(policy, g, numbers(g, ASKED, *shape)):
                    vectors.update(answer.tobytes())
        label = ",".join([name, *(f"{key}={value}" for key, value in params.items())])
        print(f"{label} state {state.hexdigest()}\n{label} vectors {vectors.hexdigest()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
