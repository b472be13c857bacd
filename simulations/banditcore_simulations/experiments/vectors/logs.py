"""What is drawn against what is logged: the vector itself, and what could be logged in its place."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import softmax
from scipy.stats import chi2, kstest

from banditcore.kernels import draw_many
from banditcore.policies import BetaTS, LinearTS, LogisticTS
from banditcore.types import Floats
from banditcore_simulations.lab.checking import standard_error
from banditcore_simulations.lab.sweep import Record
from banditcore_simulations.play.run import BINS

ARMS, D = 10, 6
DRAWS = 50_000
"""From the vector of each context."""
WEIGHED = 2_000
"""Draws from each whose inverse propensities are averaged."""
SHOWS = 1e-3
"""A context shows that the log is wrong where its p-value is below this."""
Counts = npt.NDArray[np.int64]
Taught = LinearTS | LogisticTS | BetaTS
POLICIES: dict[str, type[Taught]] = {policy.name: policy for policy in (LinearTS, LogisticTS, BetaTS)}


def taught(policy: Taught, contexts: int) -> Floats:
    """Teaches 400 rows; (contexts, D) to decide in.

    Always the same ones: how well a wrong log can be told hangs on how many arms are hardly ever played.
    """
    g = np.random.default_rng(11)
    x, a = g.standard_normal((400, D)), g.integers(0, ARMS, 400)
    signal = x[:, 0] * (a - 4.5) / 10.0 + g.standard_normal(400)
    policy.update(x, a, signal if policy.reward_kind == "any" else (signal > 1.0).astype(float))
    return g.standard_normal((contexts, D))


def p_values(counts: Counts, logged: Floats) -> Floats:
    """Chi-square of (contexts, arms) counts against the logged vectors."""
    return np.array([chi_square(*pair) for pair in zip(counts, logged, strict=True)])


def chi_square(counts: Counts, claimed: Floats) -> float:
    """p-value; arms of which fewer than 5 are expected are counted together."""
    found, expected = counts.astype(np.float64), counts.sum() * claimed
    rare = expected < 5.0
    if rare.any():
        found, expected = (np.append(v[~rare], v[rare].sum()) for v in (found, expected))
        found, expected = found[expected > 0.0], expected[expected > 0.0]
    return float(chi2.sf(((found - expected) ** 2 / expected).sum(), len(found) - 1))


def drawn(law: Floats, g: np.random.Generator) -> Counts:
    """(contexts, arms) counts of `DRAWS` arms from each vector."""
    return np.array(
        [np.bincount(draw_many(np.repeat(p[None], DRAWS, axis=0), g.random(DRAWS)), minlength=len(p)) for p in law]
    )


def bins(counts: Counts, claimed: Floats) -> list[float]:
    """As a run's `calibration`, of all arms of all contexts."""
    at = np.minimum((claimed.ravel() * BINS).astype(np.intp), BINS - 1)
    draws = np.full(claimed.size, float(DRAWS))
    columns = [np.bincount(at, by, BINS) for by in (draws, draws * claimed.ravel(), counts.ravel())]
    return [float(value) for value in np.stack(columns, axis=1).ravel()]


def weighed(law: Floats, logged: Floats, seed: int) -> Record:
    """What inverse propensities of the log average to: off: mean(1 / q_a) - K, in standard errors; value: of always
    playing arm 0 where it always earns 1; value off: less 1.
    """
    p, q = np.repeat(law, WEIGHED, axis=0), np.repeat(logged, WEIGHED, axis=0)
    arms = draw_many(p, np.random.default_rng([14, seed]).random(len(p)))
    inverse = 1.0 / q[np.arange(len(q)), arms]
    value = float((inverse * (arms == 0)).mean())
    return {"off": (inverse.mean() - law.shape[1]) / standard_error(inverse), "value": value, "value off": value - 1.0}


