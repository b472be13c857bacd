"""How close probability vectors are to the law they stand for, and what becomes of a log that holds others."""

import time

import numpy as np
import pytest
from scipy.special import betainc, betaincinv, softmax
from scipy.stats import beta, chi2, kstest

from banditcore.kernels import beta_argmax, draw_many, gaussian_argmax, gaussian_vectors, reference
from banditcore.policies import BetaTS, LinearTS, LogisticTS

ARMS, D = 10, 6


def gaussian_case(g, arms, ratio):
    sd = ratio ** g.random(arms)
    return g.standard_normal(arms) * g.choice([0.0, 0.3, 1.0, 3.0]) * np.median(sd), sd


@pytest.mark.parametrize(("arms", "cases"), [(2, 30), (10, 30), (100, 30), (1000, 4), (10_000, 2)])
def test_gaussian_vectors(arms, cases, full, note):
    """Against panels of 40 nodes, whose own sum is nearer to 1 than the bar by a factor of 100."""
    g = np.random.default_rng(arms)
    errors, certificates, doubts = [], [], []
    for ratio in (1.0, 10.0, 100.0, 1e4) if full or arms < 10_000 else (1.0, 10.0):
        for _ in range(cases if full else -(-cases // 10)):
            mu, sd = gaussian_case(g, arms, ratio)
            p, certificate = gaussian_argmax(mu, sd)
            truth = reference.gaussian_argmax(mu, sd)
            errors.append(np.abs(p - truth).max())
            certificates.append(certificate)
            doubts.append(abs(truth.sum() - 1.0))
    note(f"Gaussian vector, K = {arms}: largest error", np.max(errors), "<= 1e-8")
    note(f"Gaussian vector, K = {arms}: |sum - 1| before normalising", np.max(certificates), "<= 1e-9")
    assert np.max(errors) <= 1e-8 and np.max(certificates) <= 1e-9 and np.max(doubts) <= 1e-10


def beta_by_quantiles(a, b):
    """P(Beta(a_k, b_k) is the largest) by Gauss-Legendre in x between the quantiles of all arms."""
    levels = np.concatenate([10.0 ** -np.arange(16.0, 1.0, -2.0), [0.1, 0.3, 0.5]])
    above = 1.0 - betaincinv(b[:, None], a[:, None], levels)
    cuts = np.concatenate([betaincinv(a[:, None], b[:, None], levels), above], axis=1)
    low, high = cuts[:, 0].max(), cuts.max()
    cuts = np.unique(np.clip(cuts, low, high))
    apart = np.diff(cuts) > 1e-3 * (high - low) / len(cuts)
    cuts = np.append(cuts[:-1][apart], high)
    node, weight = np.polynomial.legendre.leggauss(20)
    half = 0.5 * np.diff(cuts)
    x = ((cuts[:-1] + half)[:, None] + half[:, None] * node).ravel()
    below = np.maximum(betainc(a[:, None], b[:, None], x), 1e-300)
    density = beta.pdf(x, a[:, None], b[:, None])
    return (density / below * below.prod(axis=0)) @ (half[:, None] * weight).ravel()


@pytest.mark.parametrize("arms", [2, 10, 100])
@pytest.mark.parametrize("trials", [1e2, 1e4, 1e6])
def test_beta_vectors(arms, trials, full, note):
    """Against another rule in another variable; every second case has an arm that nobody has seen."""
    g = np.random.default_rng(int(arms + trials))
    errors, doubts = [], []
    for case in range((10 if arms < 100 else 4) if full else (2 if arms < 100 else 1)):
        total, rate = trials * (0.2 + 0.8 * g.random(arms)), g.uniform(0.02, 0.2, arms)
        total[0] *= case % 2
        a, b = 1.0 + total * rate, 1.0 + total * (1.0 - rate)
        truth = beta_by_quantiles(a, b)
        errors.append(np.abs(beta_argmax(a, b)[0] - truth).max())
        doubts.append(abs(truth.sum() - 1.0))
    note(f"Beta vector, K = {arms}, {trials:.0e} trials: largest error", np.max(errors), "<= 1e-9")
    assert np.max(errors) <= 1e-9 and np.max(doubts) <= 1e-9


@pytest.mark.parametrize("arms", [10, 100, 1000])
def test_cost_of_a_vector(arms, note):
    """For the table only: a time is never asserted."""
    g = np.random.default_rng(arms)
    mean, sd = g.standard_normal((50, arms)), 10.0 ** g.random((50, arms))
    out, errors, times = np.empty_like(mean), np.empty(50), []
    for i in range(50):
        row = slice(i, i + 1)
        start = time.perf_counter()
        gaussian_vectors(mean[row], sd[row], None, 0.0, out[row], errors[row])
        times.append(time.perf_counter() - start)
    budget = {10: "50 us", 100: "700 us", 1000: "7000 us"}[arms]
    note(f"cost of a Gaussian vector, K = {arms}, median", f"{1e6 * np.median(times):.1f} us", f"budget {budget}")


# Calibration: what is drawn against what is logged.


def taught(policy, n=400):
    g = np.random.default_rng(11)
    x, a = g.standard_normal((n, D)), g.integers(0, ARMS, n)
    signal = x[:, 0] * (a - 4.5) / 10.0 + g.standard_normal(n)
    policy.update(x, a, signal if policy.reward_kind == "any" else (signal > 1.0).astype(float))
    return policy, g.standard_normal((100, D))


def p_values(law, logged, draws, g):
    """Chi-square of `draws` arms drawn from each row of `law` against the logged row."""
    found = []
    for true, claimed in zip(law, logged, strict=True):
        drawn = draw_many(np.broadcast_to(true, (draws, len(true))).copy(), g.random(draws))
        found.append(chi_square(np.bincount(drawn, minlength=len(true)), claimed))
    return np.array(found)


def chi_square(counts, claimed):
    """p-value; arms of which fewer than 5 are expected are counted together."""
    expected = counts.sum() * claimed
    rare = expected < 5.0
    if rare.any():
        counts, expected = (np.append(v[~rare], v[rare].sum()) for v in (counts, expected))
        counts, expected = counts[expected > 0.0], expected[expected > 0.0]
    return chi2.sf(((counts - expected) ** 2 / expected).sum(), len(counts) - 1)


def test_calibration(note):
    """100 contexts x 50,000 draws. False alarm: 1 % (min p) + 0.1 % (KS)."""
    policy, contexts = taught(LinearTS(ARMS, D))
    p = policy.propensities(contexts)
    found = p_values(p, p, 50_000, np.random.default_rng(12))
    note("calibration, 100 contexts x 50,000 draws: min p", found.min(), "> 1e-4")
    assert found.min() > 1e-4
    assert kstest(found, "uniform").pvalue > 1e-3


def test_calibration_finds_half_a_percent_of_corruption(note):
    """Exploration of 0.5 % that was played but not logged; 87-92 % of contexts over seeds 13-17, none without it.

    Under a floor of 2 % the same mixture moves no probability by much and is found in 29 %: there it is harmless.
    """
    policy, contexts = taught(LinearTS(ARMS, D, floor=0.0))
    p = policy.propensities(contexts)
    g = np.random.default_rng(13)
    found = (p_values(0.995 * p + 0.005 / ARMS, p, 50_000, g) < 1e-3).mean()
    note("contexts in which 0.5 % of unlogged exploration is found", found, ">= 0.85")
    assert found >= 0.85
    assert (p_values(p, p, 50_000, g) < 1e-3).mean() <= 0.02


def posterior_draws(policy, contexts, draws, g):
    """(contexts, arms) counts of Thompson sampling as it is defined: draw all parameters, play the best."""
    state, counts = policy.state(), []
    if isinstance(policy, BetaTS):
        a, b = policy.posterior.shapes()
        return [np.bincount(g.beta(a, b, (draws, ARMS)).argmax(axis=1), minlength=ARMS) for _ in contexts]
    variance = policy.noise_variance if isinstance(policy, LinearTS) else 1.0
    theta = np.empty((ARMS, draws, D))
    for k in range(ARMS):
        covariance = variance * np.linalg.inv(state["A"][k])
        theta[k] = g.multivariate_normal(np.linalg.solve(state["A"][k], state["b"][k]), covariance, draws)
    for x in contexts:
        counts.append(np.bincount((theta @ x).argmax(axis=0), minlength=ARMS))
    return counts


@pytest.mark.parametrize("kind", [LinearTS, LogisticTS, BetaTS])
def test_vectors_are_thompson_sampling(kind, full, note):
    """Parameters drawn from the posterior, straight from the saved sums. False alarm: 0.2 % over 20 contexts.

    Draws of parameters are shared by the contexts, which makes their p-values alike, not smaller.
    """
    policy, contexts = taught(kind(ARMS, D, floor=0.0))
    contexts = contexts[: 20 if full else 5]
    counts = posterior_draws(policy, contexts, 200_000 if full else 50_000, np.random.default_rng(16))
    p = policy.propensities(contexts)
    found = [chi_square(count, claimed) for count, claimed in zip(counts, p, strict=True)]
    note(f"{policy.name} vector against draws of all parameters: min p", np.min(found), "> 1e-4")
    assert np.min(found) > 1e-4


def test_inverse_propensities_average_to_the_number_of_arms(note):
    """mean(1 / p_a) = K within 4 standard errors: false alarm 6e-5."""
    policy, contexts = taught(LinearTS(ARMS, D))
    off = weighed(policy.propensities(contexts), policy.propensities(contexts), 2_000)[0]
    note("mean(1 / p_a) - K in standard errors", off, "|.| < 4")
    assert abs(off) < 4.0


def weighed(law, logged, draws):
    """(mean(1 / q_a) - K in standard errors, estimated reward of always playing arm 0 where it always earns 1)."""
    p, q = np.repeat(law, draws, axis=0), np.repeat(logged, draws, axis=0)
    arms = draw_many(p, np.random.default_rng(14).random(len(p)))
    weights = 1.0 / q[np.arange(len(q)), arms]
    value = (weights * (arms == 0)).mean()
    return (weights.mean() - law.shape[1]) / (weights.std() / np.sqrt(len(weights))), value


def test_a_softmax_of_scores_would_fail_the_log(note):
    """Wrong alternative: play Thompson sampling, log a softmax of its scores, at the temperature that fits best."""
    policy, contexts = taught(LinearTS(ARMS, D))
    p, scores = policy.propensities(contexts), policy.scores(contexts)
    logs = [softmax(scores / t, axis=1) for t in np.geomspace(0.01, 100.0, 81)]
    q = min(logs, key=lambda q: -(p * np.log(q)).sum())
    found = (p_values(p, q, 50_000, np.random.default_rng(17)) < 1e-3).mean()
    off, value = weighed(p, q, 2_000)
    note("wrong: a softmax of scores is logged: contexts that show it", found, ">= 0.95 to fail")
    note("wrong: a softmax of scores is logged: mean(1 / q_a) - K in std. errors", off, "> 4 to fail")
    note("wrong: a softmax of scores is logged: value 1 is estimated as", value, "off by > .02")
    assert found >= 0.95 and abs(off) > 4.0 and abs(value - 1.0) > 0.02
    assert abs(weighed(p, p, 2_000)[1] - 1.0) < 0.02


def test_counting_wins_would_fail_the_log(note):
    """Wrong alternative: vectors from 1,000 joint draws give 0 to arms that are played, and miss by more than 1e-5."""
    policy, contexts = taught(LinearTS(ARMS, D, floor=0.0))
    p = policy.propensities(contexts)
    wins = np.random.default_rng(15).multinomial(1_000, p) / 1_000
    note("wrong: 1,000 wins counted: largest error", np.abs(wins - p).max(), "> 1e-5 to fail")
    note("wrong: 1,000 wins counted: probability of arms logged as 0", (p * (wins == 0.0)).sum(axis=1).mean())
    found = (p_values(p, np.maximum(wins, 1e-12), 50_000, np.random.default_rng(18)) < 1e-3).mean()
    note("wrong: 1,000 wins counted: contexts that show it", found, ">= 0.95 to fail")
    assert np.abs(wins - p).max() > 1e-5 and (wins == 0.0).any() and found >= 0.95
