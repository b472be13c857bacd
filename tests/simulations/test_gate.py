"""The regression gate: it fails where a policy learns worse, and does not where it only draws otherwise."""

import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from banditcore.kernels.steppers import PolicyStepper
from banditcore.policies import LinearTS, LinUCB
from banditcore_simulations.gate import __main__ as command
from banditcore_simulations.gate import worlds
from banditcore_simulations.gate.cases import CASES, EVENTS, SEEDS, Case, missing, regret
from banditcore_simulations.gate.judge import chance, judged, score
from banditcore_simulations.play import kernel
from banditcore_simulations.play.chance import Chance
from banditcore_simulations.worlds import make_policy

KEPT = json.loads((Path(__file__).parents[2] / "docs/benchmarks/regret.json").read_text())
FEWER = 50
"""Seeds, of those that are kept."""


def finding(case, make=None):
    """The case judged as the command does; make(n_arms, n_features): what plays in place of its policy."""
    size = worlds.make(case.world, 0).n_arms, worlds.FEATURES
    now = [regret(case, seed, make and make(*size)) for seed in range(FEWER)]
    return judged(str(case), KEPT["regrets"][str(case)][:FEWER], now, len(CASES))


class InPython:
    """So that what is written here is what learns."""

    def stepper(self, *, per_arm=False):
        return PolicyStepper(self, per_arm=per_arm)


class WrongArm(InPython, LinUCB):
    def update(self, contexts, arms, rewards, propensities=None, times=None):
        super().update(contexts, (np.asarray(arms) + 1) % self.n_arms, rewards)


class HalfDeaf(InPython, LinearTS):
    heard = 0

    def update(self, contexts, arms, rewards, propensities=None, times=None):
        self.heard += 1
        if self.heard % 2:
            super().update(contexts, arms, rewards)


def fearful(n_arms, n_features):
    policy = LinUCB(n_arms, n_features)
    policy.alpha = -1.0
    return policy


SABOTAGES = {
    "another arm learns": (Case("clicks", "lin_ucb"), WrongArm),
    "half of the rewards are learned": (Case("numbers", "linear_ts"), HalfDeaf),
    "alpha of the other sign": (Case("offers", "lin_ucb"), fearful),
    "no width": (Case("offers", "linear_ts"), lambda *size: LinearTS(*size, exploration=1e-6)),
    "twice the floor": (Case("numbers", "lin_ucb"), lambda *size: LinUCB(*size, floor=0.04)),
}


@pytest.mark.parametrize("name", SABOTAGES)
def test_harm_fails(name):
    found = finding(*SABOTAGES[name])
    assert found.verdict == "WORSE" and found.more > 0.05, found


def test_no_change_is_as_it_was():
    assert finding(Case("clicks", "lin_ucb")).verdict in ("identical", "as before")


def test_what_only_draws_otherwise_passes(monkeypatch):
    """Five times other draws and vectors' seeds: none is WORSE or better, which has probability 1 - 1e-3 at least."""

    class Others(Chance):
        salt = 0

        def __init__(self, world, seed):
            super().__init__(world, seed)
            self._draws, self._seeds = (np.random.default_rng([seed, kind, self.salt]) for kind in range(2))

    monkeypatch.setattr(kernel, "Chance", Others)
    for Others.salt in range(5):
        assert finding(Case("numbers", "lin_ucb")).verdict == "as before"


@pytest.mark.parametrize("tail", [0.0, 1.0, 3.0])
def test_the_stated_chance_is_one(tail):
    """All 65,536 signs of 16 differences, alike or one larger than all others: none of the scores is more likely."""
    sizes = np.exp(tail * np.random.default_rng(1).standard_normal(16))
    signs = np.array(list(itertools.product((-1.0, 1.0), repeat=16)))
    scores = np.sort([score(row) for row in signs * sizes])
    at_least = 1.0 - np.searchsorted(scores, scores - 1e-9) / len(scores)
    assert (at_least <= [chance(each) for each in scores]).all()
    assert chance(4.0) < 1.1e-4 and chance(-1.0) == 1.0


def test_a_large_improvement_is_a_reason_to_keep_it(capsys):
    before = {str(case): list(range(100, 100 + SEEDS)) for case in CASES}
    now = before | {"uniform in clicks": [each / 2 for each in before["uniform in clicks"]]}
    assert command.check({"events": EVENTS, "seeds": SEEDS, "regrets": before}, now)
    assert "Better than kept. make sims-baseline" in capsys.readouterr().out


def test_the_baseline_is_complete():
    assert not missing() and not command.problems(KEPT, {str(case): [] for case in CASES})


def test_what_is_not_kept_fails_with_the_remedy(capsys):
    now = {str(case): [1.0] * SEEDS for case in CASES}
    less = {name: now[name] for name in list(now)[1:]}
    assert not command.check({"events": EVENTS, "seeds": SEEDS, "regrets": less}, now)
    assert "epsilon_greedy in numbers has no baseline: make sims-baseline" in capsys.readouterr().out
    assert not command.check({"events": EVENTS, "seeds": SEEDS, "regrets": now}, less)
    assert not command.check({"events": 7, "seeds": SEEDS, "regrets": now}, now)
    assert "on the commit before the change" in capsys.readouterr().out
    assert command.main(["--baseline", "nowhere.json"]) == 1


def test_a_policy_that_no_case_plays_is_named(monkeypatch):
    monkeypatch.setattr("banditcore_simulations.gate.cases.CASES", [case for case in CASES if "ucb" not in case.policy])
    assert missing() == ["hybrid_lin_ucb", "lin_ucb"]


def test_every_case_has_a_policy():
    for case in CASES:
        make_policy(case.policy, worlds.make(case.world, 0))