def itself(seed: int, *, contexts: int) -> Record:
    """The vector is logged."""
    policy = LinearTS(ARMS, D)
    p = policy.propensities(taught(policy, contexts))
    counts = drawn(p, np.random.default_rng([12, seed]))
    found = p_values(counts, p)
    # Of all draws: its standard error is .0045; of 2,000 a context it would be .023, more than the bar.
    value = (counts[:, 0] / p[:, 0]).sum() / counts.sum()
    return {
        "off": weighed(p, p, seed)["off"],
        "value": value,
        "value off": value - 1.0,
        "least p": found.min(),
        "uniform p": kstest(found, "uniform").pvalue,
        "shown": (found < SHOWS).mean(),
        "calibration": bins(counts, p),
    }


def corrupted(seed: int, *, contexts: int) -> Record:
    """.5 % of exploration is played and not logged, by a policy without a floor.

    Under a floor of 2 % the same mixture moves no probability by much and is found in 29 %: there it is harmless.
    """
    policy = LinearTS(ARMS, D, floor=0.0)
    p = policy.propensities(taught(policy, contexts))
    g = np.random.default_rng([13, seed])
    found = p_values(drawn(0.995 * p + 0.005 / ARMS, g), p)
    return {"shown": (found < SHOWS).mean(), "shown without": (p_values(drawn(p, g), p) < SHOWS).mean()}


def softmax_of_scores(seed: int, *, contexts: int) -> Record:
    """Thompson sampling is played, a softmax of its scores is logged, at the temperature that fits best."""
    policy = LinearTS(ARMS, D)
    x = taught(policy, contexts)
    p, scores = policy.propensities(x), policy.scores(x)
    logs = [softmax(scores / t, axis=1) for t in np.geomspace(0.01, 100.0, 81)]
    q = min(logs, key=lambda q: -float((p * np.log(q)).sum()))
    counts = drawn(p, np.random.default_rng([17, seed]))
    return {**weighed(p, q, seed), "shown": (p_values(counts, q) < SHOWS).mean(), "calibration": bins(counts, q)}


def wins_counted(seed: int, *, contexts: int) -> Record:
    """The log counts the wins of 1,000 joint draws: arms that are played are logged as never played."""
    policy = LinearTS(ARMS, D, floor=0.0)
    p = policy.propensities(taught(policy, contexts))
    wins = np.random.default_rng([15, seed]).multinomial(1_000, p) / 1_000
    counts = drawn(p, np.random.default_rng([18, seed]))
    return {
        "error": np.abs(wins - p).max(),
        "denied": (p * (wins == 0.0)).sum(axis=1).mean(),
        "shown": (p_values(counts, np.maximum(wins, 1e-12)) < SHOWS).mean(),
    }


def parameters(seed: int, *, policy: str, contexts: int, draws: int) -> Record:
    """Vectors against Thompson sampling as it is defined, straight from the saved sums.

    Draws of parameters are shared by the contexts, which makes their p-values alike, not smaller.
    """
    made = POLICIES[policy](ARMS, D, floor=0.0)
    x = taught(made, contexts)
    counts = posterior_draws(made, x, draws, np.random.default_rng([16, seed]))
    return {"least p": p_values(counts, made.propensities(x)).min()}


def posterior_draws(policy: Taught, contexts: Floats, draws: int, g: np.random.Generator) -> Counts:
    """(contexts, arms) counts: draw all parameters, play the best."""
    if isinstance(policy, BetaTS):
        a, b = policy.posterior.shapes()
        best = [g.beta(a, b, (draws, ARMS)).argmax(axis=1) for _ in contexts]
    else:
        theta = weights(policy, draws, g)
        best = [(theta @ x).argmax(axis=0) for x in contexts]
    return np.array([np.bincount(arms, minlength=ARMS) for arms in best])


def weights(policy: LinearTS | LogisticTS, draws: int, g: np.random.Generator) -> Floats:
    """(arms, draws, D) from the posterior."""
    state, variance = policy.state(), policy.noise_variance if isinstance(policy, LinearTS) else 1.0
    theta = np.empty((ARMS, draws, D))
    for k in range(ARMS):
        covariance = variance * np.linalg.inv(state["A"][k])
        theta[k] = g.multivariate_normal(np.linalg.solve(state["A"][k], state["b"][k]), covariance, draws)
    return theta
