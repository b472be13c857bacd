"""Each kernel beside its NumPy twin, K = 10 arms, d = 20: read the ratios, not the microseconds.

Run: pytest tests/bench/test_kernels.py --benchmark-group-by=group --benchmark-columns=median,iqr
Budgets: decide 3 us, linear Thompson vector 12 us, learn a row 2 us, batch 1 us a decision.
"""

import numpy as np
import pytest

from banditcore.kernels import LinearArms, beta_argmax, draw, reference
from banditcore.policies import LinearTS, LinUCB

K, D = 10, 20
G = np.random.default_rng(0)
X, ARMS, REWARDS = G.standard_normal((4000, D)), G.integers(0, K, 4000), G.random(4000)
ROW, ARM, REWARD = X[:1].copy(), ARMS[:1].copy(), REWARDS[:1].copy()
ALL = np.ones((1, K), dtype=bool)


def taught(policy):
    policy.update(X, ARMS, REWARDS)
    return policy


@pytest.fixture(scope="module")
def twin():
    pairs = [reference.ridge(X[k == ARMS], REWARDS[k == ARMS], 1.0) for k in range(K)]
    return np.array([A for A, _ in pairs]), np.array([b for _, b in pairs])


@pytest.mark.benchmark(group="decide: scores + vector + draw")
def test_decide(benchmark):
    policy = taught(LinUCB(K, D))
    benchmark(lambda: draw(policy.propensities(ROW)[0], 0.5))


@pytest.mark.benchmark(group="decide: scores + vector + draw")
def test_decide_twin(benchmark, twin):
    def decide():
        scores = reference.indices(*twin, ROW, 1.0)
        return reference.draw(reference.add_floor(reference.best_of(scores, ALL), ALL, 0.02)[0], 0.5)

    benchmark(decide)


@pytest.mark.benchmark(group="linear Thompson vector")
def test_thompson(benchmark):
    policy = taught(LinearTS(K, D))
    benchmark(lambda: policy.propensities(ROW))


@pytest.mark.benchmark(group="linear Thompson vector")
def test_thompson_twin(benchmark, twin):
    def vector():
        mu = reference.indices(*twin, ROW, 0.0)[0]
        sd = 0.3 * (reference.indices(*twin, ROW, 1.0)[0] - mu)
        return reference.gaussian_argmax(mu, sd)

    benchmark(vector)


@pytest.mark.benchmark(group="learn one row")
def test_learn(benchmark):
    policy = taught(LinUCB(K, D))
    benchmark(lambda: policy.update(ROW, ARM, REWARD))


@pytest.mark.benchmark(group="learn one row")
def test_learn_twin(benchmark):
    state = LinearArms(1, D, 1.0)
    S, A, b = state.S[0].copy(), state.A[0].copy(), state.b[0].copy()

    def learn():
        nonlocal S, A, b
        S, A, b = reference.absorb(S, ROW[0]), A + np.outer(ROW[0], ROW[0]), b + REWARD[0] * ROW[0]
        return S @ (S.T @ b)

    benchmark(learn)


@pytest.mark.benchmark(group="Beta vector")
def test_beta(benchmark):
    a, b = 1.0 + np.arange(K) * 5.0, 100.0 + np.arange(K) * 40.0
    benchmark(lambda: beta_argmax(a, b))


@pytest.mark.benchmark(group="Beta vector")
def test_beta_twin(benchmark):
    a, b = 1.0 + np.arange(K) * 5.0, 100.0 + np.arange(K) * 40.0
    benchmark(lambda: reference.beta_argmax(a, b))


@pytest.mark.benchmark(group="LinUCB, batch of 1000")
def test_batch(benchmark):
    policy, batch = taught(LinUCB(K, D)), X[:1000].copy()
    benchmark(lambda: policy.propensities(batch))


@pytest.mark.benchmark(group="LinUCB, batch of 1000")
def test_batch_twin(benchmark, twin):
    mask = np.ones((1000, K), dtype=bool)

    def batch():
        return reference.add_floor(reference.best_of(reference.indices(*twin, X[:1000], 1.0), mask), mask, 0.02)

    benchmark(batch)
